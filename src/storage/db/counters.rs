//! Counters, kept beside what they count: counting a million rows for the `total` of each page would take
//! longer than the page. A counter is split into shards, one per process; its value is their sum.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryTrait, Set};
use uuid::Uuid;

use super::json_sql;
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
    let add = Entity::insert(counter).on_conflict(adding(delta));
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
    let mut rows = json_sql::ids(transaction, &counted)?;
    rows.exprs([Expr::val(account.get()), Expr::val(shard), Expr::val(delta)]);
    // Or SQLite would parse ON CONFLICT as a join constraint.
    rows.and_where(Expr::cust("true"));
    let columns = [Column::OfId, Column::AccountId, Column::Shard, Column::Amount];
    let mut insert = json_sql::insert_from(Entity, columns, rows)?;
    insert.on_conflict(adding(delta));
    transaction.execute(&insert).await?;
    Ok(())
}

/// Adds to a counter that exists.
fn adding(delta: i64) -> OnConflict {
    OnConflict::columns([Column::AccountId, Column::OfId, Column::Shard])
        .value(Column::Amount, Expr::col((Entity, Column::Amount)).add(delta))
        .to_owned()
}

/// Deletes the counter of a deleted resource.
pub(crate) async fn delete(transaction: &Transaction, account: i64, counted: Uuid) -> Result<()> {
    Entity::delete_many()
        .filter(Column::AccountId.eq(account))
        .filter(Column::OfId.eq(counted))
        .exec(transaction)
        .await?;
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
    let counters = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(json_sql::in_query(connection, Column::OfId, json_sql::ids(connection, counted)?))
        .all(connection)
        .await?;
    let mut sums = HashMap::<Uuid, i64>::new();
    for counter in counters {
        *sums.entry(counter.of_id).or_default() += counter.amount;
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
