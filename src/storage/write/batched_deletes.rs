//! Deletion in batches, with little effect on other writes, and the construction of an index likewise.
//!
//! SQLite has one writer: deleting a million rows at once would block all other writes and grow the WAL by
//! all of them. A batch is one transaction, which takes the write lock like any other; its size is adapted to
//! take [`TARGET_DURATION`], and a pause at least as long follows it.
//!
//! A batch touches a page for almost every row, so the WAL soon reaches the size for a checkpoint, which
//! SQLite runs within the commit that exceeds it: all writes would wait. Therefore a reader connection
//! checkpoints every few batches, while others write; the commit then finds little left to copy.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sea_orm::ConnectionTrait;

use super::writer::{WriteOutput, Writer};
use crate::domain::{Error, Result};
use crate::storage::change_set::ChangeSet;
use crate::storage::db::connection::Connection;
use crate::storage::db::transaction::Transaction;

const TARGET_DURATION: Duration = Duration::from_millis(8);

/// Rows per batch: initial, minimum, maximum.
const INITIAL_ROWS: u64 = 100;
const MIN_ROWS: u64 = 50;
const MAX_ROWS: u64 = 2_000;

const MIN_PAUSE: Duration = Duration::from_millis(10);

const BATCHES_PER_CHECKPOINT: u32 = 4;

/// Runs `delete` in batches until it returns that nothing is left; it gets the maximum number of rows to
/// delete.
pub(crate) async fn in_batches<F>(writer: &Writer, reader: &Connection, delete: F) -> Result<()>
where
    F: for<'t> Fn(&'t Transaction, u64) -> BoxFuture<'t, Result<bool>> + Clone + Send + 'static,
{
    run(writer, reader, true, delete).await
}

/// As [`in_batches`], of something that stores rows: on a full disk it fails.
pub(crate) async fn store_in_batches<F>(writer: &Writer, reader: &Connection, store: F) -> Result<()>
where
    F: for<'t> Fn(&'t Transaction, u64) -> BoxFuture<'t, Result<bool>> + Clone + Send + 'static,
{
    run(writer, reader, false, store).await
}

async fn run<F>(writer: &Writer, reader: &Connection, is_deletion: bool, job: F) -> Result<()>
where
    F: for<'t> Fn(&'t Transaction, u64) -> BoxFuture<'t, Result<bool>> + Clone + Send + 'static,
{
    let mut rows = INITIAL_ROWS;
    for batch in 1_u32.. {
        let job = timed(job.clone(), rows);
        let done = if is_deletion { writer.transact_deletion(job).await } else { writer.transact(job).await };
        let (has_more, began) = done.map_err(Error::from)?;
        let took = began.elapsed();
        rows = next_rows(rows, took);
        if batch.is_multiple_of(BATCHES_PER_CHECKPOINT) && reader.file().is_some() {
            // A failed one is made up for by the next, or by a commit.
            drop(reader.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await);
        }
        // Other writes run now.
        tokio::time::sleep(took.max(MIN_PAUSE)).await;
        if !has_more {
            break;
        }
    }
    Ok(())
}

/// A batch, and when it began: waiting for the lock does not count.
fn timed<F>(
    job: F,
    rows: u64,
) -> impl for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<(bool, Instant)>>> + Clone
where
    F: for<'t> Fn(&'t Transaction, u64) -> BoxFuture<'t, Result<bool>> + Clone + Send + 'static,
{
    move |transaction| {
        Box::pin(async move {
            let began = Instant::now();
            Ok(((job(transaction, rows).await?, began), ChangeSet::default()))
        })
    }
}

fn next_rows(rows: u64, took: Duration) -> u64 {
    if took > TARGET_DURATION {
        (rows / 2).max(MIN_ROWS)
    } else if took < TARGET_DURATION / 2 {
        (rows + rows / 4).min(MAX_ROWS)
    } else {
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_size_adapts_to_the_duration() {
        let after = |rows, took| (0..100).fold(rows, |rows, _| next_rows(rows, took));
        assert_eq!(after(INITIAL_ROWS, Duration::from_millis(1)), MAX_ROWS);
        assert_eq!(after(MAX_ROWS, TARGET_DURATION), MAX_ROWS);
        assert_eq!(after(MAX_ROWS, Duration::from_secs(1)), MIN_ROWS);
    }
}
