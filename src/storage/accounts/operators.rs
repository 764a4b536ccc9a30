//! Repository of operator keys.

use async_trait::async_trait;
use sea_orm::{EntityTrait, QueryOrder, Set};

use super::{expire, first_revocation, secret_hash, write};
use crate::domain::api_key::{KeyId, KeyLabel};
use crate::domain::operator::OperatorKey;
use crate::domain::operator::repository::OperatorRepository;
use crate::domain::{Error, Result, Timestamp};
use crate::storage::database::handle::Database;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::operator_key::{ActiveModel, Column, Entity, Model};

pub(crate) struct SqlOperators {
    database: Database,
}

impl SqlOperators {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl OperatorRepository for SqlOperators {
    async fn insert(&self, key: OperatorKey) -> Result<()> {
        write(&self.database, move |transaction| Box::pin(insert(transaction, key))).await
    }

    async fn find(&self, id: &KeyId) -> Result<Option<OperatorKey>> {
        let id = id.as_str().to_owned();
        self.database
            .read(async move |reader| {
                let row = Entity::find_by_id(id).one(&reader).await?;
                row.map(OperatorKey::try_from).transpose()
            })
            .await
    }

    async fn list(&self) -> Result<Vec<OperatorKey>> {
        self.database
            .read(async move |reader| {
                let rows = Entity::find().order_by_asc(Column::CreatedAt).all(&reader).await?;
                rows.into_iter().map(OperatorKey::try_from).collect()
            })
            .await
    }

    async fn replace(&self, old: &KeyId, old_expires_at: Timestamp, new: OperatorKey) -> Result<()> {
        let old = old.clone();
        write(&self.database, move |transaction| {
            Box::pin(async move {
                insert(transaction, new).await?;
                expire::<Entity>(transaction, Column::Id, Column::ExpiresAt, &old, old_expires_at).await
            })
        })
        .await
    }

    async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool> {
        let id = id.clone();
        write(&self.database, move |transaction| {
            Box::pin(first_revocation::<Entity>(transaction, Column::Id, Column::RevokedAt, id, now))
        })
        .await
    }
}

async fn insert(transaction: &Transaction, key: OperatorKey) -> Result<()> {
    Entity::insert(ActiveModel::from(key)).exec_without_returning(transaction).await?;
    Ok(())
}

impl TryFrom<Model> for OperatorKey {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let Model { id, hash, label, created_at, expires_at, revoked_at } = row;
        Ok(Self {
            id: KeyId::from_stored(id),
            hash: secret_hash(&hash)?,
            label: label.map(KeyLabel::from_stored),
            created_at: Timestamp::from_millis(created_at),
            expires_at: expires_at.map(Timestamp::from_millis),
            revoked_at: revoked_at.map(Timestamp::from_millis),
        })
    }
}

impl From<OperatorKey> for ActiveModel {
    fn from(key: OperatorKey) -> Self {
        let OperatorKey { id, hash, label, created_at, expires_at, revoked_at } = key;
        Self {
            id: Set(id.as_str().to_owned()),
            hash: Set(hash.as_bytes().to_vec()),
            label: Set(label.map(KeyLabel::into_string)),
            created_at: Set(created_at.millis()),
            expires_at: Set(expires_at.map(Timestamp::millis)),
            revoked_at: Set(revoked_at.map(Timestamp::millis)),
        }
    }
}
