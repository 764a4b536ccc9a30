//! Deletes the index of deleted fields in batches, and the field with its last ones; see
//! [`batched_deletes`](crate::storage::write::batched_deletes). Until then its number is in use.

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QuerySelect};

use crate::domain::field::FieldNumber;
use crate::domain::{AccountId, Result};
use crate::storage::db::counters::{indexed, mismatched};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::field;
use crate::storage::entity::field_value::{Column, Entity};
use crate::storage::write::counters;

/// Deletes up to `limit` values; returns whether there was anything to do. Rows that another transaction has locked are
/// skipped.
pub(super) async fn batch(transaction: &Transaction, limit: u64) -> Result<bool> {
    let deleted = field::Entity::find()
        .filter(field::Column::State.eq(field::DELETED))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .limit(1);
    let Some(field::Model { account_id: account, id, number, .. }) = deleted.one(transaction).await? else {
        return Ok(false);
    };
    let numbers = [number, -number];
    for number in numbers {
        let mut batch = values(account, number, limit);
        batch.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let key = Expr::tuple([Column::ContactId, Column::Field].map(Expr::col));
        let done = Entity::delete_many()
            .filter(Column::AccountId.eq(account))
            .filter(key.in_subquery(batch))
            .exec(transaction)
            .await?;
        if done.rows_affected >= limit {
            return Ok(true);
        }
    }
    let mut row = field::Entity::delete_many()
        .filter(field::Column::AccountId.eq(account))
        .filter(field::Column::Id.eq(id));
    for number in numbers {
        row = row.filter(Expr::exists(values(account, number, 1)).not());
    }
    if row.exec(transaction).await?.rows_affected > 0 {
        for counted in [indexed(FieldNumber::new(number)), mismatched(FieldNumber::new(number))] {
            counters::delete(transaction, AccountId::new(account), counted).await?;
        }
    }
    Ok(true)
}

/// Keys of values in the order of the index, or PostgreSQL might scan all for one that does not exist.
fn values(account: i64, number: i32, limit: u64) -> SelectStatement {
    Query::select()
        .columns([Column::ContactId, Column::Field])
        .from(Entity)
        .and_where(Column::AccountId.eq(account))
        .and_where(Column::Field.eq(number))
        .order_by(Column::Value, Order::Asc)
        .order_by(Column::ContactId, Order::Asc)
        .limit(limit)
        .to_owned()
}
