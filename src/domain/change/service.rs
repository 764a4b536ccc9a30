//! The feed of changes.

use super::audit::{AuditPage, AuditQuery};
use super::feed::{ChangePage, ChangeQuery};
use super::position::ChangePosition;
use super::repository::ChangeRepository;
use crate::domain::error::Result;

/// The feed of one account.
pub struct ChangeService {
    repository: Box<dyn ChangeRepository>,
}

impl ChangeService {
    #[must_use]
    pub fn new(repository: Box<dyn ChangeRepository>) -> Self {
        Self { repository }
    }

    /// The position of the last change: what is committed later, comes after it.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn last(&self) -> Result<ChangePosition> {
        self.repository.last().await
    }

    /// Entries of the audit log.
    ///
    /// # Errors
    /// [`ErrorCode::PositionExpired`](crate::domain::ErrorCode::PositionExpired).
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        self.repository.audit(query).await
    }

    /// The changes after a position. While there are none, waits for them until `end` is ready.
    ///
    /// # Errors
    /// [`ErrorCode::PositionExpired`](crate::domain::ErrorCode::PositionExpired).
    pub async fn page(&self, query: ChangeQuery, end: impl Future<Output = ()>) -> Result<ChangePage> {
        let Some(mut since) = query.since else {
            return Ok(ChangePage { changes: Vec::new(), next: self.last().await?, has_more: false });
        };
        // Subscribed before it reads: what is committed after that, wakes it.
        let mut subscription = self.repository.subscribe();
        let mut end = std::pin::pin!(end);
        loop {
            let page = self.repository.page(since, &query).await?;
            if !page.changes.is_empty() || page.has_more {
                return Ok(page);
            }
            since = page.next;
            tokio::select! {
                biased;
                () = &mut end => return Ok(page),
                () = subscription.changed() => {}
            }
        }
    }
}
