//! Groups of plain creates on SQLite, one after the other in one turn. SQLite's thread has the next one before
//! anybody hears of the last one: while it is at work, memory is told of the last one, and its creates are
//! answered.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join;
use tokio::sync::mpsc::Receiver;
use uuid::Uuid;

use super::insert::{self, creates_of};
use super::queue::{Create, MOST, Waiting, answer};
use crate::storage::write::writer::{Failure, Turn, Writer};

/// A group that is durable, and nobody knows it.
struct Stored {
    group: Vec<Waiting>,
    creates: Vec<Arc<Create>>,
    /// Those of it whose handle was free.
    ids: HashSet<Uuid>,
}

impl Stored {
    fn tell(self, turn: &Turn<'_>) {
        let Self { group, creates, ids } = self;
        let (outcomes, changes) = insert::done(&creates, &ids);
        // Who answers need not copy what nobody else has.
        drop(creates);
        turn.tell(changes);
        answer(group, outcomes);
    }
}

/// Stores a group, and those that wait when it is stored, until none does, or one that is not plain, or somebody
/// else wants to write. Answers who waits then.
///
/// # Errors
/// The group that could not be stored. Those before it are, and know it.
pub(super) async fn commit(
    writer: &Writer,
    mut group: Vec<Waiting>,
    queue: &mut Receiver<Waiting>,
) -> Result<Vec<Waiting>, (Vec<Waiting>, Failure)> {
    let turn = match writer.turn().await {
        Ok(turn) => turn,
        Err(failure) => return Err((group, failure)),
    };
    let mut last: Option<Stored> = None;
    loop {
        let creates = insert::freshen(creates_of(&group));
        let announced = insert::puts(creates.iter());
        let write = turn.write(&announced, insert::at_once(writer.connection(), &creates));
        // In this order: the first is under way when the second begins.
        let told = async { last.take().into_iter().for_each(|stored| stored.tell(&turn)) };
        match join(write, told).await.0 {
            Ok(ids) => last = Some(Stored { group, creates, ids }),
            Err(failure) => return Err((group, failure)),
        }
        group = std::iter::from_fn(|| queue.try_recv().ok()).take(MOST).collect();
        if group.is_empty() || !insert::is_plain(&group) || turn.is_wanted() {
            last.into_iter().for_each(|stored| stored.tell(&turn));
            return Ok(group);
        }
    }
}
