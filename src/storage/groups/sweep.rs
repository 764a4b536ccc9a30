//! The sweeper: deletes the members and the rows of deleted groups in the background, so that deleting a
//! group takes the same time at any size.
//!
//! A group without a name is deleted. Its members are deleted in batches, with pauses for other writes, its
//! row last: after an interruption the row is still there, and the next run resumes.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement, Value};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::Result;
use crate::storage::database::background_task::BackgroundTask;
use crate::storage::db::connection::Connection;
use crate::storage::db::json_sql::JsonSql;
use crate::storage::db::transaction::Transaction;
use crate::storage::write::batched_deletes::in_batches;
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

async fn has_deleted(reader: &Connection) -> Result<bool> {
    let select = "SELECT 1 FROM groups WHERE name IS NULL LIMIT 1";
    let found = reader.query_one_raw(Statement::from_string(reader.get_database_backend(), select)).await;
    Ok(found?.is_some())
}

/// Deletes one batch of members, and the group with its last ones; returns whether there was anything to do.
/// Rows that another instance has locked are skipped.
async fn delete_batch(transaction: &Transaction, limit: u64) -> Result<bool> {
    let json = JsonSql::of(transaction);
    let backend = transaction.get_database_backend();
    let skip = json.lock_clause("FOR UPDATE SKIP LOCKED");
    let sql = format!("SELECT account_id, id FROM groups WHERE name IS NULL LIMIT 1 {skip}");
    let found = transaction.query_one_raw(Statement::from_string(backend, sql)).await;
    let Some(row) = found? else { return Ok(false) };
    let account: i64 = row.try_get("", "account_id")?;
    let group: Uuid = row.try_get("", "id")?;

    let values = || -> [Value; 2] { [account.into(), group.into()] };
    let of_group = "FROM members WHERE account_id = $1 AND group_id = $2";
    // Members whose contact is being deleted are skipped: that transaction deletes them.
    let batch = format!("SELECT contact_id {of_group} ORDER BY contact_id LIMIT {limit} {skip}");
    let members = format!("DELETE {of_group} AND contact_id {}", json.in_query(&batch));
    if json.execute(transaction, members, values()).await? < limit {
        // In index order, or PostgreSQL might scan all members for one that does not exist.
        let is_empty = format!("(SELECT contact_id {of_group} ORDER BY contact_id LIMIT 1) IS NULL");
        let group = format!("DELETE FROM groups WHERE account_id = $1 AND id = $2 AND {is_empty}");
        if json.execute(transaction, group, values()).await? > 0 {
            let counter = "DELETE FROM tallies WHERE account_id = $1 AND of_id = $2".to_owned();
            json.execute(transaction, counter, values()).await?;
        }
    }
    Ok(true)
}
