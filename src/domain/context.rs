//! Who asks: every repository is made for one request, and what a write changes is recorded with it.

use std::sync::Arc;

use super::account::AccountId;
use super::api_key::KeyId;

/// The account that a request is made for, the API key that makes it, and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    account: AccountId,
    key: KeyId,
    request_id: String,
}

impl RequestContext {
    /// Shared: a write keeps it until it is committed, which may be after the request.
    #[must_use]
    pub fn new(account: AccountId, key: KeyId, request_id: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { account, key, request_id: request_id.into() })
    }

    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The API key, for the change log.
    #[must_use]
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// `X-Request-Id`, for the change log.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }
}
