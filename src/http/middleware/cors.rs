//! CORS, for the origins in the settings.

use actix_cors::Cors;

use crate::http::headers::{
    CHANGE_POSITION, IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, IF_MATCH, IF_NONE_MATCH, LAST_EVENT_ID,
    TRACEPARENT, TRACESTATE,
};
use crate::http::rate_limit::{RATE_LIMIT, RATE_LIMIT_POLICY};

/// The methods of all routes, including those outside the OpenAPI document.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The key, the media type, the request id, the trace, and every header parameter of the OpenAPI document.
const ALLOWED_HEADERS: [&str; 9] = [
    "Authorization",
    "Content-Type",
    "X-Request-Id",
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    LAST_EVENT_ID,
    TRACEPARENT,
    TRACESTATE,
];

/// Every response header of the OpenAPI document.
const EXPOSED_HEADERS: [&str; 11] = [
    "Content-Disposition",
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
    CHANGE_POSITION,
    IDEMPOTENT_REPLAYED,
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
];

/// Answers preflight requests of these origins and adds the CORS headers to other responses.
pub fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(METHODS)
        .allowed_headers(ALLOWED_HEADERS)
        .expose_headers(EXPOSED_HEADERS)
        // Without the headers, the browser hides the response from the page; rejecting the request adds nothing.
        .block_on_origin_mismatch(false)
        .max_age(3_600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
