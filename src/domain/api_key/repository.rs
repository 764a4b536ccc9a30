//! What the domain asks of storage about accounts and their keys.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ApiKey, KeyId, ListedKey};
use crate::domain::account::{AccountId, AccountName};
use crate::domain::error::Result;
use crate::domain::timestamp::Timestamp;

/// The accounts and the keys of all of them.
#[async_trait]
pub trait KeyRepository: Send + Sync {
    /// The account with this name, made if it is new.
    ///
    /// # Errors
    /// The database is away.
    async fn ensure_account(&self, name: &AccountName) -> Result<AccountId>;

    /// The account with this name, if there is one.
    ///
    /// # Errors
    /// The database is away.
    async fn find_account(&self, name: &AccountName) -> Result<Option<AccountId>>;

    /// Stores a new key.
    ///
    /// # Errors
    /// The database is away.
    async fn insert(&self, key: ApiKey) -> Result<()>;

    /// Whether there is any key.
    ///
    /// # Errors
    /// The database is away.
    async fn any(&self) -> Result<bool>;

    /// Makes an account and stores its key, unless there is any key already.
    /// Answers whether it did; of several that try at once, one does.
    ///
    /// # Errors
    /// The database is away.
    async fn insert_first(&self, account: &AccountName, key: NewKey) -> Result<bool>;

    /// The key with this id.
    ///
    /// # Errors
    /// The database is away.
    async fn find(&self, id: &KeyId) -> Result<Option<ApiKey>>;

    /// The keys of one account or of all, oldest first.
    ///
    /// # Errors
    /// The database is away.
    async fn list(&self, account: Option<AccountId>) -> Result<Vec<ListedKey>>;

    /// Takes a key back. Answers whether there was such a key; one that was taken back before stays
    /// as it was.
    ///
    /// # Errors
    /// The database is away.
    async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool>;

    /// Stores the successor of a key and lets the old one run out, in one transaction.
    ///
    /// # Errors
    /// The database is away.
    async fn replace(&self, old: &KeyId, old_expires_at: Timestamp, new: ApiKey) -> Result<()>;
}

/// A key that does not know its account yet.
pub type NewKey = Arc<dyn Fn(AccountId) -> ApiKey + Send + Sync>;
