//! Persistence of erasures.

use async_trait::async_trait;

use super::model::{Erasure, ErasureId, Subject};
use crate::domain::error::Result;
use crate::domain::pagination::{CursorPage, CursorParams};

/// Scoped to one account.
#[async_trait]
pub trait ErasureRepository: Send + Sync {
    /// Erases a person. The contacts are deleted when it returns; what is left may still be looked for.
    ///
    /// # Errors
    /// The database is unavailable or full.
    async fn erase(&self, subject: Subject) -> Result<Erasure>;

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn get(&self, id: ErasureId) -> Result<Erasure>;

    /// Newest first.
    async fn cursor_page(&self, page: CursorParams<ErasureId>) -> Result<CursorPage<Erasure>>;
}
