//! The explorer: Swagger UI, out of the binary, as a place to work. No request leaves for another host.

mod files;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web;

use super::error::api_error::ApiError;
use super::extract::IfNoneMatch;
use super::forwarded_prefix::Prefix;
use super::routes::read_only;
use crate::domain::ErrorCode;

/// Where the explorer is.
pub const PATH: &str = "/swagger-ui/";

/// Everything comes from this server. Styles may stand at elements, because Swagger UI sets them
/// there, and its icons are `data:` images; scripts come from files alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Adds the explorer, and ways that lead to it.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(read_only("/", lead_to_explorer))
        .service(read_only("/swagger-ui", lead_to_explorer))
        .service(read_only(PATH, page))
        .service(read_only("/swagger-ui/{file}", file));
}

async fn lead_to_explorer(prefix: Prefix) -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, prefix.before(PATH))).finish()
}

async fn page(cached: IfNoneMatch) -> Result<HttpResponse, ApiError> {
    answer("index.html", &cached)
}

async fn file(name: web::Path<String>, cached: IfNoneMatch) -> Result<HttpResponse, ApiError> {
    answer(&name, &cached)
}

fn answer(name: &str, cached: &IfNoneMatch) -> Result<HttpResponse, ApiError> {
    Ok(files::named(name).ok_or(ErrorCode::RouteNotFound)?.answer(cached))
}
