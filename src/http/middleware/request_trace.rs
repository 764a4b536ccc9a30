//! The span of a request, with the names of OpenTelemetry's semantic conventions for HTTP servers.
//!
//! **It has nothing that a caller or a contact could be known by**: the pattern of the path and not the path (a path can
//! contain a phone number), no query, no address, no key. What a caller chooses is in it all the same: the request id and
//! the `tracestate`, which are there to be known again.

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use opentelemetry::trace::{Status, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use tracing::{Level, Span, info_span, span_enabled};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::access_log::Failure;
use super::traceparent;
use crate::http::base_url::scheme;
use crate::http::request_id::RequestId;
use crate::trace;

/// Dropped before the request is answered, it was abandoned: its span has no status.
pub(super) struct RequestTrace {
    span: Span,
    context: Context,
    trace_id: Option<TraceId>,
    scheme: &'static str,
}

impl RequestTrace {
    /// `None`, at no cost, if traces are not exported.
    pub(super) fn begin(request: &HttpRequest) -> Option<Self> {
        if !span_enabled!(target: trace::SAMPLED, Level::INFO) {
            return None;
        }
        let parent = traceparent::parent(request.headers());
        let name = span_method(request.method());
        let span = match &parent {
            Some(parent) if !parent.is_sampled() => Span::none(),
            Some(parent) => {
                let span = info_span!(target: trace::SAMPLED, parent: None, "request", otel.name = name, otel.kind = "server");
                // It fails if the span has begun, or is not exported: it is new, and its target says that it is.
                drop(span.set_parent(Context::new().with_remote_span_context(parent.clone())));
                span
            }
            None => {
                info_span!(target: trace::ROOT, parent: None, "request", otel.name = name, otel.kind = "server")
            }
        };
        let context = span.context();
        let own = (!span.is_disabled()).then(|| context.span().span_context().trace_id());
        let trace_id = parent.map(|parent| parent.trace_id()).or(own);
        Some(Self { span, context, trace_id, scheme: scheme(request) })
    }

    /// In which the request is handled.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Of the caller's trace, or that which has begun; `None` if none has.
    pub(super) fn trace_id(&self) -> Option<TraceId> {
        self.trace_id
    }

    /// `request` is `None` if it reached no operation.
    pub(super) fn answered(
        self,
        request: Option<&HttpRequest>,
        method: &Method,
        status: StatusCode,
        id: &RequestId,
        failure: Option<&Failure>,
    ) {
        let Self { span: _span, context, trace_id: _, scheme } = self;
        let span = context.span();
        if !span.is_recording() {
            return;
        }
        let mut attributes = vec![
            KeyValue::new("http.request.method", known(method).unwrap_or("_OTHER")),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::new("url.scheme", scheme),
            KeyValue::new("addressbook.request_id", id.as_str().to_owned()),
        ];
        if let Some(route) = request.and_then(HttpRequest::match_pattern) {
            span.update_name(format!("{} {route}", span_method(method)));
            attributes.push(KeyValue::new("http.route", route));
        }
        if status.is_server_error() {
            let code = failure.map_or("internal_error", |failure| failure.code);
            attributes.push(KeyValue::new("error.type", code));
            span.set_status(Status::error(""));
        }
        span.set_attributes(attributes);
    }
}

/// The methods of HTTP that have a meaning for the conventions. Others, which a client can make up, have none.
fn known(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => return None,
    })
}

/// The method in the name of a span.
fn span_method(method: &Method) -> &'static str {
    known(method).unwrap_or("HTTP")
}
