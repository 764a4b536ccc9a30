//! What operators do with accounts, over HTTP and on the command line.

use std::sync::Arc;
use std::time::Duration;

use super::limits::LimitChanges;
use super::{Account, AccountId, AccountName, AccountQuery, StateChange};
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::pagination::CursorPage;
use crate::domain::store::Store;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;

/// How long what a closed account has is kept, at least: longer than any request that was accepted before it was closed.
pub const MIN_KEEP: Duration = Duration::from_secs(60 * 60);

/// How long it is kept if the operator says nothing.
pub const DEFAULT_KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[derive(Clone)]
pub struct AccountService {
    store: Arc<dyn Store>,
}

impl AccountService {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// # Errors
    /// [`ErrorCode::NameTaken`].
    pub async fn create(&self, name: &AccountName) -> Result<Account> {
        self.store.accounts().create(name, Timestamp::now()).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn get(&self, id: AccountId) -> Result<Account> {
        self.store.accounts().find(id).await?.ok_or_else(|| Error::no_such("account"))
    }

    /// # Errors
    /// [`ErrorCode::NotFound`]; the message has the name.
    pub async fn get_by_name(&self, name: &AccountName) -> Result<Account> {
        self.store.accounts().find_by_name(name).await?.ok_or_else(|| {
            Error::with_message(ErrorCode::NotFound, format!("there is no account `{}`", name.as_str()))
        })
    }

    /// # Errors
    /// [`ErrorCode::NotFound`]; [`ErrorCode::AccountPurging`]: its rows are being deleted.
    pub async fn change_state(&self, id: AccountId, change: StateChange) -> Result<Account> {
        let changed = self.store.accounts().change_state(id, change, Timestamp::now()).await?;
        changed.ok_or_else(|| Error::no_such("account"))
    }

    /// Closes an account: it is suspended, and what it has is deleted after `keep`.
    ///
    /// # Errors
    /// As [`Self::change_state`].
    pub async fn close(&self, id: AccountId, keep: Duration) -> Result<Account> {
        let keep = keep.max(MIN_KEEP);
        self.change_state(id, StateChange::Close { purge_at: Timestamp::now().after(keep) }).await
    }

    /// Changes the limits of one account.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn change_limits(&self, id: AccountId, changes: LimitChanges) -> Result<Account> {
        let changed = self.store.accounts().change_limits(id, changes).await?;
        changed.ok_or_else(|| Error::no_such("account"))
    }

    /// How much an account stores.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn usage(&self, id: AccountId) -> Result<Usage> {
        let read = self.store.usage_of(id).read().await?;
        read.map(|(_, usage)| usage).ok_or_else(|| Error::no_such("account"))
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn page(&self, query: AccountQuery) -> Result<CursorPage<Account>> {
        self.store.accounts().page(query).await
    }
}
