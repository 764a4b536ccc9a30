//! Opt-out repository.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait,
};

use super::cache::contacts::{Change, OptedOut};
use super::database::handle::Database;
use super::db::transaction::Transaction;
use super::db::{counters, json_sql, keyset};
use super::entity::idempotency_key::Reference;
use super::entity::opt_out::{Column, Entity, Model};
use super::write::idempotency::Creation;
use crate::domain::contact::fields::Phone;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::opt_out::OptOutId;
use crate::domain::opt_out::{OptOutQuery, OptOutRepository, OptOutResult};
use crate::domain::pagination::{CursorPage, OffsetPage, OffsetParams};
use crate::domain::{AccountId, Error, OptOut, OptOutKey, Result};

pub(super) struct SqlOptOuts {
    database: Database,
    account: AccountId,
}

impl SqlOptOuts {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

struct InsertOutcome {
    row: Model,
    is_new: bool,
}

#[async_trait]
impl OptOutRepository for SqlOptOuts {
    async fn create(
        &self,
        opt_out: OptOut,
        request: Option<IdempotentRequest>,
    ) -> Result<Created<OptOutResult>> {
        let (account, shard) = (self.account, self.database.shard());
        let row = Model::new(account, opt_out);
        let outcome =
            self.database.create(account, request, vec![Change::OptOuts(account)], move |transaction| {
                Box::pin(async move {
                    let outcome = insert(transaction, row).await?;
                    if outcome.is_new {
                        counters::add(transaction, account, counters::OPT_OUTS, shard, 1).await?;
                    }
                    let reference = Reference { id: outcome.row.id, is_new: outcome.is_new };
                    Ok(Some((reference, outcome)))
                })
            });
        match outcome.await? {
            Creation::New(InsertOutcome { row, is_new }) => {
                Ok(Created { made: OptOutResult { opt_out: row.into(), is_new }, replayed: false })
            }
            Creation::Replayed(Reference { id, is_new }) => {
                let found = self.get(OptOutKey::Id(OptOutId::from_uuid(id))).await;
                Created::replay(found.map(|opt_out| OptOutResult { opt_out, is_new }), "opt-out")
            }
        }
    }

    async fn get(&self, key: OptOutKey) -> Result<OptOut> {
        let account = self.account;
        self.database
            .read(async move |reader| {
                let found =
                    Entity::find().filter(in_account(account)).filter(by_key(&key)).one(&reader).await;
                found?.map(OptOut::from).ok_or_else(not_found)
            })
            .await
    }

    async fn delete(&self, key: OptOutKey) -> Result<()> {
        let (account, shard) = (self.account, self.database.shard());
        self.database
            .write_deletion(move |transaction| {
                Box::pin(async move {
                    let done = Entity::delete_many()
                        .filter(in_account(account))
                        .filter(by_key(&key))
                        .exec(transaction)
                        .await;
                    if done?.rows_affected == 0 {
                        return Err(not_found());
                    }
                    counters::add(transaction, account, counters::OPT_OUTS, shard, -1).await?;
                    Ok(((), vec![Change::OptOuts(account)]))
                })
            })
            .await
    }

    async fn cursor_page(&self, query: OptOutQuery) -> Result<CursorPage<OptOut>> {
        let account = self.account;
        self.database
            .read(async move |reader| {
                let OptOutQuery { page, phone } = query;
                let mut select = Entity::find().filter(in_account(account));
                if let Some(phone) = &phone {
                    select = select.filter(Column::Phone.eq(phone.as_str()));
                }
                let page = keyset::by_cursor(&reader, select, Column::Id, phone.is_some(), &page);
                Ok(page.await?.map(OptOut::from))
            })
            .await
    }

    async fn offset_page(&self, query: OffsetParams) -> Result<OffsetPage<OptOut>> {
        let account = self.account;
        self.database
            .read(async move |reader| {
                let select = Entity::find().filter(in_account(account));
                let rows = keyset::by_offset(&reader, select, Column::Id, |row| row.id, &query).await?;
                let total = counters::read(&reader, account, counters::OPT_OUTS).await?;
                Ok(OffsetPage { items: rows.into_iter().map(OptOut::from).collect(), total })
            })
            .await
    }
}

fn in_account(account: AccountId) -> impl sea_orm::sea_query::IntoCondition {
    Column::AccountId.eq(account.get())
}

fn by_key(key: &OptOutKey) -> impl sea_orm::sea_query::IntoCondition {
    match key {
        OptOutKey::Id(id) => Column::Id.eq(id.as_uuid()),
        OptOutKey::Phone(phone) => Column::Phone.eq(phone.as_str()),
    }
}

fn not_found() -> Error {
    Error::no_such("opt-out")
}

/// Inserts a row unless the number has opted out already. Of concurrent inserts one creates the row; the
/// others wait for it, and get it.
async fn insert(transaction: &Transaction, row: Model) -> Result<InsertOutcome> {
    let id = row.id;
    // An update without effect locks the existing row and returns it.
    let keep_existing =
        OnConflict::columns([Column::AccountId, Column::Phone]).update_column(Column::Phone).to_owned();
    let row = Entity::insert(row.into_active_model())
        .on_conflict(keep_existing)
        .exec_with_returning(transaction)
        .await?;
    Ok(InsertOutcome { is_new: row.id == id, row })
}

/// Which of up to [`MAX_BATCH`](crate::domain::pagination::MAX_BATCH) numbers have opted out. They are sent
/// and returned as one JSON text each; see [`super::db::contact_rows`].
pub(super) async fn find_opted_out(
    connection: &impl ConnectionTrait,
    account: AccountId,
    phones: &[&Phone],
) -> Result<OptedOut> {
    if phones.is_empty() {
        return Ok(OptedOut::default());
    }
    let phones: Vec<&str> = phones.iter().map(|phone| phone.as_str()).collect();
    let phones = json_sql::texts(connection, &phones)?;
    fetch_numbers(connection, account, Some(json_sql::in_query(connection, Column::Phone, phones))).await
}

/// All opted-out numbers, unless there are more than `max`.
pub(super) async fn find_all(
    connection: &impl ConnectionTrait,
    account: AccountId,
    max: u64,
) -> Result<Option<OptedOut>> {
    if counters::read(connection, account, counters::OPT_OUTS).await? > max {
        return Ok(None);
    }
    fetch_numbers(connection, account, None).await.map(Some)
}

async fn fetch_numbers(
    connection: &impl ConnectionTrait,
    account: AccountId,
    among: Option<Expr>,
) -> Result<OptedOut> {
    let mut select = Entity::find().select_only().column(Column::Phone).filter(in_account(account));
    if let Some(among) = among {
        select = select.filter(among);
    }
    let phones: Vec<String> = json_sql::fetch(connection, &select.into_query(), "phone").await?;
    let number = |phone| Phone::from_stored(phone).as_number();
    Ok(Arc::new(phones.into_iter().map(number).collect()))
}
