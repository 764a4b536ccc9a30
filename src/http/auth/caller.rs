//! Who calls an operation: the first argument of every protected handler.

use actix_web::HttpRequest;

use crate::domain::Permission;
use crate::domain::api_key::KeyKind;
use crate::http::error::api_error::ApiError;

/// Proof that the request has a valid key of a kind, with the permissions that every request requires.
pub trait Caller: Sized + 'static {
    const KIND: KeyKind;

    const PERMISSIONS: &'static [Permission];

    /// # Errors
    /// 401 if there is no valid key; what else refuses a caller before anything of the request is read.
    fn check(request: &HttpRequest) -> impl Future<Output = Result<Self, ApiError>>;

    /// # Errors
    /// 403 if the key lacks some of these permissions, which the request requires beyond those of every request.
    fn require(&self, permissions: impl IntoIterator<Item = Permission>) -> Result<(), ApiError>;

    /// Spends what the items of a body cost beyond the request itself.
    ///
    /// # Errors
    /// 429 if a rate limit refuses the request.
    fn spend_items(&self, request: &HttpRequest, items: usize) -> impl Future<Output = Result<(), ApiError>>;
}
