//! The sweeper: deletes the members and the rows of deleted groups in the background, so that deleting a
//! group takes the same time at any size.
//!
//! A group without a name is deleted. Its members are deleted in batches, with pauses for other writes, its
//! row last: after an interruption the row is still there, and the next run resumes.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QuerySelect, Select};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::{AccountId, Result};
use crate::storage::background_task::BackgroundTask;
use crate::storage::db::connection::Connection;
use crate::storage::db::json_sql::in_query;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::group;
use crate::storage::entity::member::{Column, Entity};
use crate::storage::write::batched_deletes::in_batches;
use crate::storage::write::counters;
use crate::storage::write::writer::Writer;

/// Runs without being woken, too: another instance may have terminated before it was done.
const INTERVAL: Duration = Duration::from_secs(60);

/// Starts the sweeper. Wake it after a deletion.
pub(crate) fn start_sweeper(writer: Writer, reader: Connection) -> BackgroundTask {
    BackgroundTask::start(|wake| run(writer, reader, wake))
}

async fn run(writer: Writer, reader: Connection, wake: Arc<Notify>) {
    loop {
        if let Err(error) = delete_all(&writer, &reader).await {
            tracing::warn!(reason = error.cause(), "rows of deleted groups could not be deleted");
        }
        drop(tokio::time::timeout(INTERVAL, wake.notified()).await);
    }
}

/// Deletes until nothing is left. Begins with a read, which takes no lock.
async fn delete_all(writer: &Writer, reader: &Connection) -> Result<()> {
    if !has_deleted(reader).await? {
        return Ok(());
    }
    in_batches(writer, reader, |transaction, limit| Box::pin(delete_batch(transaction, limit))).await
}

fn deleted() -> Select<group::Entity> {
    group::Entity::find().filter(group::Column::Name.is_null())
}

async fn has_deleted(reader: &Connection) -> Result<bool> {
    let found = deleted().select_only().column(group::Column::Id).into_tuple::<Uuid>().one(reader).await;
    Ok(found?.is_some())
}

/// Deletes one batch of members, and the group with its last ones; returns whether there was anything to do.
/// Rows that another instance has locked are skipped.
async fn delete_batch(transaction: &Transaction, limit: u64) -> Result<bool> {
    let select = deleted().lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let Some(group::Model { account_id: account, id: group, .. }) = select.one(transaction).await? else {
        return Ok(false);
    };
    let members = |limit: u64| {
        let mut query = Query::select();
        query
            .column(Column::ContactId)
            .from(Entity)
            .and_where(Column::AccountId.eq(account))
            .and_where(Column::GroupId.eq(group))
            .order_by(Column::ContactId, Order::Asc)
            .limit(limit);
        query
    };
    // Members whose contact is being deleted are skipped: that transaction deletes them.
    let mut batch = members(limit);
    batch.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let deleted = Entity::delete_many()
        .filter(Column::AccountId.eq(account))
        .filter(Column::GroupId.eq(group))
        .filter(in_query(transaction, Column::ContactId, batch))
        .exec(transaction)
        .await?;
    if deleted.rows_affected < limit {
        // In index order, or PostgreSQL might scan all members for one that does not exist.
        let is_empty = Expr::from(members(1)).is_null();
        let deleted = group::Entity::delete_many()
            .filter(group::Column::AccountId.eq(account))
            .filter(group::Column::Id.eq(group))
            .filter(is_empty)
            .exec(transaction)
            .await?;
        if deleted.rows_affected > 0 {
            counters::delete(transaction, AccountId::new(account), group).await?;
        }
    }
    Ok(true)
}
