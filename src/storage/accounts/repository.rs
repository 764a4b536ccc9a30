//! Repository of accounts and API keys.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, Set};

use crate::domain::api_key::repository::{KeyRepository, NewKey};
use crate::domain::api_key::{ApiKey, KeyId, ListedKey};
use crate::domain::{AccountId, AccountName, Error, ErrorCode, Result, Timestamp};
use crate::storage::change_set::ChangeSet;
use crate::storage::database::handle::Database;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::{account, api_key};

pub(crate) struct AccountRepository {
    database: Database,
}

impl AccountRepository {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// A write without cached data: it publishes no changes.
    async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<T>> + Clone + Send + 'static,
    {
        self.database
            .write(move |transaction| {
                Box::pin(async move { Ok((job(transaction).await?, ChangeSet::default())) })
            })
            .await
    }
}

#[async_trait]
impl KeyRepository for AccountRepository {
    async fn ensure_account(&self, name: &AccountName) -> Result<AccountId> {
        let name = name.clone();
        self.write(move |transaction| Box::pin(ensure_account(transaction, name))).await
    }

    async fn find_account(&self, name: &AccountName) -> Result<Option<AccountId>> {
        let name = name.clone();
        self.database.read(async move |reader| find_account(&reader, &name).await).await
    }

    async fn insert(&self, key: ApiKey) -> Result<()> {
        self.write(move |transaction| Box::pin(insert(transaction, key))).await
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
        self.write(move |transaction| {
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

    async fn find(&self, id: &KeyId) -> Result<Option<ApiKey>> {
        let id = id.as_str().to_owned();
        self.database
            .read(async move |reader| {
                let row = api_key::Entity::find_by_id(id).one(&reader).await;
                row?.map(ApiKey::try_from).transpose()
            })
            .await
    }

    async fn list(&self, account: Option<AccountId>) -> Result<Vec<ListedKey>> {
        self.database
            .read(async move |reader| {
                let mut select = api_key::Entity::find().find_also_related(account::Entity);
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

    async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool> {
        let id = id.as_str().to_owned();
        self.write(move |transaction| {
            Box::pin(async move {
                // The first revocation counts: a second one keeps its time.
                let first = Expr::case(api_key::Column::RevokedAt.is_null(), now.millis())
                    .finally(Expr::col(api_key::Column::RevokedAt));
                let done = api_key::Entity::update_many()
                    .col_expr(api_key::Column::RevokedAt, first.into())
                    .filter(api_key::Column::Id.eq(id))
                    .exec(transaction)
                    .await?;
                Ok(done.rows_affected > 0)
            })
        })
        .await
    }

    async fn replace(&self, old: &KeyId, old_expires_at: Timestamp, new: ApiKey) -> Result<()> {
        let old = old.as_str().to_owned();
        self.write(move |transaction| {
            Box::pin(async move {
                insert(transaction, new).await?;
                api_key::Entity::update_many()
                    .col_expr(api_key::Column::ExpiresAt, Expr::value(old_expires_at.millis()))
                    .filter(api_key::Column::Id.eq(old))
                    .exec(transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

async fn find_account(connection: &impl ConnectionTrait, name: &AccountName) -> Result<Option<AccountId>> {
    let row = account::Entity::find().filter(account::Column::Name.eq(name.as_str())).one(connection).await?;
    Ok(row.map(|row| AccountId::new(row.id)))
}

async fn ensure_account(transaction: &Transaction, name: AccountName) -> Result<AccountId> {
    let new = account::ActiveModel {
        name: Set(name.as_str().to_owned()),
        created_at: Set(Timestamp::now().millis()),
        ..Default::default()
    };
    account::Entity::insert(new)
        .on_conflict(OnConflict::column(account::Column::Name).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    find_account(transaction, &name).await?.ok_or_else(|| {
        Error::caused_by(ErrorCode::Internal, "an account disappeared while it was being created")
    })
}

async fn insert(transaction: &Transaction, key: ApiKey) -> Result<()> {
    api_key::Entity::insert(api_key::ActiveModel::from(key)).exec_without_returning(transaction).await?;
    Ok(())
}

fn to_listed_key((key, account): (api_key::Model, Option<account::Model>)) -> Result<ListedKey> {
    let name = account.and_then(|account| AccountName::parse(&account.name).ok());
    Ok(ListedKey {
        key: key.try_into()?,
        account: name.ok_or_else(|| Error::caused_by(ErrorCode::Internal, "a key has no account"))?,
    })
}
