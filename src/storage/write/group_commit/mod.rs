//! Group commit: creates that wait at the same time share one transaction and one statement, and
//! each is answered after the commit that made it durable. (On SQLite the statement is the transaction.)
//!
//! While one group is being committed the next one gathers; nobody waits for a group to fill up. A
//! create that fails (its handle is taken) does not disturb the others: the statement passes over it.

mod insert;
mod pipeline;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};

use super::idempotency::Flight;
use super::writer::{Failure, Writer};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::{AccountId, Contact, Error, ErrorCode, Result};
use crate::storage::db::batched_replies::{self, Answer};
use crate::storage::db::connect::Options;

/// Most creates in a group.
const MOST: usize = 128;

/// What every group of a process has in common.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Which of an account's counters it adds to.
    shard: i16,
    /// For how long attempts are remembered.
    ttl: Duration,
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
    fn is_plain(&self) -> bool {
        self.attempt.is_none()
    }
}

/// A create that waits for its group.
struct Waiting {
    create: Arc<Create>,
    answer: Answer<Result<Created<Contact>>>,
    /// Ends when the answer is there, and not when the client goes away.
    flight: Option<Flight>,
}

/// What became of a create: `None` where it was stored, or what an earlier attempt made.
type Outcome = Result<Option<Created<Contact>>>;

/// Where creates wait.
#[derive(Clone, Debug)]
pub(crate) struct GroupCommit {
    queue: mpsc::Sender<Waiting>,
}

impl GroupCommit {
    /// Starts so many committers, each with a connection of its own while it commits. They end when
    /// the last handle is dropped.
    pub(crate) fn start(writer: &Writer, shard: i16, options: &Options, committers: usize) -> Self {
        let (queue, waiting) = mpsc::channel(options.write_queue);
        let place = Place { shard, ttl: options.idempotency_ttl };
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..committers {
            tokio::spawn(commit_groups(writer.clone(), place, Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// Waits for a place in a group, and for its commit.
    pub(crate) async fn insert(&self, create: Create, flight: Option<Flight>) -> Result<Created<Contact>> {
        let (answer, answered) = batched_replies::answer();
        let waiting = Waiting { create: Arc::new(create), answer, flight };
        self.queue.try_send(waiting).map_err(|_| {
            Error::with_message(ErrorCode::Unavailable, "Too many writes are waiting; try again")
        })?;
        answered.get().await?
    }
}

async fn commit_groups(writer: Writer, place: Place, queue: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    let mut left = Vec::new();
    loop {
        let mut group = std::mem::take(&mut left);
        let mut queue = queue.lock().await;
        if group.is_empty() && queue.recv_many(&mut group, MOST).await == 0 {
            return;
        }
        if insert::is_one_statement(&writer, &group) {
            match pipeline::commit(&writer, group, &mut queue).await {
                Ok(waiting) => left = waiting,
                Err((group, failure)) => after(&writer, place, group, failure).await,
            }
            continue;
        }
        // So that another committer gathers the next group meanwhile.
        drop(queue);
        match store(&writer, place, &group).await {
            // By somebody else, so that the next group need not wait.
            Ok(outcomes) => drop(tokio::spawn(async move { answer(group, outcomes) })),
            Err(failure) => after(&writer, place, group, failure).await,
        }
    }
}

/// What one of them has done to the statement must not be told to the others: each is tried alone.
async fn after(writer: &Writer, place: Place, group: Vec<Waiting>, failure: Failure) {
    match failure {
        Failure::BeforeCommit(error) if error.code() == ErrorCode::Internal && group.len() > 1 => {
            for waiting in group {
                let alone = vec![waiting];
                match store(writer, place, &alone).await {
                    Ok(outcomes) => answer(alone, outcomes),
                    Err(failure) => refuse(alone, failure),
                }
            }
        }
        failure => refuse(group, failure),
    }
}

/// Whoever has gone away does not hear of it; the contact is stored all the same.
fn answer(group: Vec<Waiting>, outcomes: Vec<Outcome>) {
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

fn refuse(group: Vec<Waiting>, failure: Failure) {
    let error = Error::from(failure);
    let outcomes = group.iter().map(|_| Err(Error::caused_by(error.code(), error.cause()))).collect();
    answer(group, outcomes);
}

async fn store(writer: &Writer, place: Place, group: &[Waiting]) -> Result<Vec<Outcome>, Failure> {
    insert::store(writer, place, insert::creates_of(group)).await
}
