//! The opt-outs of one account: repository, commands, queries.

mod queries;

use async_trait::async_trait;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

pub(super) use queries::{find_all, find_opted_out};

use super::cache::contacts::Change;
use super::database::handle::Database;
use super::db::counters;
use super::db::transaction::Transaction;
use super::entity::idempotency_key::Reference;
use super::entity::opt_out::{Column, Entity, Model};
use super::write::idempotency::Creation;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::opt_out::{OptOutId, OptOutQuery, OptOutRepository, OptOutResult};
use crate::domain::pagination::{CursorPage, OffsetPage, OffsetParams};
use crate::domain::{AccountId, OptOut, OptOutKey, Result};

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
                Ok(Created { resource: OptOutResult { opt_out: row.into(), is_new }, replayed: false })
            }
            Creation::Replayed(Reference { id, is_new }) => {
                let found = self.get(OptOutKey::Id(OptOutId::from_uuid(id))).await;
                Created::replay(found.map(|opt_out| OptOutResult { opt_out, is_new }), "opt-out")
            }
        }
    }

    async fn get(&self, key: OptOutKey) -> Result<OptOut> {
        let account = self.account;
        self.database.read(async move |reader| queries::find(&reader, account, &key).await).await
    }

    async fn delete(&self, key: OptOutKey) -> Result<()> {
        let (account, shard) = (self.account, self.database.shard());
        self.database
            .write_deletion(move |transaction| {
                Box::pin(async move {
                    let done = Entity::delete_many()
                        .filter(Column::AccountId.eq(account.get()))
                        .filter(queries::has_key(&key))
                        .exec(transaction)
                        .await;
                    if done?.rows_affected == 0 {
                        return Err(queries::not_found());
                    }
                    counters::add(transaction, account, counters::OPT_OUTS, shard, -1).await?;
                    Ok(((), vec![Change::OptOuts(account)]))
                })
            })
            .await
    }

    async fn cursor_page(&self, query: OptOutQuery) -> Result<CursorPage<OptOut>> {
        let account = self.account;
        self.database.read(async move |reader| queries::by_cursor(&reader, account, query).await).await
    }

    async fn offset_page(&self, query: OffsetParams) -> Result<OffsetPage<OptOut>> {
        let account = self.account;
        self.database.read(async move |reader| queries::by_offset(&reader, account, query).await).await
    }
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
