//! The erasures of one account.

use super::model::{Erasure, ErasureId, Subject};
use super::repository::ErasureRepository;
use crate::domain::error::Result;
use crate::domain::pagination::{CursorPage, CursorParams};

pub struct ErasureService {
    repository: Box<dyn ErasureRepository>,
}

impl ErasureService {
    #[must_use]
    pub fn new(repository: Box<dyn ErasureRepository>) -> Self {
        Self { repository }
    }

    /// # Errors
    /// As [`ErasureRepository::erase`].
    pub async fn erase(&self, subject: Subject) -> Result<Erasure> {
        self.repository.erase(subject).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    pub async fn get(&self, id: ErasureId) -> Result<Erasure> {
        self.repository.get(id).await
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn cursor_page(&self, page: CursorParams<ErasureId>) -> Result<CursorPage<Erasure>> {
        self.repository.cursor_page(page).await
    }
}
