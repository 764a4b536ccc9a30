//! The cleaner: deletes what has expired, in batches; see [`super::write::batched_deletes`].
//!
//! It starts with a delay, and takes no write lock before a read has found something to delete.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::accounts::purge::purge_closed;
use super::audiences::snapshots;
use super::background_task::BackgroundTask;
use super::db::connection::Connection;
use super::imports;
use super::process::Process;
use super::rate_budgets;
use super::write::batched_deletes::in_batches;
use super::write::writer::Writer;
use super::write::{change_log, idempotency};
use crate::domain::Result;

/// Delay after a start, interval between rounds, and delay after a failure.
const INITIAL_DELAY: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_secs(10 * 60);
const RETRY_DELAY: Duration = Duration::from_secs(60);

/// Starts the cleaner. Wake it where something expires before its time.
pub(super) fn start(
    writer: &Writer,
    reader: &Connection,
    change_retention: Duration,
    owner: Process,
) -> BackgroundTask {
    BackgroundTask::start(|wake| run(writer.clone(), reader.clone(), change_retention, owner, wake))
}

async fn run(
    writer: Writer,
    reader: Connection,
    change_retention: Duration,
    owner: Process,
    wake: Arc<Notify>,
) {
    let mut wait = INITIAL_DELAY;
    loop {
        drop(tokio::time::timeout(wait, wake.notified()).await);
        wait = INTERVAL;
        if let Err(error) = delete_expired_keys(&writer, &reader, writer.idempotency_ttl()).await {
            tracing::warn!(reason = error.cause(), "expired idempotency keys could not be deleted");
            wait = RETRY_DELAY;
        }
        if let Err(error) = delete_expired_changes(&writer, &reader, change_retention).await {
            tracing::warn!(reason = error.cause(), "expired entries of the change log could not be deleted");
            wait = RETRY_DELAY;
        }
        if let Err(error) = expire_abandoned_audiences(&writer, &reader, owner).await {
            tracing::warn!(
                reason = error.cause(),
                "unfinished audiences of a terminated process could not be ended"
            );
            wait = RETRY_DELAY;
        }
        if let Err(error) = delete_expired_audiences(&writer, &reader).await {
            tracing::warn!(reason = error.cause(), "expired audiences could not be deleted");
            wait = RETRY_DELAY;
        }
        if let Err(error) = purge_closed(&writer, &reader).await {
            tracing::warn!(reason = error.cause(), "a closed account could not be purged");
            wait = RETRY_DELAY;
        }
        if let Err(error) = rate_budgets::delete_full(&reader).await {
            tracing::warn!(reason = error.cause(), "budgets of requests that are full could not be deleted");
            wait = RETRY_DELAY;
        }
        if let Err(error) = delete_expired_imports(&writer, &reader).await {
            tracing::warn!(reason = error.cause(), "expired imports could not be deleted");
            wait = RETRY_DELAY;
        }
    }
}

async fn delete_expired_keys(writer: &Writer, reader: &Connection, ttl: Duration) -> Result<()> {
    if !idempotency::has_expired(reader, ttl).await? {
        return Ok(());
    }
    in_batches(writer, reader, move |transaction, rows| {
        Box::pin(async move { Ok(idempotency::delete_expired(transaction, ttl, rows).await? == rows) })
    })
    .await
}

async fn delete_expired_changes(writer: &Writer, reader: &Connection, retention: Duration) -> Result<()> {
    if change_log::find_expired(reader, retention).await?.is_none() {
        return Ok(());
    }
    in_batches(writer, reader, move |transaction, rows| {
        Box::pin(change_log::delete_expired(transaction, retention, rows))
    })
    .await
}

/// Snapshots that a terminated process left unfinished; expiring one frees its idempotency key.
async fn expire_abandoned_audiences(writer: &Writer, reader: &Connection, owner: Process) -> Result<()> {
    if !snapshots::has_abandoned(reader, owner).await? {
        return Ok(());
    }
    in_batches(writer, reader, move |transaction, rows| {
        Box::pin(snapshots::expire_abandoned(transaction, owner, rows))
    })
    .await
}

async fn delete_expired_audiences(writer: &Writer, reader: &Connection) -> Result<()> {
    if !snapshots::has_expired(reader).await? {
        return Ok(());
    }
    in_batches(writer, reader, |transaction, rows| Box::pin(snapshots::delete_expired(transaction, rows)))
        .await
}

async fn delete_expired_imports(writer: &Writer, reader: &Connection) -> Result<()> {
    if !imports::has_expired(reader).await? {
        return Ok(());
    }
    in_batches(writer, reader, |transaction, rows| Box::pin(imports::delete_expired(transaction, rows))).await
}
