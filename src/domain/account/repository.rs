//! Persistence of accounts.

use async_trait::async_trait;

use super::limits::LimitChanges;
use super::{Account, AccountId, AccountName, AccountQuery, StateChange};
use crate::domain::error::Result;
use crate::domain::pagination::CursorPage;
use crate::domain::timestamp::Timestamp;

#[async_trait]
pub trait AccountRepository: Send + Sync {
    /// # Errors
    /// [`ErrorCode::NameTaken`](crate::domain::ErrorCode::NameTaken).
    async fn create(&self, name: &AccountName, now: Timestamp) -> Result<Account>;

    async fn find(&self, id: AccountId) -> Result<Option<Account>>;

    async fn find_by_name(&self, name: &AccountName) -> Result<Option<Account>>;

    /// `None` if the account does not exist.
    ///
    /// # Errors
    /// [`ErrorCode::AccountPurging`](crate::domain::ErrorCode::AccountPurging): its rows are being deleted.
    async fn change_state(
        &self,
        id: AccountId,
        change: StateChange,
        now: Timestamp,
    ) -> Result<Option<Account>>;

    /// `None` if the account does not exist.
    async fn change_limits(&self, id: AccountId, changes: LimitChanges) -> Result<Option<Account>>;

    async fn page(&self, query: AccountQuery) -> Result<CursorPage<Account>>;
}
