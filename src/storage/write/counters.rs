//! What a change set, and what it does to the index of fields, add to the counters.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, InsertStatement, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::contact_quota::ContactQuota;
use super::field_values::IndexChanges;
use crate::domain::{AccountId, Result};
use crate::storage::change_set::{Change, ChangeKind, ChangeSet};
use crate::storage::db::counters::{CONTACTS, OPT_OUTS};
use crate::storage::db::json_sql::{self, Type};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::counter::{Column, Entity};

/// Adds a change set to the counters, in the order of their keys: transactions that update the same counters in
/// different orders would deadlock.
///
/// # Errors
/// A conflict, on SQLite when the transaction is committed, if an account would have more contacts than its quota.
pub(super) async fn add(
    transaction: &Transaction,
    change_set: &ChangeSet,
    index_changes: &IndexChanges,
    quota: &ContactQuota,
) -> Result<()> {
    let mut sums: BTreeMap<(AccountId, Uuid), i64> = index_changes.counted().clone();
    for change in &change_set.changes {
        if let Some((counted, delta)) = counted(change) {
            *sums.entry((change.account(), counted)).or_default() += delta;
        }
    }
    let rows: Vec<(i64, Uuid, i64)> = sums
        .into_iter()
        .filter(|(_, delta)| *delta != 0)
        .map(|((account, counted), delta)| (account.get(), counted, delta))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sum = Expr::col((Entity, Column::Amount)).add(Expr::cust("excluded.amount"));
    let insert = insert(transaction, &rows, quota.checked_change(CHANGES), quota.checked_sum(sum))?;
    let statement = transaction.get_database_backend().build(&insert);
    let added = transaction.execute_at_commit(statement).await;
    Ok(added.inspect_err(|error| quota.watch_if_exceeded(error, change_set))?)
}

/// The rows of an [`insert`].
const CHANGES: &str = "changed";

/// Inserts counters, each with `new` of its row; one that exists becomes `amount`.
fn insert(
    transaction: &Transaction,
    rows: &[(i64, Uuid, i64)],
    new: Expr,
    amount: Expr,
) -> Result<InsertStatement> {
    let columns = [("account_id", Type::Integer), ("counted", Type::Id), ("amount", Type::Integer)];
    let rows = Query::select()
        .column((CHANGES, Column::AccountId))
        .column((CHANGES, Column::Counted))
        .expr(new)
        .from_subquery(json_sql::records(transaction, rows, &columns)?, CHANGES)
        // Or SQLite would parse the following ON CONFLICT as a join constraint.
        .and_where(Expr::cust("true"))
        .to_owned();
    let mut insert =
        json_sql::insert_from(Entity, [Column::AccountId, Column::Counted, Column::Amount], rows)?;
    insert.on_conflict(
        OnConflict::columns([Column::AccountId, Column::Counted]).value(Column::Amount, amount).to_owned(),
    );
    Ok(insert)
}

/// Sets counters of what has been counted.
pub(crate) async fn set(
    transaction: &Transaction,
    account: AccountId,
    amounts: &[(Uuid, i64)],
) -> Result<()> {
    let rows: Vec<_> = amounts.iter().map(|(counted, amount)| (account.get(), *counted, *amount)).collect();
    let amount = Expr::col((CHANGES, Column::Amount));
    transaction.execute(&insert(transaction, &rows, amount, Expr::cust("excluded.amount"))?).await?;
    Ok(())
}

/// The counter that a change affects, and what it adds.
fn counted(change: &Change) -> Option<(Uuid, i64)> {
    match &change.kind {
        ChangeKind::ContactCreated(_) => Some((CONTACTS, 1)),
        ChangeKind::ContactUpdated { .. } => None,
        ChangeKind::ContactDeleted(_) => Some((CONTACTS, -1)),
        ChangeKind::MemberAdded { group, contact: _ } => Some((group.as_uuid(), 1)),
        ChangeKind::MemberRemoved { group, contact: _ } | ChangeKind::MembershipEnded { group } => {
            Some((group.as_uuid(), -1))
        }
        ChangeKind::OptOutCreated(_) => Some((OPT_OUTS, 1)),
        ChangeKind::OptOutDeleted(_) => Some((OPT_OUTS, -1)),
        ChangeKind::Named { counted, .. } => *counted,
    }
}

/// Deletes the counter of what has been deleted.
pub(crate) async fn delete(transaction: &Transaction, account: AccountId, counted: Uuid) -> Result<()> {
    Entity::delete_many()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Counted.eq(counted))
        .exec(transaction)
        .await?;
    Ok(())
}
