//! Persistence of fields.

use async_trait::async_trait;

use super::model::{Field, FieldId, FieldKey};
use crate::domain::error::Result;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};

/// A page of the list, newest first.
#[derive(Clone, Debug)]
pub struct FieldQuery {
    pub page: CursorParams<FieldId>,
    pub key: Option<FieldKey>,
}

/// Scoped to one account.
#[async_trait]
pub trait FieldRepository: Send + Sync {
    /// Declares a field. Every write that is acknowledged afterwards is in its index; the contacts that existed before are
    /// indexed in the background. A repeated request replays the result of the first.
    ///
    /// # Errors
    /// [`ErrorCode::FieldDeclared`](crate::domain::ErrorCode::FieldDeclared),
    /// [`ErrorCode::FieldQuota`](crate::domain::ErrorCode::FieldQuota),
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse).
    async fn declare(&self, field: Field, request: Option<IdempotentRequest>) -> Result<Created<Field>>;

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn get(&self, id: FieldId) -> Result<Field>;

    /// All fields, at most [`MAX_FIELDS`](super::MAX_FIELDS).
    async fn all(&self) -> Result<Vec<Field>>;

    /// Deletes a field, in time independent of the number of contacts: its index is deleted in the background.
    ///
    /// # Errors
    /// As [`Self::get`].
    async fn delete(&self, id: FieldId) -> Result<()>;

    async fn cursor_page(&self, query: FieldQuery) -> Result<CursorPage<Field>>;
}
