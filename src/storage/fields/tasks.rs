//! The background task that builds the index of new fields, and deletes that of deleted ones.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{build, sweep};
use crate::domain::Result;
use crate::domain::field::FieldState;
use crate::storage::background_task::BackgroundTask;
use crate::storage::db::connection::Connection;
use crate::storage::entity::field::{Column, DELETED, Entity};
use crate::storage::write::batched_deletes::{in_batches, store_in_batches};
use crate::storage::write::writer::Writer;

/// Runs without being woken, too: another instance may have terminated before it was done.
const INTERVAL: Duration = Duration::from_secs(5);

/// Starts the task. Wake it when a field has been declared or deleted.
pub(crate) fn start(writer: &Writer, reader: &Connection) -> BackgroundTask {
    BackgroundTask::start(|wake| run(writer.clone(), reader.clone(), wake))
}

async fn run(writer: Writer, reader: Connection, wake: Arc<Notify>) {
    loop {
        if let Err(error) = build_all(&writer, &reader).await {
            tracing::warn!(reason = error.cause(), "the index of a field could not be built");
        }
        if let Err(error) = delete_all(&writer, &reader).await {
            tracing::warn!(reason = error.cause(), "the index of a deleted field could not be deleted");
        }
        drop(tokio::time::timeout(INTERVAL, wake.notified()).await);
    }
}

/// Begins with a read, which takes no lock, as the next one.
async fn build_all(writer: &Writer, reader: &Connection) -> Result<()> {
    if !has_state(reader, FieldState::Building.as_str()).await? {
        return Ok(());
    }
    let fields = writer.fields().clone();
    store_in_batches(writer, reader, move |transaction, limit| {
        let fields = fields.clone();
        Box::pin(async move { build::page(transaction, limit, &fields).await })
    })
    .await
}

async fn delete_all(writer: &Writer, reader: &Connection) -> Result<()> {
    if !has_state(reader, DELETED).await? {
        return Ok(());
    }
    in_batches(writer, reader, |transaction, limit| Box::pin(sweep::batch(transaction, limit))).await
}

async fn has_state(reader: &Connection, state: &str) -> Result<bool> {
    let select = Entity::find().select_only().column(Column::Id).filter(Column::State.eq(state)).limit(1);
    Ok(select.into_tuple::<Uuid>().one(reader).await?.is_some())
}
