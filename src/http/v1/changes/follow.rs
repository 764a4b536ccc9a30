//! How a client follows the changes: page by page, or as a stream of events.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, dev};

use crate::domain::change::ChangePosition;
use crate::domain::{FieldViolation, Violation};
use crate::http::auth::access::{HandlerArgument, RequestDoc};
use crate::http::auth::stream_origin::StreamOrigin;
use crate::http::error::api_error::ApiError;
use crate::http::headers::LAST_EVENT_ID;
use crate::http::media_type::{EVENT_STREAM, is_preferred_to_json};
use crate::http::shutdown::Shutdown;
use crate::http::streams::StreamKind;

pub struct Follow {
    /// Whether the client prefers a stream of events.
    pub(super) as_stream: bool,
    /// Where it goes on after a connection was lost.
    pub(super) last_event: Option<ChangePosition>,
    pub(super) shutdown: Shutdown,
    pub(super) origin: StreamOrigin,
}

impl Follow {
    /// Ready after this time, or when the server is about to stop.
    pub(super) fn end(&self, after: Duration) -> impl Future<Output = ()> + use<> {
        let shutdown = self.shutdown.begun();
        async move { drop(tokio::time::timeout(after, shutdown).await) }
    }
}

impl FromRequest for Follow {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let follow = || {
            let last_event = request.headers().get(LAST_EVENT_ID).map(|id| {
                let position = id.to_str().ok().and_then(ChangePosition::parse);
                position.ok_or(FieldViolation::at(LAST_EVENT_ID, Violation::NotPosition))
            });
            Ok(Self {
                as_stream: request.method() == Method::GET && is_preferred_to_json(request, EVENT_STREAM),
                last_event: last_event.transpose().map_err(crate::domain::Error::from)?,
                shutdown: Shutdown::of(request)?,
                origin: StreamOrigin::open(request, StreamKind::Changes)?,
            })
        };
        ready(follow())
    }
}

impl HandlerArgument for Follow {
    /// A stream ends with its connection; a page ends with its `wait`.
    const LIMITS_ITS_TIME: bool = true;

    fn document(doc: &mut RequestDoc) {
        doc.add_header(LAST_EVENT_ID);
        doc.is_stream = true;
    }
}
