//! Headers of every response.

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};

use crate::http::dialect::Dialect;
use crate::http::request_id::{RequestId, X_REQUEST_ID};

/// Every path of a dialect requires a key, so its responses, errors included, must not end up in a shared cache or on
/// the disk of a shared browser.
pub(super) fn set(headers: &mut HeaderMap, dialect: Option<&Dialect>, id: &RequestId) {
    headers.insert(X_REQUEST_ID, id.to_header_value());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if dialect.is_some() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
