//! The queue of a group commit: pending creates, their outcomes and replies.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::{AccountId, Contact, Result};
use crate::storage::db::batched_replies::{self, ReplySender};
use crate::storage::write::idempotency::InFlightGuard;

pub(super) const MAX_GROUP_SIZE: usize = 128;

/// Shared by all groups of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitSettings {
    /// Which of an account's counters a create adds to.
    pub(super) shard: i16,
    /// Lifetime of idempotency keys.
    pub(super) idempotency_ttl: Duration,
}

#[derive(Debug)]
pub(crate) struct Create {
    pub(crate) account: AccountId,
    pub(crate) contact: Arc<Contact>,
    pub(crate) request: Option<IdempotentRequest>,
}

impl Create {
    /// Whether nothing is recorded for a repetition.
    pub(super) fn has_no_idempotency_key(&self) -> bool {
        self.request.is_none()
    }
}

pub(super) struct PendingCreate {
    pub(super) create: Arc<Create>,
    pub(super) reply: ReplySender<Result<Created<Contact>>>,
    /// Released with the reply, not when the client disconnects.
    pub(super) in_flight_guard: Option<InFlightGuard>,
}

/// The outcome of a create: `None` if it was stored, else what an earlier request created.
pub(super) type CreateOutcome = Result<Option<Created<Contact>>>;

/// Replies to the callers. Some may have gone; their contacts are stored all the same.
pub(super) fn reply(group: Vec<PendingCreate>, outcomes: Vec<CreateOutcome>) {
    let replies =
        group.into_iter().zip(outcomes).map(|(PendingCreate { create, reply, in_flight_guard }, outcome)| {
            // First: a caller with its reply may reuse the key.
            drop(in_flight_guard);
            let created = |earlier: Option<_>| {
                earlier.unwrap_or_else(|| Created { resource: into_contact(create), replayed: false })
            };
            (reply, outcome.map(created))
        });
    batched_replies::send_all(replies);
}

/// After the commit this is the last reference, which saves a copy.
fn into_contact(create: Arc<Create>) -> Contact {
    let contact =
        Arc::try_unwrap(create).map_or_else(|create| Arc::clone(&create.contact), |create| create.contact);
    Arc::unwrap_or_clone(contact)
}
