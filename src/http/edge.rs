//! The outermost layer: what holds for every request, whatever it asks.
//!
//! It gives each request an id, a time limit and a line in the log, and writes every error in the
//! envelope of the dialect that was spoken.

use std::fmt;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, HttpMessage, HttpResponse, ResponseError};
use uuid::Uuid;

use super::dialect::Dialect;
use super::problem::Problem;
use super::state::State;
use crate::domain::api_key::Principal;
use crate::domain::{Code, Error};

/// The header that names a request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from the caller.
pub const MAX_REQUEST_ID: usize = 128;

/// Answers a request.
///
/// # Errors
/// Only those that know how to write themselves; see [`Failed`].
pub async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let started = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let dialect = Dialect::at(request.path());
    let (uri_limit, time_limit) =
        State::of(request.request()).map(|state| (state.limits.uri_limit, state.limits.request_timeout))?;

    let outcome = if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > uri_limit) {
        Err(Problem::from(Code::UriTooLong).into())
    } else {
        match tokio::time::timeout(time_limit, next.call(request)).await {
            Ok(outcome) => outcome.map(ServiceResponse::map_into_boxed_body),
            Err(_) => {
                Err(Problem::from(Error::caused_by(Code::Unavailable, "the request ran out of time")).into())
            }
        }
    };
    let outcome = match outcome {
        Ok(response) => Ok(written(response, dialect, &id)),
        Err(error) => Err(Failed::new(&error, dialect, id.clone())),
    };

    let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let id = id.to_str().unwrap_or_default();
    match outcome {
        Ok(response) => {
            let status = response.status().as_u16();
            let request = response.request();
            let extensions = request.extensions();
            let principal = extensions.get::<Principal>();
            tracing::info!(
                request_id = id,
                %method,
                // The pattern and not the path: a path can hold a phone number. (It is looked for here, where
                // nobody looks for it unless there is a line to write.)
                route = request.match_pattern().unwrap_or_default(),
                status,
                duration_us,
                account = principal.map(|principal| principal.account().get()),
                key = principal.map(|principal| principal.key().as_str()),
                "request"
            );
            drop(extensions);
            Ok(response)
        }
        Err(failed) => {
            let status = failed.status_code().as_u16();
            tracing::info!(request_id = id, %method, status, duration_us, "request");
            Err(failed.into())
        }
    }
}

/// The caller's id, if it is one that can stand in a log and in a header; else one of ours.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte))
    };
    request.headers().get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let id = Uuid::now_v7().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
    })
}

/// A response with what every response carries; an error in its envelope.
fn written(
    response: ServiceResponse<BoxBody>,
    dialect: Option<&'static Dialect>,
    id: &HeaderValue,
) -> ServiceResponse<BoxBody> {
    let mut response = match response.response().error() {
        Some(error) => {
            let mut written = write(error, dialect, id);
            // What other layers have added (CORS) stays.
            for (name, value) in response.headers() {
                if !written.headers().contains_key(name) {
                    written.headers_mut().append(name.clone(), value.clone());
                }
            }
            response.into_response(written)
        }
        None => response,
    };
    mark(response.headers_mut(), dialect, id);
    response
}

/// Adds the headers of every response. Whatever is under the path of a dialect needs a key, and is
/// not for a cache on the way nor for the disk of a shared browser, error or not.
fn mark(headers: &mut HeaderMap, dialect: Option<&'static Dialect>, id: &HeaderValue) {
    headers.insert(REQUEST_ID, id.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if dialect.is_some() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The response to an error, and its line in the log if it is our fault.
fn write(error: &ActixError, dialect: Option<&'static Dialect>, id: &HeaderValue) -> HttpResponse {
    let own;
    let problem = match error.as_error::<Problem>() {
        Some(problem) => problem,
        None => {
            own = foreign(error);
            &own
        }
    };
    let row = problem.error().code().row();
    if row.status >= 500 {
        let cause = problem.error().cause();
        let id = id.to_str().unwrap_or_default();
        tracing::error!(request_id = id, code = row.v1, cause, "request failed");
    }
    problem.respond(dialect.unwrap_or(&super::v1::DIALECT))
}

/// An error that the web framework made.
fn foreign(error: &ActixError) -> Problem {
    let status = error.as_response_error().status_code();
    let code = match status {
        StatusCode::NOT_FOUND => Code::RouteNotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
        status if status.is_client_error() => Code::Malformed,
        _ => return Error::caused_by(Code::Internal, format!("{status} from the web framework")).into(),
    };
    code.into()
}

/// An error that has left the layers behind it without a response, and knows all that is needed to
/// make one.
#[derive(Debug)]
pub struct Failed {
    status: StatusCode,
    response: std::cell::RefCell<Option<HttpResponse>>,
}

impl Failed {
    fn new(error: &ActixError, dialect: Option<&'static Dialect>, id: HeaderValue) -> Self {
        let mut response = write(error, dialect, &id);
        mark(response.headers_mut(), dialect, &id);
        Self { status: response.status(), response: Some(response).into() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

impl ResponseError for Failed {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.response.take().unwrap_or_else(|| HttpResponse::new(self.status))
    }
}
