//! The last uses of keys: stored for many keys at once, and later than the requests.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::write;
use crate::domain::api_key::last_use::LastUse;
use crate::domain::api_key::uses::KeyUse;
use crate::domain::{Result, Timestamp};
use crate::storage::database::handle::Database;
use crate::storage::db::json_sql::{self, Type};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::api_key;
use crate::storage::entity::key_use::{Column, Entity, Model};

/// Keys per transaction: few enough that other writes wait for milliseconds only.
const BATCH: usize = 1_000;

/// Stores uses. Of several instances, the one that has seen the latest use counts.
pub(super) async fn store(database: &Database, mut uses: Vec<KeyUse>) -> Result<()> {
    // In the order of keys: in different orders, two instances would wait for each other.
    uses.sort_by(|one, other| (one.account, one.key.as_str()).cmp(&(other.account, other.key.as_str())));
    for batch in uses.chunks(BATCH) {
        let rows: Vec<Row> = batch.iter().map(row).collect();
        write(database, move |transaction| upsert(transaction, rows)).await?;
    }
    Ok(())
}

/// Account, key, time and address.
type Row = (i64, String, i64, Option<String>);

fn row(key_use: &KeyUse) -> Row {
    let KeyUse { account, key, last: LastUse { at, from } } = key_use;
    (account.get(), key.as_str().to_owned(), at.millis(), from.map(|address| address.to_string()))
}

fn upsert(transaction: &Transaction, rows: Vec<Row>) -> BoxFuture<'_, Result<()>> {
    const USES: &str = "uses";
    Box::pin(async move {
        let columns = [
            ("account_id", Type::Integer),
            ("key_id", Type::Text),
            ("used_at", Type::Integer),
            ("address", Type::Text),
        ];
        let stored = [Column::AccountId, Column::KeyId, Column::UsedAt, Column::Address];
        let known =
            Query::select()
                .columns(stored.map(|column| (USES, column)))
                .from_subquery(json_sql::records(transaction, &rows, &columns)?, USES)
                // A key may have been purged with its account since.
                .and_where(Expr::col((USES, Column::KeyId)).in_subquery(
                    Query::select().column(api_key::Column::Id).from(api_key::Entity).to_owned(),
                ))
                .order_by((USES, Column::AccountId), sea_orm::Order::Asc)
                .order_by((USES, Column::KeyId), sea_orm::Order::Asc)
                .to_owned();
        let mut insert = json_sql::insert_from(Entity, stored, known)?;
        insert.on_conflict(
            OnConflict::columns([Column::AccountId, Column::KeyId])
                .update_columns([Column::UsedAt, Column::Address])
                .action_and_where(Expr::cust("excluded.used_at").gt(Expr::col((Entity, Column::UsedAt))))
                .to_owned(),
        );
        transaction.execute(&insert).await?;
        Ok(())
    })
}

/// The latest use of any key of each of these accounts.
pub(super) async fn of_accounts(
    connection: &impl ConnectionTrait,
    accounts: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, Timestamp>> {
    let latest: Vec<(i64, i64)> = Entity::find()
        .select_only()
        .column(Column::AccountId)
        .expr_as(Column::UsedAt.max(), "used_at")
        .filter(Column::AccountId.is_in(accounts))
        .group_by(Column::AccountId)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(latest.into_iter().map(|(account, at)| (account, Timestamp::from_millis(at))).collect())
}

impl From<Model> for LastUse {
    fn from(row: Model) -> Self {
        let Model { account_id: _, key_id: _, used_at, address } = row;
        let from = address.and_then(|address| address.parse().ok());
        Self { at: Timestamp::from_millis(used_at), from }
    }
}
