//! Groups of plain creates on SQLite, one after the other in one turn. SQLite's thread has the next one before
//! anybody hears of the last one: while it is at work, memory is told of the last one, and its creates are
//! answered.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join;
use tokio::sync::mpsc::Receiver;
use uuid::Uuid;

use super::insert::{self, creates_of};
use super::queue::{Create, MAX_GROUP_SIZE, PendingCreate, reply};
use crate::storage::write::writer::{WriteError, WriteGuard, Writer};

/// A group that is durable, and nobody knows it.
struct CommittedGroup {
    group: Vec<PendingCreate>,
    creates: Vec<Arc<Create>>,
    /// Those of it whose handle was free.
    ids: HashSet<Uuid>,
}

impl CommittedGroup {
    fn publish(self, guard: &WriteGuard<'_>) {
        let Self { group, creates, ids } = self;
        let (outcomes, changes) = insert::autocommit_output(&creates, &ids);
        // Who answers need not copy what nobody else has.
        drop(creates);
        guard.publish(changes);
        reply(group, outcomes);
    }
}

/// Stores a group, and those that wait when it is stored, until none does, or one that is not plain, or somebody
/// else wants to write. Answers who waits then.
///
/// # Errors
/// The group that could not be stored. Those before it are, and know it.
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
        // In this order: the first is under way when the second begins.
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
