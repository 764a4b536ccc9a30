//! Swagger UI, out of the binary: no request leaves for another host.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::api::read_only;
use super::openapi::JSON_PATH;

/// Where Swagger UI is.
pub const PATH: &str = "/swagger-ui/";

/// Everything comes from this server. Styles may stand at elements, because Swagger UI sets them
/// there, and its icons are `data:` images; scripts come from files alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Adds Swagger UI, and ways that lead to it.
pub fn configure(config: &mut web::ServiceConfig) {
    let explorer = Config::new([JSON_PATH])
        .try_it_out_enabled(true)
        .filter(true)
        .deep_linking(true)
        .display_operation_id(true)
        .display_request_duration(true)
        .default_models_expand_depth(0)
        // The standalone layout has a bar on top that invites to documents of other hosts.
        .use_base_layout()
        // Else Swagger UI asks a validator on the internet about the document.
        .validator_url("none");
    config
        .service(read_only("/", lead_to_explorer))
        .service(read_only("/swagger-ui", lead_to_explorer))
        .service(
            web::scope("")
                .wrap(from_fn(protect))
                .guard(actix_web::guard::fn_guard(|context| context.head().uri.path().starts_with(PATH)))
                // Swagger UI's own page has no viewport for phones.
                .service(read_only(PATH, page))
                .service(read_only("/swagger-ui/index.html", page))
                .service(read_only("/swagger-ui/index.css", style))
                .service(SwaggerUi::new("/swagger-ui/{_:.*}").config(explorer)),
        );
}

async fn lead_to_explorer() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, PATH)).finish()
}

async fn page() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(include_str!("index.html"))
}

async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("index.css"))
}

async fn protect(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
