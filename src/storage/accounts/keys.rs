//! Repository of the keys of accounts.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Set,
};

use super::repository::{ensure_account, state};
use super::{expire, first_revocation, key_uses, secret_hash, write};
use crate::domain::api_key::last_use::LastUse;
use crate::domain::api_key::repository::{KeyRepository, NewKey};
use crate::domain::api_key::uses::KeyUse;
use crate::domain::api_key::{ApiKey, FoundKey, KeyId, KeyLabel, KeyQuery, ListedKey, UsedKey};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::{AccountId, AccountName, Error, ErrorCode, Permissions, Result, Timestamp};
use crate::storage::database::handle::Database;
use crate::storage::db::account_limits;
use crate::storage::db::keyset::order;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::{account, account_limit, api_key, key_use};

pub(crate) struct SqlKeys {
    database: Database,
}

impl SqlKeys {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl KeyRepository for SqlKeys {
    async fn ensure_account(&self, name: &AccountName) -> Result<AccountId> {
        let name = name.clone();
        write(&self.database, move |transaction| Box::pin(ensure_account(transaction, name))).await
    }

    async fn insert(&self, key: ApiKey) -> Result<()> {
        write(&self.database, move |transaction| Box::pin(insert(transaction, key))).await
    }

    async fn any(&self) -> Result<bool> {
        self.database
            .read(async move |reader| {
                let any = api_key::Entity::find().one(&reader).await;
                Ok(any?.is_some())
            })
            .await
    }

    async fn insert_first(&self, account: &AccountName, key: NewKey) -> Result<bool> {
        let account = account.clone();
        write(&self.database, move |transaction| {
            Box::pin(async move {
                if transaction.get_database_backend() == DbBackend::Postgres {
                    // Two instances that start at the same time must not both find the table empty.
                    transaction.execute_unprepared("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE").await?;
                }
                let any = api_key::Entity::find().one(transaction).await;
                if any?.is_some() {
                    return Ok(false);
                }
                let account = ensure_account(transaction, account).await?;
                insert(transaction, key(account)).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn find(&self, id: &KeyId) -> Result<Option<UsedKey>> {
        let id = id.as_str().to_owned();
        self.database
            .read(async move |reader| {
                let row =
                    api_key::Entity::find_by_id(id).find_also_related(key_use::Entity).one(&reader).await;
                row?.map(to_used_key).transpose()
            })
            .await
    }

    async fn find_with_account(&self, id: &KeyId) -> Result<Option<FoundKey>> {
        let id = id.as_str().to_owned();
        self.database
            .read(async move |reader| {
                // A row for each limit that the account has for itself, at least one.
                let rows = api_key::Entity::find_by_id(id)
                    .find_also_related(account::Entity)
                    .find_also_related(account_limit::Entity)
                    .all(&reader)
                    .await?;
                let mut rows = rows.into_iter();
                let Some((key, account, first)) = rows.next() else { return Ok(None) };
                let limits = first.into_iter().chain(rows.filter_map(|(_, _, limit)| limit));
                Ok(Some(FoundKey {
                    key: key.try_into()?,
                    account: state(&account.ok_or_else(no_account)?),
                    limits: account_limits::overrides(limits),
                }))
            })
            .await
    }

    async fn list(&self, account: Option<AccountId>) -> Result<Vec<ListedKey>> {
        self.database
            .read(async move |reader| {
                let mut select = api_key::Entity::find()
                    .find_also_related(account::Entity)
                    .find_also_related(key_use::Entity);
                if let Some(account) = account {
                    select = select.filter(api_key::Column::AccountId.eq(account.get()));
                }
                let rows = select
                    .order_by_asc(api_key::Column::AccountId)
                    .order_by_asc(api_key::Column::CreatedAt)
                    .all(&reader)
                    .await?;
                rows.into_iter().map(to_listed_key).collect()
            })
            .await
    }

    async fn page(&self, query: KeyQuery) -> Result<CursorPage<UsedKey>> {
        let KeyQuery { account, page: CursorParams { cursor, limit } } = query;
        self.database
            .read(async move |reader| {
                let of_account =
                    || api_key::Entity::find().filter(api_key::Column::AccountId.eq(account.get()));
                let mut select = of_account();
                for (end, is_older) in [(&cursor.after, true), (&cursor.before, false)] {
                    let Some(end) = end else { continue };
                    let row = of_account().filter(api_key::Column::Id.eq(end.as_str())).one(&reader).await?;
                    let row = row.ok_or_else(|| Error::no_such("key"))?;
                    select = select.filter(beyond(&row, is_older));
                }
                let order = order(&cursor);
                let select = select
                    .order_by(api_key::Column::CreatedAt, order.clone())
                    .order_by(api_key::Column::Id, order);
                let select = select.limit(limit + 1).find_also_related(key_use::Entity);
                let rows = select.all(&reader).await?;
                let keys = rows.into_iter().map(to_used_key).collect::<Result<Vec<_>>>()?;
                Ok(CursorPage::from_rows(keys, &cursor, limit))
            })
            .await
    }

    async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool> {
        let id = id.clone();
        write(&self.database, move |transaction| {
            let (key, revoked_at) = (api_key::Column::Id, api_key::Column::RevokedAt);
            Box::pin(first_revocation::<api_key::Entity>(transaction, key, revoked_at, id, now))
        })
        .await
    }

    async fn store_uses(&self, uses: Vec<KeyUse>) -> Result<()> {
        key_uses::store(&self.database, uses).await
    }

    async fn replace(&self, old: &KeyId, old_expires_at: Timestamp, new: ApiKey) -> Result<()> {
        let old = old.clone();
        write(&self.database, move |transaction| {
            Box::pin(async move {
                insert(transaction, new).await?;
                let (key, expires_at) = (api_key::Column::Id, api_key::Column::ExpiresAt);
                expire::<api_key::Entity>(transaction, key, expires_at, &old, old_expires_at).await
            })
        })
        .await
    }
}

/// Before or after a key in the order of the list: by age, and of one age by id.
fn beyond(row: &api_key::Model, is_older: bool) -> Condition {
    use api_key::Column::{CreatedAt, Id};

    let same_age = CreatedAt.eq(row.created_at);
    let (age, id) = if is_older {
        (CreatedAt.lt(row.created_at), Id.lt(&*row.id))
    } else {
        (CreatedAt.gt(row.created_at), Id.gt(&*row.id))
    };
    Condition::any().add(age).add(Condition::all().add(same_age).add(id))
}

async fn insert(transaction: &Transaction, key: ApiKey) -> Result<()> {
    api_key::Entity::insert(api_key::ActiveModel::from(key)).exec_without_returning(transaction).await?;
    Ok(())
}

fn no_account() -> Error {
    Error::caused_by(ErrorCode::Internal, "a key has no account")
}

fn to_used_key((key, last_use): (api_key::Model, Option<key_use::Model>)) -> Result<UsedKey> {
    Ok(UsedKey { key: key.try_into()?, last_use: last_use.map(LastUse::from) })
}

fn to_listed_key(
    (key, account, last_use): (api_key::Model, Option<account::Model>, Option<key_use::Model>),
) -> Result<ListedKey> {
    let account = account.ok_or_else(no_account)?;
    Ok(ListedKey { key: to_used_key((key, last_use))?, account: AccountName::from_stored(account.name) })
}

impl TryFrom<api_key::Model> for ApiKey {
    type Error = Error;

    fn try_from(row: api_key::Model) -> Result<Self, Error> {
        let api_key::Model { id, account_id, hash, permissions, label, created_at, expires_at, revoked_at } =
            row;
        Ok(Self {
            id: KeyId::from_stored(id),
            account: AccountId::new(account_id),
            hash: secret_hash(&hash)?,
            permissions: Permissions::parse(&permissions),
            label: label.map(KeyLabel::from_stored),
            created_at: Timestamp::from_millis(created_at),
            expires_at: expires_at.map(Timestamp::from_millis),
            revoked_at: revoked_at.map(Timestamp::from_millis),
        })
    }
}

impl From<ApiKey> for api_key::ActiveModel {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, account, hash, permissions, label, created_at, expires_at, revoked_at } = key;
        Self {
            id: Set(id.as_str().to_owned()),
            account_id: Set(account.get()),
            hash: Set(hash.as_bytes().to_vec()),
            permissions: Set(permissions.to_string()),
            label: Set(label.map(KeyLabel::into_string)),
            created_at: Set(created_at.millis()),
            expires_at: Set(expires_at.map(Timestamp::millis)),
            revoked_at: Set(revoked_at.map(Timestamp::millis)),
        }
    }
}
