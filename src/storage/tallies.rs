//! How many there are of something: kept beside it, since counting a million rows for the `total` of each
//! page would take longer than the page.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::entity::tally::{ActiveModel, Column, Entity};
use super::error::to_domain;
use crate::domain::{AccountId, Result};

/// The opt-outs of an account. (Members are counted by the id of their group.)
pub(super) const OPT_OUTS: Uuid = Uuid::nil();

/// Adds to one of the counters of something. It comes last in a transaction: on PostgreSQL the counter
/// is locked from here to the commit.
pub(super) async fn add(
    transaction: &DatabaseTransaction,
    account: AccountId,
    of: Uuid,
    shard: i16,
    by: i64,
) -> Result<()> {
    let counter =
        ActiveModel { account_id: Set(account.get()), of_id: Set(of), shard: Set(shard), amount: Set(by) };
    Entity::insert(counter)
        .on_conflict(
            OnConflict::columns([Column::AccountId, Column::OfId, Column::Shard])
                .value(Column::Amount, Expr::col((Entity, Column::Amount)).add(by))
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await
        .map_err(|error| to_domain(&error))?;
    Ok(())
}

/// How many there are.
pub(super) async fn read(connection: &impl ConnectionTrait, account: AccountId, of: Uuid) -> Result<u64> {
    let counters = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::OfId.eq(of))
        .all(connection)
        .await
        .map_err(|error| to_domain(&error))?;
    let amount: i64 = counters.iter().map(|counter| counter.amount).sum();
    Ok(u64::try_from(amount).unwrap_or(0))
}
