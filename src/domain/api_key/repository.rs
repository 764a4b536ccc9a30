//! Persistence of the keys of accounts. Not scoped to one account: a key is looked up before its account is known.

use std::sync::Arc;

use async_trait::async_trait;

use super::uses::KeyUse;
use super::{ApiKey, FoundKey, KeyId, KeyQuery, ListedKey, UsedKey};
use crate::domain::account::{AccountId, AccountName};
use crate::domain::error::Result;
use crate::domain::pagination::CursorPage;
use crate::domain::timestamp::Timestamp;

#[async_trait]
pub trait KeyRepository: Send + Sync {
    /// The account with this name, created if it does not exist.
    async fn ensure_account(&self, name: &AccountName) -> Result<AccountId>;

    async fn insert(&self, key: ApiKey) -> Result<()>;

    /// Whether any account has a key.
    async fn any(&self) -> Result<bool>;

    /// Creates an account and its key unless any key exists; returns whether it did. Of concurrent calls, exactly one
    /// succeeds.
    async fn insert_first(&self, account: &AccountName, key: NewKey) -> Result<bool>;

    async fn find(&self, id: &KeyId) -> Result<Option<UsedKey>>;

    /// The key, and what of its account decides about a request, in one statement.
    async fn find_with_account(&self, id: &KeyId) -> Result<Option<FoundKey>>;

    /// The keys of one account or of all, oldest first.
    async fn list(&self, account: Option<AccountId>) -> Result<Vec<ListedKey>>;

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound): the account has no key that the cursor names.
    async fn page(&self, query: KeyQuery) -> Result<CursorPage<UsedKey>>;

    /// Returns whether the key exists. An already revoked key keeps its `revoked_at`.
    async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool>;

    /// Stores the last uses of keys; one that is earlier than what is stored changes nothing.
    async fn store_uses(&self, uses: Vec<KeyUse>) -> Result<()>;

    /// Inserts the successor of a key and sets the expiry of the old one, in one transaction.
    async fn replace(&self, old: &KeyId, old_expires_at: Timestamp, new: ApiKey) -> Result<()>;
}

/// Builds the key once the account's number is known.
pub type NewKey = Arc<dyn Fn(AccountId) -> ApiKey + Send + Sync>;
