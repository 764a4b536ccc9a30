//! Group commit: concurrent creates share one transaction and one INSERT, and each is answered after the
//! commit that made it durable. (On SQLite the INSERT is the transaction.)
//!
//! While one group is committed the next one queues up; no group waits to fill up. A create that fails
//! because its handle is taken does not affect the others: the INSERT skips it.

mod insert;
mod pipeline;
mod queue;

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

pub(crate) use queue::Create;
use queue::{CommitSettings, CreateOutcome, MAX_GROUP_SIZE, PendingCreate, reply};

use super::idempotency::InFlightGuard;
use super::writer::{WriteError, Writer};
use crate::domain::idempotency::Created;
use crate::domain::{Contact, Error, ErrorCode, Result};
use crate::storage::db::batched_replies;
use crate::storage::db::connect::Options;

#[derive(Clone, Debug)]
pub(crate) struct GroupCommit {
    queue: mpsc::Sender<PendingCreate>,
}

impl GroupCommit {
    /// Starts the committers, each of which uses a connection during a commit. They end when the last handle
    /// is dropped.
    pub(crate) fn start(writer: &Writer, shard: i16, options: &Options, committers: usize) -> Self {
        let (queue, pending) = mpsc::channel(options.write_queue);
        let settings = CommitSettings { shard, idempotency_ttl: options.idempotency_ttl };
        let pending = Arc::new(Mutex::new(pending));
        for _ in 0..committers {
            tokio::spawn(commit_groups(writer.clone(), settings, Arc::clone(&pending)));
        }
        Self { queue }
    }

    /// Queues a create, and waits for its commit.
    pub(crate) async fn insert(
        &self,
        create: Create,
        in_flight_guard: Option<InFlightGuard>,
    ) -> Result<Created<Contact>> {
        let (sender, receiver) = batched_replies::channel();
        let pending = PendingCreate { create: Arc::new(create), reply: sender, in_flight_guard };
        self.queue.try_send(pending).map_err(|_| {
            Error::with_message(ErrorCode::Unavailable, "Too many writes are waiting; try again")
        })?;
        receiver.receive().await?
    }
}

async fn commit_groups(
    writer: Writer,
    settings: CommitSettings,
    queue: Arc<Mutex<mpsc::Receiver<PendingCreate>>>,
) {
    let mut next_group = Vec::new();
    loop {
        let mut group = std::mem::take(&mut next_group);
        let mut queue = queue.lock().await;
        if group.is_empty() && queue.recv_many(&mut group, MAX_GROUP_SIZE).await == 0 {
            return;
        }
        if insert::can_autocommit(&writer, &group) {
            match pipeline::commit(&writer, group, &mut queue).await {
                Ok(pending) => next_group = pending,
                Err((group, failure)) => handle_failure(&writer, settings, group, failure).await,
            }
            continue;
        }
        // Lets another committer collect the next group.
        drop(queue);
        match commit(&writer, settings, &group).await {
            // In another task: the next group need not wait.
            Ok(outcomes) => drop(tokio::spawn(async move { reply(group, outcomes) })),
            Err(failure) => handle_failure(&writer, settings, group, failure).await,
        }
    }
}

/// An internal error may be due to one create of the group: each is retried alone.
async fn handle_failure(
    writer: &Writer,
    settings: CommitSettings,
    group: Vec<PendingCreate>,
    failure: WriteError,
) {
    match failure {
        WriteError::NotCommitted(error) if error.code() == ErrorCode::Internal && group.len() > 1 => {
            for pending in group {
                let alone = vec![pending];
                match commit(writer, settings, &alone).await {
                    Ok(outcomes) => reply(alone, outcomes),
                    Err(failure) => reply_error(alone, failure),
                }
            }
        }
        failure => reply_error(group, failure),
    }
}

fn reply_error(group: Vec<PendingCreate>, failure: WriteError) {
    let error = Error::from(failure);
    let outcomes = group.iter().map(|_| Err(Error::caused_by(error.code(), error.cause()))).collect();
    reply(group, outcomes);
}

async fn commit(
    writer: &Writer,
    settings: CommitSettings,
    group: &[PendingCreate],
) -> Result<Vec<CreateOutcome>, WriteError> {
    insert::commit(writer, settings, insert::creates_of(group)).await
}
