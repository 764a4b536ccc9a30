//! Conversion between rows of `api_keys` and [`ApiKey`].

use sea_orm::Set;

use crate::domain::api_key::{ApiKey, KeyId, KeyLabel, SecretHash};
use crate::domain::{AccountId, Error, ErrorCode, Permissions, Timestamp};
use crate::storage::entity::api_key::{ActiveModel, Model};

impl TryFrom<Model> for ApiKey {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let Model { id, account_id, hash, permissions, label, created_at, expires_at, revoked_at } = row;
        Ok(Self {
            id: KeyId::from_stored(id),
            account: AccountId::new(account_id),
            hash: SecretHash::from_stored(&hash)
                .ok_or_else(|| Error::caused_by(ErrorCode::Internal, "a stored hash has another length"))?,
            permissions: Permissions::parse(&permissions),
            label: label.map(KeyLabel::from_stored),
            created_at: Timestamp::from_millis(created_at),
            expires_at: expires_at.map(Timestamp::from_millis),
            revoked_at: revoked_at.map(Timestamp::from_millis),
        })
    }
}

impl From<ApiKey> for ActiveModel {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, account, hash, permissions, label, created_at, expires_at, revoked_at } = key;
        Self {
            id: Set(id.as_str().to_owned()),
            account_id: Set(account.get()),
            hash: Set(hash.as_bytes().to_vec()),
            permissions: Set(permissions.to_string()),
            label: Set(label.map(|label| label.as_str().to_owned())),
            created_at: Set(created_at.millis()),
            expires_at: Set(expires_at.map(Timestamp::millis)),
            revoked_at: Set(revoked_at.map(Timestamp::millis)),
        }
    }
}
