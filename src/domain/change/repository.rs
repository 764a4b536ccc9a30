//! What the feed asks of storage.

use async_trait::async_trait;

use super::audit::{AuditPage, AuditQuery};
use super::feed::{ChangePage, ChangeQuery};
use super::position::ChangePosition;
use crate::domain::error::Result;

/// Scoped to one account.
#[async_trait]
pub trait ChangeRepository: Send + Sync {
    /// The position of the last change.
    ///
    /// # Errors
    /// The database is unavailable.
    async fn last(&self) -> Result<ChangePosition>;

    /// The changes after a position, up to a limit of entries that are read: a page may be empty and have more.
    ///
    /// # Errors
    /// [`ErrorCode::PositionExpired`](crate::domain::ErrorCode::PositionExpired).
    async fn page(&self, since: ChangePosition, query: &ChangeQuery) -> Result<ChangePage>;

    /// Entries of the audit log, up to a limit of changes that are looked at: a page may be empty and have more.
    ///
    /// # Errors
    /// [`ErrorCode::PositionExpired`](crate::domain::ErrorCode::PositionExpired).
    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage>;

    fn subscribe(&self) -> Box<dyn ChangeSubscription>;
}

/// Wakes whoever waits for changes of an account.
#[async_trait]
pub trait ChangeSubscription: Send {
    /// Returns when something may have changed since the last call or, at first, since the subscription. It may
    /// return without reason, but misses nothing that any instance commits.
    async fn changed(&mut self);
}
