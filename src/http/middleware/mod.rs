//! Concerns of every request, whichever operation it calls.
//!
//! [`request_scope`] runs all of them but CORS in one actix layer: each layer boxes a future per request.

mod access_log;
pub mod cors;
mod error_envelope;
pub mod request_scope;
mod request_trace;
mod response_headers;
mod traceparent;
