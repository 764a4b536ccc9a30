//! The outermost layer: what holds for every request, whatever it asks.
//!
//! It gives each request an id and a line in the log, and writes every error in the envelope of the dialect
//! that was spoken.

use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use uuid::Uuid;

use crate::domain::api_key::Principal;
use crate::domain::{Error, ErrorCode};
use crate::http::app_state::AppState;
use crate::http::connection::Answering;
use crate::http::dialect::Dialect;
use crate::http::error::api_error::{ApiError, Cause};
use crate::http::response_body::{Pieces, SLICE};

/// The header that names a request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from the caller.
pub const MAX_REQUEST_ID: usize = 128;

/// The id of a request: an extension of it.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

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
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let dialect = Dialect::at(request.path());
    let offers_upgrade = request.head().upgrade();
    let uri_limit = AppState::of(request.request()).map(|state| state.limits.uri_limit)?;

    let outcome = if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > uri_limit) {
        Ok(request.error_response(ApiError::from(ErrorCode::UriTooLong)))
    } else {
        let answering = request.conn_data::<Rc<Answering>>().cloned();
        // One with a body has arrived when the body was read; see `extract::body`.
        if !has_body(&request) {
            answering.as_deref().inspect(|answering| answering.begin());
        }
        let outcome = next.call(request).await;
        answering.as_deref().inspect(|answering| answering.end());
        outcome.map(ServiceResponse::map_into_boxed_body)
    };
    match outcome {
        Ok(response) => {
            let (mut response, failure) = written(response, dialect, &id);
            if offers_upgrade {
                // No upgrade is taken (RFC 9110, section 7.8), but the HTTP implementation closes the connection
                // after the response to a request with `Connection: Upgrade`, which the JDK's client sends with
                // each (for h2c). Said, it is no race with the next request.
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            log(Some(response.request()), &method, response.status(), started, &id, failure);
            Ok(response)
        }
        Err(error) => {
            let (failed, failure) = Failed::new(&error, dialect, &id);
            log(None, &method, failed.status_code(), started, &id, Some(failure));
            Err(failed.into())
        }
    }
}

/// What the log says of an error, beside the status.
struct Failure {
    code: &'static str,
    /// What lies behind it; empty where nothing does.
    cause: String,
}

/// Writes the line of a request: at the level of a warning where it cannot be answered for now, at that of an
/// error where that is our fault. Who has sent it is told of requests that fail.
fn log(
    request: Option<&HttpRequest>,
    method: &Method,
    status: StatusCode,
    started: Instant,
    id: &HeaderValue,
    failure: Option<Failure>,
) {
    macro_rules! line {
        ($level:ident, $message:literal $(, $name:ident = $value:expr)*) => {{
            let extensions = request.map(|request| request.extensions());
            let principal = extensions.as_ref().and_then(|extensions| extensions.get::<Principal>());
            tracing::$level!(
                request_id = id.to_str().unwrap_or_default(),
                %method,
                // The pattern and not the path: a path can hold a phone number. (It is looked for here, where
                // nobody looks for it unless there is a line to write.)
                route = request.and_then(HttpRequest::match_pattern).unwrap_or_default(),
                status = status.as_u16(),
                duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                account = principal.map(|principal| principal.account().get()),
                key = principal.map(|principal| principal.key().as_str()),
                $($name = $value,)*
                $message
            );
        }};
    }
    if status.as_u16() < 400 {
        line!(info, "request");
        return;
    }
    let peer = request.and_then(HttpRequest::peer_addr).map(tracing::field::display);
    let (code, cause) = failure.map(|Failure { code, cause }| (code, cause)).unzip();
    let cause = cause.as_deref().filter(|cause| !cause.is_empty());
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => {
            line!(warn, "request failed", peer = peer, code = code, cause = cause);
        }
        status if status.is_server_error() => {
            line!(error, "request failed", peer = peer, code = code, cause = cause);
        }
        _ => line!(info, "request", peer = peer, code = code),
    }
}

/// Whether bytes of a request follow its head.
fn has_body(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// The caller's id, if it is one that can stand in a log and in a header; else one of ours.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte))
    };
    request.headers().get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(new_request_id)
}

/// An id of ours.
pub(crate) fn new_request_id() -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let id = Uuid::now_v7().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// A response with what every response carries; an error in its envelope, and what the log says of it.
fn written(
    response: ServiceResponse<BoxBody>,
    dialect: Option<&'static Dialect>,
    id: &HeaderValue,
) -> (ServiceResponse<BoxBody>, Option<Failure>) {
    let (mut response, failure) = match response.response().error() {
        Some(error) => {
            let (mut written, failure) = write(error, dialect);
            // What other layers have added (CORS) stays.
            for (name, value) in response.headers() {
                if !written.headers().contains_key(name) {
                    written.headers_mut().append(name.clone(), value.clone());
                }
            }
            (response.into_response(written), Some(failure))
        }
        None => {
            let cause = response.response().extensions().get::<Cause>().map(|Cause(cause)| cause.clone());
            let failure = cause.map(|cause| Failure { code: ErrorCode::Unavailable.row().v1, cause });
            (response.map_body(|_, body| in_slices(body)), failure)
        }
    };
    mark(response.headers_mut(), dialect, id);
    (response, failure)
}

/// A body that is handed to the connection some at a time.
fn in_slices(body: BoxBody) -> BoxBody {
    match body.size() {
        BodySize::Sized(size) if size > SLICE as u64 => match body.try_into_bytes() {
            Ok(bytes) => BoxBody::new(Pieces::new([bytes])),
            Err(body) => body,
        },
        _ => body,
    }
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

/// The response to an error, and what the log says of it.
fn write(error: &ActixError, dialect: Option<&'static Dialect>) -> (HttpResponse, Failure) {
    let own;
    let problem = match error.as_error::<ApiError>() {
        Some(problem) => problem,
        None => {
            own = foreign(error);
            &own
        }
    };
    let failure = Failure { code: problem.error().code().row().v1, cause: problem.error().cause() };
    (problem.respond(dialect.unwrap_or(&crate::http::v1::DIALECT)), failure)
}

/// An error that the web framework made.
fn foreign(error: &ActixError) -> ApiError {
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

/// An error that has left the layers behind it without a response, and knows all that is needed to
/// make one.
#[derive(Debug)]
pub struct Failed {
    status: StatusCode,
    response: std::cell::RefCell<Option<HttpResponse>>,
}

impl Failed {
    fn new(error: &ActixError, dialect: Option<&'static Dialect>, id: &HeaderValue) -> (Self, Failure) {
        let (mut response, failure) = write(error, dialect);
        mark(response.headers_mut(), dialect, id);
        (Self { status: response.status(), response: Some(response).into() }, failure)
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
