//! What waits for a group commit, and how it is answered.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::{AccountId, Contact, Result};
use crate::storage::db::batched_replies::{self, Answer};
use crate::storage::write::idempotency::Flight;

/// Most creates in a group.
pub(super) const MOST: usize = 128;

/// What every group of a process has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Which of an account's counters it adds to.
    pub(super) shard: i16,
    /// For how long attempts are remembered.
    pub(super) ttl: Duration,
}

/// A contact that is to be created.
#[derive(Debug)]
pub(crate) struct Create {
    pub(crate) account: AccountId,
    pub(crate) contact: Arc<Contact>,
    pub(crate) attempt: Option<IdempotentRequest>,
}

impl Create {
    /// Whether nobody may try it again.
    pub(super) fn is_plain(&self) -> bool {
        self.attempt.is_none()
    }
}

/// A create that waits for its group.
pub(super) struct Waiting {
    pub(super) create: Arc<Create>,
    pub(super) answer: Answer<Result<Created<Contact>>>,
    /// Ends when the answer is there, and not when the client goes away.
    pub(super) flight: Option<Flight>,
}

/// What became of a create: `None` where it was stored, or what an earlier attempt made.
pub(super) type Outcome = Result<Option<Created<Contact>>>;

/// Whoever has gone away does not hear of it; the contact is stored all the same.
pub(super) fn answer(group: Vec<Waiting>, outcomes: Vec<Outcome>) {
    let answers = group.into_iter().zip(outcomes).map(|(Waiting { create, answer, flight }, outcome)| {
        // First: who has the answer may use the key again.
        drop(flight);
        let made = |earlier: Option<_>| {
            earlier.unwrap_or_else(|| Created { made: contact_of(create), replayed: false })
        };
        (answer, outcome.map(made))
    });
    batched_replies::send(answers);
}

/// Nobody else has it after the commit: it need not be copied.
fn contact_of(create: Arc<Create>) -> Contact {
    let contact =
        Arc::try_unwrap(create).map_or_else(|create| Arc::clone(&create.contact), |create| create.contact);
    Arc::unwrap_or_clone(contact)
}
