//! Responses that several resources have in common.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::error::api_error::ApiError;
use super::headers::IDEMPOTENT_REPLAYED;

/// What every handler returns.
pub type HandlerResult = Result<HttpResponse, ApiError>;

/// The response to an idempotent request; `replayed` if an earlier request with the same `Idempotency-Key` got it.
#[must_use]
pub fn idempotent(mut response: HttpResponseBuilder, replayed: bool) -> HttpResponseBuilder {
    if replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    response
}
