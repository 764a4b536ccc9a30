//! Creates, lists, rotates, revokes and authenticates operator keys.

use std::sync::Arc;
use std::time::Duration;

use super::OperatorKey;
use crate::domain::api_key::{KeyId, KeyKind, KeyLabel, KeyState, Rotation, Token};
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::store::Store;
use crate::domain::timestamp::Timestamp;

#[derive(Clone)]
pub struct OperatorService {
    store: Arc<dyn Store>,
}

impl OperatorService {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The key never expires if `expires_in` is absent.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn create(&self, expires_in: Option<Duration>, label: Option<KeyLabel>) -> Result<Token> {
        let token = Token::generate(KeyKind::Operator)?;
        let now = Timestamp::now();
        let key = OperatorKey {
            id: token.id().clone(),
            hash: token.hash(),
            label,
            created_at: now,
            expires_at: expires_in.map(|span| now.after(span)),
            revoked_at: None,
        };
        self.store.operators().insert(key).await?;
        Ok(token)
    }

    /// Oldest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn list(&self) -> Result<Vec<OperatorKey>> {
        self.store.operators().list().await
    }

    /// Creates a successor with the same label and lifetime. The old key stays valid for `overlap`, but never longer than before.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`]: there is no such key. [`ErrorCode::KeyNotLive`]: it has expired or was revoked.
    pub async fn rotate(&self, id: &KeyId, overlap: Duration) -> Result<Token> {
        let now = Timestamp::now();
        let old = self.store.operators().find(id).await?.ok_or_else(|| not_found(id))?;
        if old.state(now) != KeyState::Live {
            return Err(ErrorCode::KeyNotLive.into());
        }
        let token = Token::generate(KeyKind::Operator)?;
        let Rotation { old_expires_at, expires_at } =
            Rotation::at(now, old.created_at, old.expires_at, overlap);
        let key =
            OperatorKey { id: token.id().clone(), hash: token.hash(), created_at: now, expires_at, ..old };
        self.store.operators().replace(id, old_expires_at, key).await?;
        Ok(token)
    }

    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn revoke(&self, id: &KeyId) -> Result<()> {
        if self.store.operators().revoke(id, Timestamp::now()).await? {
            return Ok(());
        }
        Err(not_found(id))
    }

    /// Reads the key each time: operators make few requests, and a revocation is effective at once.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthorized`], without distinguishing an unknown key from a wrong secret or an expired or revoked key.
    pub async fn authenticate(&self, token: &Token) -> Result<OperatorKey> {
        let key = self.store.operators().find(token.id()).await?;
        let is_valid =
            |key: &OperatorKey| key.hash == token.hash() && key.state(Timestamp::now()) == KeyState::Live;
        key.filter(is_valid).ok_or_else(|| ErrorCode::Unauthorized.into())
    }
}

fn not_found(id: &KeyId) -> Error {
    Error::with_message(ErrorCode::NotFound, format!("there is no operator key {id}"))
}
