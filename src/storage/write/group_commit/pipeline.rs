//! Pipelined groups on SQLite, under one write guard: group N+1 is submitted before the changes of group N
//! are published to the cache and its callers are notified, so that SQLite's thread never idles in between.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join;
use tokio::sync::mpsc::Receiver;
use uuid::Uuid;

use super::insert::{self, creates_of};
use super::queue::{Create, MAX_GROUP_SIZE, PendingCreate, reply};
use crate::storage::write::writer::{WriteError, WriteGuard, Writer};

/// Durable, but neither published nor acknowledged.
struct CommittedGroup {
    group: Vec<PendingCreate>,
    creates: Vec<Arc<Create>>,
    /// The contacts whose handle was free.
    ids: HashSet<Uuid>,
}

impl CommittedGroup {
    fn publish(self, guard: &WriteGuard<'_>) {
        let Self { group, creates, ids } = self;
        let (outcomes, changes) = insert::autocommit_output(&creates, &ids);
        // The last reference allows the contacts to be moved into the replies.
        drop(creates);
        guard.publish(changes);
        reply(group, outcomes);
    }
}

/// Commits a group, and those that have queued up meanwhile, until the queue is empty, or a group has an
/// idempotency key, or another write waits for the lock. Returns the group that is still to be stored.
///
/// # Errors
/// The group that could not be stored; those before it are stored and acknowledged.
pub(super) async fn commit(
    writer: &Writer,
    mut group: Vec<PendingCreate>,
    queue: &mut Receiver<PendingCreate>,
) -> Result<Vec<PendingCreate>, (Vec<PendingCreate>, WriteError)> {
    let guard = match writer.lock().await {
        Ok(guard) => guard,
        Err(failure) => return Err((group, failure)),
    };
    let mut previous: Option<CommittedGroup> = None;
    loop {
        let creates = insert::refresh_timestamps(creates_of(&group));
        let changes = insert::put_changes(creates.iter());
        let write = guard.commit(&changes, insert::insert_autocommit(writer.connection(), &creates));
        // In this order: the write is submitted before its predecessor is published.
        let publish_previous =
            async { previous.take().into_iter().for_each(|committed| committed.publish(&guard)) };
        match join(write, publish_previous).await.0 {
            Ok(ids) => previous = Some(CommittedGroup { group, creates, ids }),
            Err(failure) => return Err((group, failure)),
        }
        group = std::iter::from_fn(|| queue.try_recv().ok()).take(MAX_GROUP_SIZE).collect();
        if group.is_empty() || !insert::has_no_idempotency_key(&group) || guard.is_contended() {
            previous.into_iter().for_each(|committed| committed.publish(&guard));
            return Ok(group);
        }
    }
}
