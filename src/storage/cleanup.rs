//! Deletes what has expired, in batches, so that other writes hardly notice.
//!
//! SQLite has one writer: whoever deletes a million rows at once keeps everybody else from writing meanwhile, and
//! lets the WAL grow by all of them. A batch is one transaction, in its turn like every other write; it has as many
//! rows as the last ones show to take [`TARGET`], and a pause at least as long follows it.
//!
//! A batch touches a page for almost every row, so the WAL is soon due for a checkpoint, which SQLite does within
//! the commit that finds it so: all writes wait for it. Therefore a connection that reads checkpoints every
//! few batches, while others write; the commit that is due then finds little left to copy.
//!
//! Nothing here runs at the very start, and nothing takes a write lock before a read has found something to delete.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sea_orm::ConnectionTrait;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::audiences::snapshots::{self, SnapshotOwner};
use super::db::connection::Connection;
use super::db::transaction::Transaction;
use super::write::idempotency;
use super::write::writer::Writer;
use crate::domain::{Error, Result};

/// How long one batch may take.
const TARGET: Duration = Duration::from_millis(8);

/// Rows of a batch: at first, and at least and at most.
const FIRST_ROWS: u64 = 100;
const LEAST_ROWS: u64 = 50;
const MOST_ROWS: u64 = 2_000;

/// Shortest pause between two batches.
const PAUSE: Duration = Duration::from_millis(10);

/// When it begins after a start, how often it looks for more, and when it tries again what failed.
const BEGIN_AFTER: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(10 * 60);
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// How many batches run between two checkpoints.
const CHECKPOINT_EVERY: u32 = 4;

/// Runs one batch after the other until one finds nothing more: `delete` is told how many rows it may delete, and
/// answers whether there may be more.
pub(super) async fn in_batches<F>(writer: &Writer, reader: &Connection, delete: F) -> Result<()>
where
    F: for<'t> Fn(&'t Transaction, u64) -> BoxFuture<'t, Result<bool>> + Clone + Send + 'static,
{
    let mut rows = FIRST_ROWS;
    for batch in 1_u32.. {
        let delete = delete.clone();
        let done = writer.transact_freeing(move |transaction| {
            Box::pin(async move {
                // The wait for its turn is no work.
                let began = Instant::now();
                Ok(((delete(transaction, rows).await?, began), Vec::new()))
            })
        });
        let (is_more, began) = done.await.map_err(Error::from)?;
        let took = began.elapsed();
        rows = next_rows(rows, took);
        if batch.is_multiple_of(CHECKPOINT_EVERY) && reader.file().is_some() {
            // One that fails is made up for by the next, or by a commit.
            drop(reader.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await);
        }
        // Others write now.
        tokio::time::sleep(took.max(PAUSE)).await;
        if !is_more {
            break;
        }
    }
    Ok(())
}

fn next_rows(rows: u64, took: Duration) -> u64 {
    if took > TARGET {
        (rows / 2).max(LEAST_ROWS)
    } else if took < TARGET / 2 {
        (rows + rows / 4).min(MOST_ROWS)
    } else {
        rows
    }
}

/// A task beside the requests, which does something from time to time and when it is woken.
#[derive(Debug)]
pub(super) struct BackgroundTask {
    wake: Arc<Notify>,
    task: AbortHandle,
}

impl BackgroundTask {
    /// Starts it; `work` is given what wakes it.
    pub(super) fn start<W>(work: impl FnOnce(Arc<Notify>) -> W) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let wake = Arc::<Notify>::default();
        let task = tokio::spawn(work(Arc::clone(&wake))).abort_handle();
        Self { wake, task }
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// To be called before the database is closed. What is left is there at the next start.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for BackgroundTask {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the task that deletes what has expired. It is to be woken where something was deleted before its time.
pub(super) fn start(
    writer: &Writer,
    reader: &Connection,
    idempotency_ttl: Duration,
    owner: SnapshotOwner,
) -> BackgroundTask {
    BackgroundTask::start(|wake| clean(writer.clone(), reader.clone(), idempotency_ttl, owner, wake))
}

async fn clean(
    writer: Writer,
    reader: Connection,
    idempotency_ttl: Duration,
    owner: SnapshotOwner,
    wake: Arc<Notify>,
) {
    let mut wait = BEGIN_AFTER;
    loop {
        drop(tokio::time::timeout(wait, wake.notified()).await);
        wait = EVERY;
        if let Err(error) = clean_attempts(&writer, &reader, idempotency_ttl).await {
            tracing::warn!(reason = error.cause(), "expired idempotency keys could not be deleted");
            wait = RETRY_AFTER;
        }
        if let Err(error) = end_abandoned(&writer, &reader, owner).await {
            tracing::warn!(
                reason = error.cause(),
                "unfinished audiences of a terminated process could not be ended"
            );
            wait = RETRY_AFTER;
        }
        if let Err(error) = clean_audiences(&writer, &reader).await {
            tracing::warn!(reason = error.cause(), "expired audiences could not be deleted");
            wait = RETRY_AFTER;
        }
    }
}

async fn clean_attempts(writer: &Writer, reader: &Connection, ttl: Duration) -> Result<()> {
    if !idempotency::any_expired(reader, ttl).await? {
        return Ok(());
    }
    in_batches(writer, reader, move |transaction, rows| {
        Box::pin(async move { Ok(idempotency::clear_some(transaction, ttl, rows).await? == rows) })
    })
    .await
}

/// What a process left unfinished, and the Idempotency-Key under which it can be tried again.
async fn end_abandoned(writer: &Writer, reader: &Connection, owner: SnapshotOwner) -> Result<()> {
    if !snapshots::any_abandoned(reader, owner).await? {
        return Ok(());
    }
    in_batches(writer, reader, move |transaction, rows| {
        Box::pin(snapshots::end_abandoned_some(transaction, owner, rows))
    })
    .await
}

async fn clean_audiences(writer: &Writer, reader: &Connection) -> Result<()> {
    if !snapshots::any_expired(reader).await? {
        return Ok(());
    }
    in_batches(writer, reader, |transaction, rows| Box::pin(snapshots::clear_some(transaction, rows))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_as_many_rows_as_the_time_allows() {
        let after = |rows, took| (0..100).fold(rows, |rows, _| next_rows(rows, took));
        assert_eq!(after(FIRST_ROWS, Duration::from_millis(1)), MOST_ROWS);
        assert_eq!(after(MOST_ROWS, TARGET), MOST_ROWS);
        assert_eq!(after(MOST_ROWS, Duration::from_secs(1)), LEAST_ROWS);
    }
}
