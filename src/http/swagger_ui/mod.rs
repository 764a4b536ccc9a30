//! Swagger UI, served from the binary. The page makes no request to another host.

mod files;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web;

use super::error::api_error::ApiError;
use super::extract::IfNoneMatch;
use super::forwarded_prefix::Prefix;
use super::resource::read_only;
use crate::domain::ErrorCode;

pub const PATH: &str = "/swagger-ui/";

/// Adds the page and redirects to it.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(read_only("/", redirect_to_page))
        .service(read_only("/swagger-ui", redirect_to_page))
        .service(read_only(PATH, page))
        .service(read_only("/swagger-ui/{file}", file));
}

async fn redirect_to_page(prefix: Prefix) -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, prefix.prepend_to(PATH))).finish()
}

async fn page(if_none_match: IfNoneMatch) -> Result<HttpResponse, ApiError> {
    respond("index.html", &if_none_match)
}

async fn file(name: web::Path<String>, if_none_match: IfNoneMatch) -> Result<HttpResponse, ApiError> {
    respond(&name, &if_none_match)
}

fn respond(name: &str, if_none_match: &IfNoneMatch) -> Result<HttpResponse, ApiError> {
    Ok(files::find(name).ok_or(ErrorCode::RouteNotFound)?.respond(if_none_match))
}
