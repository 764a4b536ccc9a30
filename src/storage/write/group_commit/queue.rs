//! What waits for a group commit, and how it is answered.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::{AccountId, Contact, Result};
use crate::storage::db::batched_replies::{self, ReplySender};
use crate::storage::write::idempotency::InFlightGuard;

/// Most creates in a group.
pub(super) const MAX_GROUP_SIZE: usize = 128;

/// What every group of a process has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitSettings {
    /// Which of an account's counters it adds to.
    pub(super) shard: i16,
    /// For how long attempts are remembered.
    pub(super) idempotency_ttl: Duration,
}

/// A contact that is to be created.
#[derive(Debug)]
pub(crate) struct Create {
    pub(crate) account: AccountId,
    pub(crate) contact: Arc<Contact>,
    pub(crate) request: Option<IdempotentRequest>,
}

impl Create {
    /// Whether nobody may try it again.
    pub(super) fn has_no_idempotency_key(&self) -> bool {
        self.request.is_none()
    }
}

/// A create that waits for its group.
pub(super) struct PendingCreate {
    pub(super) create: Arc<Create>,
    pub(super) reply: ReplySender<Result<Created<Contact>>>,
    /// Ends when the answer is there, and not when the client goes away.
    pub(super) in_flight_guard: Option<InFlightGuard>,
}

/// What became of a create: `None` where it was stored, or what an earlier attempt made.
pub(super) type CreateOutcome = Result<Option<Created<Contact>>>;

/// Whoever has gone away does not hear of it; the contact is stored all the same.
pub(super) fn reply(group: Vec<PendingCreate>, outcomes: Vec<CreateOutcome>) {
    let replies =
        group.into_iter().zip(outcomes).map(|(PendingCreate { create, reply, in_flight_guard }, outcome)| {
            // First: who has the answer may use the key again.
            drop(in_flight_guard);
            let created = |earlier: Option<_>| {
                earlier.unwrap_or_else(|| Created { made: into_contact(create), replayed: false })
            };
            (reply, outcome.map(created))
        });
    batched_replies::send_all(replies);
}

/// Nobody else has it after the commit: it need not be copied.
fn into_contact(create: Arc<Create>) -> Contact {
    let contact =
        Arc::try_unwrap(create).map_or_else(|create| Arc::clone(&create.contact), |create| create.contact);
    Arc::unwrap_or_clone(contact)
}
