//! What pages of other origins may send and read (CORS), where the settings name such origins.

use actix_cors::Cors;

use crate::http::openapi::parameters::{IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, REPLAYED};

/// The methods of all routes, those outside of the OpenAPI document among them.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Request headers that a page may set: the key, the media type, the request id, and every header
/// parameter of the OpenAPI document.
const ALLOWED_HEADERS: [&str; 6] =
    ["Authorization", "Content-Type", "X-Request-Id", IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH];

/// Response headers that a page may read: every one of the OpenAPI document.
const EXPOSED_HEADERS: [&str; 7] =
    ["ETag", "Link", "Location", "Retry-After", "WWW-Authenticate", "X-Request-Id", REPLAYED];

/// The middleware that answers preflight requests of these origins and marks the other responses to them.
pub fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(METHODS)
        .allowed_headers(ALLOWED_HEADERS)
        .expose_headers(EXPOSED_HEADERS)
        // A browser is told nothing and keeps the response from the page; there is no need to refuse.
        .block_on_origin_mismatch(false)
        .max_age(3_600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
