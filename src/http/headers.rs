//! Names of HTTP headers that extractors, responses, CORS and the OpenAPI document share.

/// Where the change log stood when a response was begun.
pub const CHANGE_POSITION: &str = "X-Change-Position";
/// Marks the retries of one create as the same request.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// Names the version that a change applies to.
pub const IF_MATCH: &str = "If-Match";
/// Names the versions that a client has cached.
pub const IF_NONE_MATCH: &str = "If-None-Match";
/// Where a client of an event stream goes on (WHATWG HTML, section 9.2).
pub const LAST_EVENT_ID: &str = "Last-Event-ID";
/// The trace that a request is part of, and what its tracing systems say of it (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
pub const TRACESTATE: &str = "tracestate";
/// Marks a response that repeats the result of an earlier request with the same `Idempotency-Key`.
pub const IDEMPOTENT_REPLAYED: &str = "Idempotent-Replayed";
