//! What answers of the same kind have in common, whatever they are about.

use actix_web::http::header::{HeaderValue, LINK};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::openapi::parameters::REPLAYED;

/// The answer to a create; `replayed` says that an earlier request with the same key made the thing.
#[must_use]
pub fn made(mut response: HttpResponseBuilder, replayed: bool) -> HttpResponseBuilder {
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    response
}

/// A page of a list, with the addresses of its neighbours where it has such.
#[must_use]
pub fn page(links: Option<HeaderValue>) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if let Some(links) = links {
        response.insert_header((LINK, links));
    }
    response
}
