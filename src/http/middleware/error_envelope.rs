//! Renders every error in the envelope of the request's dialect.

use std::cell::RefCell;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::{Error as ActixError, HttpResponse, ResponseError};

use super::access_log::Failure;
use super::response_headers;
use crate::domain::{Error, ErrorCode};
use crate::http::dialect::Dialect;
use crate::http::error::api_error::{ApiError, Cause};
use crate::http::error::table::wire_code;
use crate::http::request_id::RequestId;
use crate::http::response_body::chunked;

/// A response with its error rendered, if it has one, and what to log about the failure.
pub(super) fn render_response(
    response: ServiceResponse<BoxBody>,
    envelope: &'static Dialect,
) -> (ServiceResponse<BoxBody>, Option<Failure>) {
    match response.response().error() {
        Some(error) => {
            let (mut rendered, failure) = render(error, envelope);
            // Headers that inner layers have added (CORS) are kept.
            for (name, value) in response.headers() {
                if !rendered.headers().contains_key(name) {
                    rendered.headers_mut().append(name.clone(), value.clone());
                }
            }
            (response.into_response(rendered), Some(failure))
        }
        None => {
            let cause = response.response().extensions().get::<Cause>().map(|Cause(cause)| cause.clone());
            let failure = cause.map(|cause| Failure { code: wire_code(ErrorCode::Unavailable).v1, cause });
            (response.map_body(|_, body| chunked(body)), failure)
        }
    }
}

fn render(error: &ActixError, envelope: &Dialect) -> (HttpResponse, Failure) {
    let converted;
    let error = match error.as_error::<ApiError>() {
        Some(error) => error,
        None => {
            converted = from_framework(error);
            &converted
        }
    };
    let failure = Failure { code: wire_code(error.error().code()).v1, cause: error.error().cause() };
    (error.respond(envelope), failure)
}

/// An error of the web framework.
fn from_framework(error: &ActixError) -> ApiError {
    let status = error.as_response_error().status_code();
    let code = match status {
        StatusCode::NOT_FOUND => ErrorCode::RouteNotFound,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        StatusCode::REQUEST_TIMEOUT => ErrorCode::RequestTimeout,
        status if status.is_client_error() => ErrorCode::MalformedRequest,
        _ => return Error::caused_by(ErrorCode::Internal, format!("{status} from the web framework")).into(),
    };
    code.into()
}

/// An error that inner layers returned instead of a response, with its rendered response.
#[derive(Debug)]
pub(super) struct RenderedError {
    status: StatusCode,
    response: RefCell<Option<HttpResponse>>,
}

impl RenderedError {
    pub(super) fn new(
        error: &ActixError,
        envelope: &Dialect,
        dialect: Option<&Dialect>,
        id: &RequestId,
    ) -> (Self, Failure) {
        let (mut response, failure) = render(error, envelope);
        response_headers::set(response.headers_mut(), dialect, id);
        (Self { status: response.status(), response: Some(response).into() }, failure)
    }
}

impl fmt::Display for RenderedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

impl ResponseError for RenderedError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.response.take().unwrap_or_else(|| HttpResponse::new(self.status))
    }
}
