//! Responses that several resources have in common.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::error::api_error::ApiError;
use super::headers::IDEMPOTENT_REPLAYED;

/// What every handler returns.
pub type HandlerResult = Result<HttpResponse, ApiError>;

/// The response to a create. `replayed` means that an earlier request with the same `Idempotency-Key` created the
/// resource.
#[must_use]
pub fn created(mut response: HttpResponseBuilder, replayed: bool) -> HttpResponseBuilder {
    if replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    response
}
