//! Operators: whoever runs the service. An operator key manages accounts and their keys; it belongs to no account, and no
//! repository of contacts can be made for it.
//!
//! Only the command line creates such a key: whoever can is able to read the database anyway.

pub mod repository;
pub mod service;

use super::api_key::{KeyId, KeyLabel, KeyState, SecretHash};
use super::timestamp::Timestamp;

/// A stored operator key: everything but the secret.
#[derive(Clone, Debug)]
pub struct OperatorKey {
    pub id: KeyId,
    pub hash: SecretHash,
    pub label: Option<KeyLabel>,
    pub created_at: Timestamp,
    /// Exclusive: at this time the key is already expired.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl OperatorKey {
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        KeyState::at(now, self.expires_at, self.revoked_at)
    }
}
