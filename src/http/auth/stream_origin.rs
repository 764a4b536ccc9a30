//! The request of a streamed response: for the log, as the line in the access log is written before the stream begins, and for
//! the number of streams of its account.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use super::access::{HandlerArgument, RequestDoc};
use crate::domain::Error;
use crate::domain::api_key::Principal;
use crate::http::app_state::AppState;
use crate::http::error::api_error::ApiError;
use crate::http::error::table::wire_code;
use crate::http::request_id::RequestId;
use crate::http::streams::{OpenStream, StreamKind};

/// Belongs to the response, and is dropped with it.
#[derive(Debug)]
pub struct StreamOrigin {
    request_id: Option<RequestId>,
    principal: Option<Principal>,
    _open: Option<OpenStream>,
}

impl StreamOrigin {
    /// Of a request that has been authenticated.
    ///
    /// # Errors
    /// 429 if the account has too many streams of this kind open.
    pub fn open(request: &HttpRequest, kind: StreamKind) -> Result<Self, ApiError> {
        let (state, extensions) = (AppState::of(request)?, request.extensions());
        let principal: Option<Principal> = extensions.get().cloned();
        let open = principal
            .as_ref()
            .map(|principal| state.streams.open(principal.account(), kind, principal.limits()))
            .transpose()?;
        Ok(Self { request_id: extensions.get().cloned(), principal, _open: open })
    }

    /// Logs why a stream ended before its end. `kind` is what was streamed, with its article.
    pub fn log_abort(&self, kind: &'static str, error: &Error) {
        let Self { request_id, principal, _open } = self;
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
        ready(Self::open(request, StreamKind::Contacts))
    }
}

impl HandlerArgument for StreamOrigin {
    fn document(doc: &mut RequestDoc) {
        doc.is_stream = true;
    }
}
