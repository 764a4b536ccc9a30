//! The outermost layer of the application: request id, URI limit, error envelope, response headers, metrics,
//! trace and access log.

use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, HttpMessage, ResponseError};
use tracing::{Instrument, Span};

use super::error_envelope::{RenderedError, render_response};
use super::request_trace::RequestTrace;
use super::{access_log, response_headers};
use crate::domain::ErrorCode;
use crate::http::app_state::AppState;
use crate::http::connection::RequestInProgress;
use crate::http::dialect::Dialects;
use crate::http::error::api_error::ApiError;
use crate::http::metrics::WorkerMetrics;
use crate::http::rate_limit::RateLimitFields;
use crate::http::request_id::RequestId;

/// Handles a request. Fails only with errors that render themselves: see `RenderedError`.
pub async fn request_scope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    dialects: Dialects,
    metrics: Option<WorkerMetrics>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let started = Instant::now();
    let metrics = metrics.map(|metrics| metrics.begin(started));
    let trace = RequestTrace::begin(request.request());
    let trace_id = trace.as_ref().and_then(RequestTrace::trace_id);
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let dialect = dialects.at(request.path());
    let envelope = dialect.unwrap_or(dialects.default);
    let offers_upgrade = request.head().upgrade();
    let uri_limit = AppState::of(request.request()).map(|state| state.limits.uri_limit)?;

    let result = if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > uri_limit) {
        Ok(request.error_response(ApiError::from(ErrorCode::UriTooLong)))
    } else {
        let in_progress = request.conn_data::<Rc<RequestInProgress>>().cloned();
        // A request with a body has arrived when its body was read; see `extract::body`.
        if !has_body(&request) {
            in_progress.as_deref().inspect(|in_progress| in_progress.begin());
        }
        let span = trace.as_ref().map_or_else(Span::none, RequestTrace::span);
        let result = next.call(request).instrument(span).await;
        in_progress.as_deref().inspect(|in_progress| in_progress.end());
        result.map(ServiceResponse::map_into_boxed_body)
    };
    match result {
        Ok(response) => {
            let (mut response, failure) = render_response(response, envelope);
            response_headers::set(response.headers_mut(), dialect, &id);
            let rate_limits = response.request().extensions().get::<RateLimitFields>().cloned();
            rate_limits.inspect(|fields| fields.add_to(response.headers_mut()));
            if offers_upgrade {
                // No upgrade is accepted (RFC 9110, section 7.8), but the HTTP implementation closes the connection
                // after the response to a request with `Connection: Upgrade`, which the JDK's client sends with
                // every request (for h2c). Announcing it avoids a race with the client's next request.
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            if let Some(metrics) = metrics {
                metrics.answered(Some(response.request()), response.status());
            }
            if let Some(trace) = trace {
                trace.answered(Some(response.request()), &method, response.status(), &id, failure.as_ref());
            }
            access_log::log(
                Some(response.request()),
                &method,
                response.status(),
                started,
                &id,
                trace_id,
                failure,
            );
            Ok(response)
        }
        Err(error) => {
            let (error, failure) = RenderedError::new(&error, envelope, dialect, &id);
            if let Some(metrics) = metrics {
                metrics.answered(None, error.status_code());
            }
            if let Some(trace) = trace {
                trace.answered(None, &method, error.status_code(), &id, Some(&failure));
            }
            access_log::log(None, &method, error.status_code(), started, &id, trace_id, Some(failure));
            Err(error.into())
        }
    }
}

fn has_body(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
}
