//! Responses that several resources have in common.

use actix_web::http::header::{HeaderValue, LINK};
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

/// A page of a list, with the links to its neighbours.
#[must_use]
pub fn page(links: Option<HeaderValue>) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if let Some(links) = links {
        response.insert_header((LINK, links));
    }
    response
}
