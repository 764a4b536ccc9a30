//! Authentication by operator key.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};

use super::bearer;
use super::caller::Caller;
use crate::domain::account::service::AccountService;
use crate::domain::api_key::service::KeyService;
use crate::domain::api_key::{KeyId, KeyKind};
use crate::domain::operator::service::OperatorService;
use crate::domain::store::Store;
use crate::domain::{AccountId, Permission};
use crate::http::app_state::AppState;
use crate::http::error::api_error::ApiError;
use crate::http::request_id::RequestId;

/// Proof that the request has a valid operator key. It leads to accounts and keys, and to no repository of what is in an
/// account.
pub struct Operator {
    store: Arc<dyn Store>,
    keys: KeyService,
    key: KeyId,
    request_id: Option<RequestId>,
}

impl Operator {
    #[must_use]
    pub fn accounts(&self) -> AccountService {
        AccountService::new(Arc::clone(&self.store))
    }

    /// The keys of accounts.
    #[must_use]
    pub fn keys(&self) -> &KeyService {
        &self.keys
    }

    /// Logs what the operator has changed: `change` is the id of the operation.
    pub fn log(&self, change: &'static str, account: AccountId, key: Option<&KeyId>) {
        tracing::info!(
            request_id = self.request_id.as_ref().map(RequestId::as_str),
            operator = self.key.as_str(),
            change,
            account = account.get(),
            key = key.map(KeyId::as_str),
            "administration"
        );
    }
}

impl Caller for Operator {
    const KIND: KeyKind = KeyKind::Operator;

    /// An operator key has no permissions: it may do all that the administration API can, and nothing else.
    const PERMISSIONS: &'static [Permission] = &[];

    async fn check(request: &HttpRequest) -> Result<Self, ApiError> {
        let state = AppState::of(request)?;
        let token = bearer::token(request, KeyKind::Operator)?;
        let operators = OperatorService::new(Arc::clone(&state.store));
        let key = operators
            .authenticate(&token)
            .await
            .map_err(|error| bearer::rejected(error, KeyKind::Operator))?;
        let request_id = request.extensions().get::<RequestId>().cloned();
        Ok(Self { store: Arc::clone(&state.store), keys: state.keys.clone(), key: key.id, request_id })
    }

    fn require(&self, permissions: impl IntoIterator<Item = Permission>) -> Result<(), ApiError> {
        // Permissions are those of an account's keys.
        let missing: Vec<_> = permissions.into_iter().collect();
        if missing.is_empty() { Ok(()) } else { Err(ApiError::forbidden(&missing)) }
    }

    /// No rate limit applies to operators.
    async fn spend_items(&self, _: &HttpRequest, _: usize) -> Result<(), ApiError> {
        Ok(())
    }
}
