//! Repository of accounts.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Set,
};

use super::{key_uses, write};
use crate::domain::account::limits::{AccountLimit, LimitChanges, LimitOverrides};
use crate::domain::account::repository::AccountRepository;
use crate::domain::account::{Account, AccountQuery, AccountState, StateChange};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::{AccountId, AccountName, Error, ErrorCode, Result, Timestamp};
use crate::storage::database::handle::Database;
use crate::storage::db::account_limits;
use crate::storage::db::counters;
use crate::storage::db::keyset::order;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::{account, account_limit, counter};

/// An account that is to be purged so soon cannot be saved any more: the clocks of instances differ.
const PURGE_MARGIN: Duration = Duration::from_secs(10);

pub(crate) struct SqlAccounts {
    database: Database,
}

impl SqlAccounts {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AccountRepository for SqlAccounts {
    async fn create(&self, name: &AccountName, now: Timestamp) -> Result<Account> {
        let name = name.clone();
        write(&self.database, move |transaction| {
            Box::pin(async move {
                if insert(transaction, &name, now).await? == 0 {
                    return Err(Error::name_taken());
                }
                let row = find_by_name(transaction, &name).await?.ok_or_else(disappeared)?;
                Ok(to_account(row, 0, None, LimitOverrides::default()))
            })
        })
        .await
    }

    async fn find(&self, id: AccountId) -> Result<Option<Account>> {
        self.database
            .read(async move |reader| {
                let row = account::Entity::find_by_id(id.get()).one(&reader).await?;
                one_with_figures(&reader, row).await
            })
            .await
    }

    async fn find_by_name(&self, name: &AccountName) -> Result<Option<Account>> {
        let name = name.clone();
        self.database
            .read(async move |reader| {
                let row = find_by_name(&reader, &name).await?;
                one_with_figures(&reader, row).await
            })
            .await
    }

    async fn change_state(
        &self,
        id: AccountId,
        change: StateChange,
        now: Timestamp,
    ) -> Result<Option<Account>> {
        write(&self.database, move |transaction| {
            Box::pin(async move {
                let row =
                    account::Entity::find_by_id(id.get()).lock(LockType::Update).one(transaction).await?;
                let Some(row) = row else { return Ok(None) };
                if row.purge_at.is_some_and(|at| at <= now.after(PURGE_MARGIN).millis()) {
                    return Err(ErrorCode::AccountPurging.into());
                }
                let mut changed = row.clone().into_active_model();
                let since = row.suspended_at.unwrap_or(now.millis());
                match change {
                    StateChange::Suspend => changed.suspended_at = Set(Some(since)),
                    StateChange::Resume => {
                        changed.suspended_at = Set(None);
                        changed.purge_at = Set(None);
                    }
                    StateChange::Close { purge_at } => {
                        changed.suspended_at = Set(Some(since));
                        changed.purge_at = Set(Some(purge_at.millis()));
                    }
                }
                let row = account::Entity::update(changed).exec(transaction).await?;
                one_with_figures(transaction, Some(row)).await
            })
        })
        .await
    }

    async fn change_limits(&self, id: AccountId, changes: LimitChanges) -> Result<Option<Account>> {
        write(&self.database, move |transaction| {
            Box::pin(async move {
                // Locked: its rows could otherwise be purged meanwhile.
                let row =
                    account::Entity::find_by_id(id.get()).lock(LockType::Update).one(transaction).await?;
                let Some(row) = row else { return Ok(None) };
                for (limit, value) in changes.0 {
                    match value {
                        Some(value) => set_limit(transaction, id, limit, value).await?,
                        None => {
                            let key = (id.get(), limit.as_str().to_owned());
                            account_limit::Entity::delete_by_id(key).exec(transaction).await?;
                        }
                    }
                }
                one_with_figures(transaction, Some(row)).await
            })
        })
        .await
    }

    async fn page(&self, query: AccountQuery) -> Result<CursorPage<Account>> {
        let AccountQuery { page: CursorParams { cursor, limit }, name } = query;
        self.database
            .read(async move |reader| {
                let mut select = account::Entity::find();
                if let Some(name) = name {
                    select = select.filter(account::Column::Name.eq(name.as_str()));
                }
                if let Some(after) = cursor.after {
                    select = select.filter(account::Column::Id.lt(after.get()));
                }
                if let Some(before) = cursor.before {
                    select = select.filter(account::Column::Id.gt(before.get()));
                }
                let select = select.order_by(account::Column::Id, order(&cursor)).limit(limit + 1);
                let accounts = with_figures(&reader, select.all(&reader).await?).await?;
                Ok(CursorPage::from_rows(accounts, &cursor, limit))
            })
            .await
    }
}

/// Returns how many rows were inserted: none if the name is taken.
async fn insert(transaction: &Transaction, name: &AccountName, now: Timestamp) -> Result<u64> {
    let new = account::ActiveModel {
        name: Set(name.as_str().to_owned()),
        created_at: Set(now.millis()),
        ..Default::default()
    };
    let inserted = account::Entity::insert(new)
        .on_conflict(OnConflict::column(account::Column::Name).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await;
    Ok(inserted?)
}

async fn set_limit(
    transaction: &Transaction,
    account: AccountId,
    limit: AccountLimit,
    value: u64,
) -> Result<()> {
    use account_limit::{ActiveModel, Column, Entity};

    let row = ActiveModel {
        account_id: Set(account.get()),
        name: Set(limit.as_str().to_owned()),
        value: Set(i64::try_from(value).unwrap_or(i64::MAX)),
    };
    let key = OnConflict::columns([Column::AccountId, Column::Name]).update_column(Column::Value).to_owned();
    Entity::insert(row).on_conflict(key).exec_without_returning(transaction).await?;
    Ok(())
}

/// The account with this name, created if it does not exist.
pub(super) async fn ensure_account(transaction: &Transaction, name: AccountName) -> Result<AccountId> {
    insert(transaction, &name, Timestamp::now()).await?;
    find_by_name(transaction, &name).await?.ok_or_else(disappeared).map(|row| AccountId::new(row.id))
}

fn disappeared() -> Error {
    Error::caused_by(ErrorCode::Internal, "an account disappeared while it was being created")
}

async fn find_by_name(
    connection: &impl ConnectionTrait,
    name: &AccountName,
) -> Result<Option<account::Model>> {
    Ok(account::Entity::find().filter(account::Column::Name.eq(name.as_str())).one(connection).await?)
}

async fn one_with_figures(
    connection: &impl ConnectionTrait,
    row: Option<account::Model>,
) -> Result<Option<Account>> {
    Ok(with_figures(connection, row.into_iter().collect()).await?.pop())
}

/// The accounts with their figures, which are read by their keys, all at once.
async fn with_figures(connection: &impl ConnectionTrait, rows: Vec<account::Model>) -> Result<Vec<Account>> {
    let contacts = counter::Entity::find()
        .filter(counter::Column::AccountId.is_in(rows.iter().map(|row| row.id)))
        .filter(counter::Column::Counted.eq(counters::CONTACTS))
        .all(connection)
        .await?;
    let contacts: HashMap<i64, i64> =
        contacts.into_iter().map(|counter| (counter.account_id, counter.amount)).collect();
    let mut limits = account_limits::of_each(connection, rows.iter().map(|row| row.id)).await?;
    let last_used = key_uses::of_accounts(connection, rows.iter().map(|row| row.id)).await?;
    let account = |row: account::Model| {
        let contacts = contacts.get(&row.id).copied().unwrap_or_default().unsigned_abs();
        let limits = limits.remove(&row.id).unwrap_or_default();
        let last_used_at = last_used.get(&row.id).copied();
        to_account(row, contacts, last_used_at, limits)
    };
    Ok(rows.into_iter().map(account).collect())
}

pub(super) fn state(row: &account::Model) -> AccountState {
    let [suspended_at, purge_at] =
        [row.suspended_at, row.purge_at].map(|time| time.map(Timestamp::from_millis));
    AccountState::of(suspended_at, purge_at)
}

fn to_account(
    row: account::Model,
    contacts: u64,
    last_used_at: Option<Timestamp>,
    limits: LimitOverrides,
) -> Account {
    let state = state(&row);
    let account::Model { id, name, created_at, suspended_at, purge_at: _ } = row;
    Account {
        id: AccountId::new(id),
        suspended_at: suspended_at.map(Timestamp::from_millis),
        state,
        name: AccountName::from_stored(name),
        created_at: Timestamp::from_millis(created_at),
        contacts,
        last_used_at,
        limits,
    }
}
