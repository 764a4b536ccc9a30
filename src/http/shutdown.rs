//! Tells handlers that wait for something that the server is about to stop.

use std::fmt;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use futures_util::future::BoxFuture;

use super::error::api_error::ApiError;
use crate::domain::ErrorCode;

#[derive(Clone)]
pub struct Shutdown(Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>);

impl Shutdown {
    /// `begun` returns what is ready when the graceful shutdown begins, or has begun.
    pub fn new(begun: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(begun))
    }

    /// # Errors
    /// The application was built without it.
    pub fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let shutdown = request.app_data::<Data<Self>>().map(|data| data.get_ref().clone());
        shutdown.ok_or_else(|| ErrorCode::Internal.into())
    }

    /// Ready when the graceful shutdown begins, or has begun.
    pub fn begun(&self) -> BoxFuture<'static, ()> {
        self.0()
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").finish_non_exhaustive()
    }
}
