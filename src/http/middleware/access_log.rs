//! One log line per request.

use std::time::Instant;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};
use opentelemetry::trace::TraceId;

use crate::domain::api_key::Principal;
use crate::http::forwarded_for::forwarded_for;
use crate::http::request_id::RequestId;

/// What the log line of a failed request has beside the status.
pub(super) struct Failure {
    pub(super) code: &'static str,
    /// The underlying error; may be empty.
    pub(super) cause: String,
}

/// Logs a request: as a warning if the failure is temporary, as an error if it is ours. Only failed requests show
/// the address of the connection and, behind a proxy, that of the client.
pub(super) fn log(
    request: Option<&HttpRequest>,
    method: &Method,
    status: StatusCode,
    started: Instant,
    id: &RequestId,
    trace_id: Option<TraceId>,
    failure: Option<Failure>,
) {
    macro_rules! line {
        ($level:ident, $message:literal $(, $name:ident = $value:expr)*) => {{
            let extensions = request.map(|request| request.extensions());
            let principal = extensions.as_ref().and_then(|extensions| extensions.get::<Principal>());
            tracing::$level!(
                request_id = id.as_str(),
                trace_id = trace_id.map(tracing::field::display),
                %method,
                // The pattern and not the path: a path can contain a phone number. (It is evaluated here because
                // the lookup is only worth its cost if the line is enabled.)
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
    let client = request.and_then(forwarded_for).map(tracing::field::display);
    let (code, cause) = failure.map(|Failure { code, cause }| (code, cause)).unzip();
    let cause = cause.as_deref().filter(|cause| !cause.is_empty());
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => {
            line!(warn, "request failed", peer = peer, client = client, code = code, cause = cause);
        }
        status if status.is_server_error() => {
            line!(error, "request failed", peer = peer, client = client, code = code, cause = cause);
        }
        _ => line!(info, "request", peer = peer, client = client, code = code),
    }
}
