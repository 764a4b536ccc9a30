//! Counters, kept beside what they count: counting a million rows for the `total` of each page would take
//! longer than the page. A counter is split into shards, one per process; its value is their sum.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryTrait, Set};
use uuid::Uuid;

use super::json_sql::{JsonSql, to_parameter};
use super::transaction::Transaction;
use crate::domain::{AccountId, Result};
use crate::storage::entity::contact_count;
use crate::storage::entity::counter::{ActiveModel, Column, Entity};

/// Counts an account's opt-outs. (Members are counted under the id of their group.)
pub(crate) const OPT_OUTS: Uuid = Uuid::nil();
/// Counts an account's groups.
pub(crate) const GROUPS: Uuid = Uuid::from_u128(1);

/// Adds to a counter. To be called last in a transaction: on PostgreSQL the row is locked from here to the
/// commit.
pub(crate) async fn add(
    transaction: &Transaction,
    account: AccountId,
    counted: Uuid,
    shard: i16,
    delta: i64,
) -> Result<()> {
    let counter = ActiveModel {
        account_id: Set(account.get()),
        of_id: Set(counted),
        shard: Set(shard),
        amount: Set(delta),
    };
    let add = Entity::insert(counter).on_conflict(
        OnConflict::columns([Column::AccountId, Column::OfId, Column::Shard])
            .value(Column::Amount, Expr::col((Entity, Column::Amount)).add(delta))
            .to_owned(),
    );
    let statement = add.build(transaction.get_database_backend());
    Ok(transaction.execute_at_commit(statement).await?)
}

/// Adds to several counters, in order of their ids: transactions that update the same counters in different
/// orders would deadlock.
pub(crate) async fn add_each(
    transaction: &Transaction,
    account: AccountId,
    counted: Vec<Uuid>,
    shard: i16,
    delta: i64,
) -> Result<()> {
    if counted.is_empty() {
        return Ok(());
    }
    let mut counted = counted;
    counted.sort_unstable();
    let json = JsonSql::of(transaction);
    let sql = format!(
        "INSERT INTO tallies (account_id, of_id, shard, amount) SELECT $1, id, $2, $3 FROM ({}) AS ids \
         WHERE true ON CONFLICT (account_id, of_id, shard) DO UPDATE SET amount = tallies.amount + excluded.amount",
        json.ids("$4")
    );
    let values = [account.get().into(), shard.into(), delta.into(), to_parameter(&counted)?];
    json.execute(transaction, sql, values).await?;
    Ok(())
}

pub(crate) async fn read(
    connection: &impl ConnectionTrait,
    account: AccountId,
    counted: Uuid,
) -> Result<u64> {
    let counters = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::OfId.eq(counted))
        .all(connection)
        .await?;
    let amount: i64 = counters.iter().map(|counter| counter.amount).sum();
    Ok(u64::try_from(amount).unwrap_or(0))
}

/// Several counters at once; those without a row, which are 0, are left out.
pub(crate) async fn read_each(
    connection: &impl ConnectionTrait,
    account: AccountId,
    counted: &[Uuid],
) -> Result<HashMap<Uuid, u64>> {
    let json = JsonSql::of(connection);
    let item = format!("{}({}, amount)", json.array, json.id_to_json("of_id"));
    let from = format!("tallies WHERE account_id = $1 AND of_id {}", json.in_query(&json.ids("$2")));
    let counters: Vec<(Uuid, i64)> =
        json.rows(connection, &item, &from, [account.get().into(), to_parameter(counted)?]).await?;
    let mut sums = HashMap::<Uuid, i64>::new();
    for (counted, amount) in counters {
        *sums.entry(counted).or_default() += amount;
    }
    Ok(sums.into_iter().map(|(counted, sum)| (counted, u64::try_from(sum).unwrap_or(0))).collect())
}

/// Adds to the account's contact counter on PostgreSQL; last in a transaction, as [`add`]. (On SQLite
/// triggers do it, so that a create is a single statement.)
pub(crate) async fn add_contacts(
    transaction: &Transaction,
    account: AccountId,
    shard: i16,
    delta: i64,
) -> Result<()> {
    use contact_count::{ActiveModel, Column, Entity};
    if transaction.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let counter = ActiveModel { account_id: Set(account.get()), shard: Set(shard), contacts: Set(delta) };
    let add = Entity::insert(counter).on_conflict(
        OnConflict::columns([Column::AccountId, Column::Shard])
            .value(Column::Contacts, Expr::col((Entity, Column::Contacts)).add(delta))
            .to_owned(),
    );
    add.exec_without_returning(transaction).await?;
    Ok(())
}

pub(crate) async fn read_contacts(connection: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
    let counters = contact_count::Entity::find()
        .filter(contact_count::Column::AccountId.eq(account.get()))
        .all(connection)
        .await?;
    let total: i64 = counters.iter().map(|counter| counter.contacts).sum();
    Ok(u64::try_from(total).unwrap_or(0))
}
