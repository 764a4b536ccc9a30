//! Writes of groups, each within its caller's transaction.

use sea_orm::sea_query::{Expr, LockType, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::queries::find_row;
use crate::domain::group::{Group, GroupKey, GroupPatch};
use crate::domain::{AccountId, Result, Timestamp};
use crate::storage::db::counters;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::group::{Column, Entity, Model};
use crate::storage::error::name_conflict;

/// Inserts a group; returns whether its name was free.
pub(super) async fn insert(transaction: &Transaction, row: Model) -> Result<bool> {
    let name = OnConflict::columns([Column::AccountId, Column::Name]).do_nothing().to_owned();
    let stored =
        Entity::insert(row.into_active_model()).on_conflict(name).exec_without_returning(transaction).await?;
    Ok(stored > 0)
}

pub(super) async fn update(
    transaction: &Transaction,
    account: AccountId,
    key: &GroupKey,
    patch: GroupPatch,
    now: Timestamp,
) -> Result<Group> {
    let row = find_row(transaction, account, key, Some(LockType::Update)).await?;
    let member_count = counters::read(transaction, account, row.id).await?;
    let before = row.into_group(member_count)?;
    let after = before.patched(patch, now);
    if after.version != before.version {
        let Model { account_id, id, name, description, created_at: _, updated_at, version } =
            Model::new(account, &after);
        Entity::update_many()
            .col_expr(Column::Name, Expr::value(name))
            .col_expr(Column::Description, Expr::value(description))
            .col_expr(Column::UpdatedAt, Expr::value(updated_at))
            .col_expr(Column::Version, Expr::value(version))
            .filter(Column::AccountId.eq(account_id))
            .filter(Column::Id.eq(id))
            .exec(transaction)
            .await
            .map_err(name_conflict)?;
    }
    Ok(after)
}

/// Sets the name to NULL: the group is deleted for all readers, and its name is free. [`super::sweep`]
/// deletes its members and its row.
pub(super) async fn delete(transaction: &Transaction, account: AccountId, key: &GroupKey) -> Result<()> {
    let id = find_row(transaction, account, key, Some(LockType::Update)).await?.id;
    Entity::update_many()
        .col_expr(Column::Name, Expr::value(Option::<String>::None))
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Id.eq(id))
        .exec(transaction)
        .await?;
    Ok(())
}
