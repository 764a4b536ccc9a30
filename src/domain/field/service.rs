//! The fields of one account.

use super::model::{Field, FieldId, NewField};
use super::repository::{FieldQuery, FieldRepository};
use crate::domain::error::Result;
use crate::domain::idempotency::{self, Created, IdempotentRequest};
use crate::domain::pagination::CursorPage;

pub struct FieldService {
    repository: Box<dyn FieldRepository>,
}

impl FieldService {
    #[must_use]
    pub fn new(repository: Box<dyn FieldRepository>) -> Self {
        Self { repository }
    }

    /// Declares a field; see [`idempotency::create`].
    ///
    /// # Errors
    /// As [`FieldRepository::declare`].
    pub async fn declare(
        &self,
        new: NewField,
        idempotent: Option<IdempotentRequest>,
        may_read: bool,
    ) -> Result<Created<Field>> {
        let insert = async |field, idempotent| self.repository.declare(field, idempotent).await;
        idempotency::create(Field::new(new), idempotent, may_read, insert).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    pub async fn get(&self, id: FieldId) -> Result<Field> {
        self.repository.get(id).await
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn all(&self) -> Result<Vec<Field>> {
        self.repository.all().await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    pub async fn delete(&self, id: FieldId) -> Result<()> {
        self.repository.delete(id).await
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn cursor_page(&self, query: FieldQuery) -> Result<CursorPage<Field>> {
        self.repository.cursor_page(query).await
    }
}
