//! The request of a streamed response, for the log: the line in the access log is written before the stream begins.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use super::access::HandlerArgument;
use crate::domain::Error;
use crate::domain::api_key::Principal;
use crate::http::error::api_error::ApiError;
use crate::http::error::table::wire_code;
use crate::http::request_id::RequestId;

#[derive(Clone, Debug)]
pub struct StreamOrigin {
    request_id: Option<RequestId>,
    principal: Option<Principal>,
}

impl StreamOrigin {
    /// Of a request that has been authenticated.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let extensions = request.extensions();
        Self { request_id: extensions.get().cloned(), principal: extensions.get().cloned() }
    }

    /// Logs why a stream ended before its end. `kind` is what was streamed, with its article.
    pub fn log_abort(&self, kind: &'static str, error: &Error) {
        let Self { request_id, principal } = self;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = request_id.as_ref().map(tracing::field::display),
                    account = principal.as_ref().map(|principal| principal.account().get()),
                    key = principal.as_ref().map(|principal| principal.key().as_str()),
                    code = wire_code(error.code()).v1,
                    cause = Some(error.cause()).filter(|cause| !cause.is_empty()),
                    "{kind} stream was aborted"
                )
            };
        }
        if error.is_client_error() { line!(info) } else { line!(error) }
    }
}

impl FromRequest for StreamOrigin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

impl HandlerArgument for StreamOrigin {}
