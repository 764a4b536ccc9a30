//! Routes outside the OpenAPI document, and the 405 of methods that a path does not have.

use std::future::ready;

use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, web};

use super::error::api_error::ApiError;
use crate::domain::ErrorCode;

/// A path that answers GET and HEAD only.
#[must_use]
pub fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let resource = web::resource(path).route(web::get().to(handler.clone())).route(web::head().to(handler));
    with_method_not_allowed(resource, ["GET", "HEAD"].into_iter())
}

/// Answers every method but these with 405 and `Allow`.
pub fn with_method_not_allowed<'a>(resource: Resource, methods: impl Iterator<Item = &'a str>) -> Resource {
    let allow = methods.collect::<Vec<_>>().join(", ");
    resource.default_service(web::to(move || {
        let error = match HeaderValue::from_str(&allow) {
            Ok(allow) => ApiError::method_not_allowed(allow),
            Err(_) => ErrorCode::MethodNotAllowed.into(),
        };
        ready(Err::<HttpResponse, _>(error))
    }))
}
