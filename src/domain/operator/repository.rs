//! Persistence of operator keys, apart from the keys of accounts.

use async_trait::async_trait;

use super::OperatorKey;
use crate::domain::api_key::KeyId;
use crate::domain::error::Result;
use crate::domain::timestamp::Timestamp;

#[async_trait]
pub trait OperatorRepository: Send + Sync {
    async fn insert(&self, key: OperatorKey) -> Result<()>;

    async fn find(&self, id: &KeyId) -> Result<Option<OperatorKey>>;

    /// Oldest first.
    async fn list(&self) -> Result<Vec<OperatorKey>>;

    /// Inserts the successor of a key and sets the expiry of the old one, in one transaction.
    async fn replace(&self, old: &KeyId, old_expires_at: Timestamp, new: OperatorKey) -> Result<()>;

    /// Returns whether the key exists. An already revoked key keeps its `revoked_at`.
    async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool>;
}
