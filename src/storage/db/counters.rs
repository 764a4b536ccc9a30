//! How many there are of something: kept beside it, since counting a million rows for the `total` of each
//! page would take longer than the page.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryTrait, Set};
use uuid::Uuid;

use super::json_sql::{Words, list};
use super::transaction::Transaction;
use crate::domain::{AccountId, Result};
use crate::storage::entity::contact_count;
use crate::storage::entity::counter::{ActiveModel, Column, Entity};
use crate::storage::error::to_domain;

/// The opt-outs of an account. (Members are counted by the id of their group.)
pub(crate) const OPT_OUTS: Uuid = Uuid::nil();
/// The groups of an account.
pub(crate) const GROUPS: Uuid = Uuid::from_u128(1);

/// Adds to one of the counters of something. It comes last in a transaction: on PostgreSQL the counter
/// is locked from here to the commit.
pub(crate) async fn add(
    transaction: &Transaction,
    account: AccountId,
    of: Uuid,
    shard: i16,
    by: i64,
) -> Result<()> {
    let counter =
        ActiveModel { account_id: Set(account.get()), of_id: Set(of), shard: Set(shard), amount: Set(by) };
    let add = Entity::insert(counter).on_conflict(
        OnConflict::columns([Column::AccountId, Column::OfId, Column::Shard])
            .value(Column::Amount, Expr::col((Entity, Column::Amount)).add(by))
            .to_owned(),
    );
    let statement = add.build(transaction.get_database_backend());
    transaction.execute_last(statement).await.map_err(|error| to_domain(&error))
}

/// The same for several things. Always in one order: two that wait for each other's counters would
/// deadlock.
pub(crate) async fn add_each(
    transaction: &Transaction,
    account: AccountId,
    of: Vec<Uuid>,
    shard: i16,
    by: i64,
) -> Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    let mut of = of;
    of.sort_unstable();
    let words = Words::of(transaction);
    let sql = format!(
        "INSERT INTO tallies (account_id, of_id, shard, amount) SELECT $1, id, $2, $3 FROM ({}) AS ids \
         WHERE true ON CONFLICT (account_id, of_id, shard) DO UPDATE SET amount = tallies.amount + excluded.amount",
        words.ids("$4")
    );
    let values = [account.get().into(), shard.into(), by.into(), list(&of)?];
    words.execute(transaction, sql, values).await?;
    Ok(())
}

/// How many there are.
pub(crate) async fn read(connection: &impl ConnectionTrait, account: AccountId, of: Uuid) -> Result<u64> {
    let counters = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::OfId.eq(of))
        .all(connection)
        .await
        .map_err(|error| to_domain(&error))?;
    let amount: i64 = counters.iter().map(|counter| counter.amount).sum();
    Ok(u64::try_from(amount).unwrap_or(0))
}

/// How many there are of several things, as far as there are any.
pub(crate) async fn read_each(
    connection: &impl ConnectionTrait,
    account: AccountId,
    of: &[Uuid],
) -> Result<HashMap<Uuid, u64>> {
    let words = Words::of(connection);
    let item = format!("{}({}, amount)", words.array, words.shown("of_id"));
    let from = format!("tallies WHERE account_id = $1 AND of_id {}", words.one_of(&words.ids("$2")));
    let counters: Vec<(Uuid, i64)> =
        words.rows(connection, &item, &from, [account.get().into(), list(of)?]).await?;
    let mut sums = HashMap::<Uuid, i64>::new();
    for (of, amount) in counters {
        *sums.entry(of).or_default() += amount;
    }
    Ok(sums.into_iter().map(|(of, sum)| (of, u64::try_from(sum).unwrap_or(0))).collect())
}

/// Adds to one of the account's counters, on PostgreSQL, where the counter is locked from here to the commit:
/// it comes last in a transaction. (On SQLite triggers do it, and a create is then one statement.)
pub(crate) async fn add_contacts(
    transaction: &Transaction,
    account: AccountId,
    shard: i16,
    by: i64,
) -> Result<()> {
    use contact_count::{ActiveModel, Column, Entity};
    if transaction.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let counter = ActiveModel { account_id: Set(account.get()), shard: Set(shard), contacts: Set(by) };
    let add = Entity::insert(counter).on_conflict(
        OnConflict::columns([Column::AccountId, Column::Shard])
            .value(Column::Contacts, Expr::col((Entity, Column::Contacts)).add(by))
            .to_owned(),
    );
    add.exec_without_returning(transaction).await.map_err(|error| to_domain(&error))?;
    Ok(())
}

pub(crate) async fn read_contacts(connection: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
    let counters = contact_count::Entity::find()
        .filter(contact_count::Column::AccountId.eq(account.get()))
        .all(connection)
        .await
        .map_err(|error| to_domain(&error))?;
    let total: i64 = counters.iter().map(|counter| counter.contacts).sum();
    Ok(u64::try_from(total).unwrap_or(0))
}
