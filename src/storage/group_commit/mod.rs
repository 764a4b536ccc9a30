//! Group commit: creates that wait at the same time share one transaction and one statement, and
//! each is answered after the commit that made it durable.
//!
//! While one group is being committed the next one gathers; nobody waits for a group to fill up. A
//! create that fails (its handle is taken) does not disturb the others: the statement passes over it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::attempts::{self, Flight, Found};
use super::cache::Change;
use super::connect::Options;
use super::contact_changes::count;
use super::entity::idempotency_key::Snapshot;
use super::rows::Given;
use super::transaction::Transaction;
use super::writer::{Failure, Writer};
use crate::domain::idempotency::{Attempt, Created};
use crate::domain::{AccountId, Code, Contact, Error, Result};

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
pub(super) struct Create {
    pub(super) account: AccountId,
    pub(super) contact: Arc<Contact>,
    pub(super) attempt: Option<Attempt>,
}

/// A create that waits for its group.
struct Waiting {
    create: Arc<Create>,
    answer: oneshot::Sender<Result<Created<Contact>>>,
    /// Ends when the answer is there, and not when the client goes away.
    flight: Option<Flight>,
}

/// What became of a create: `None` where it was stored, or what an earlier attempt made.
type Outcome = Result<Option<Created<Contact>>>;

/// Where creates wait.
#[derive(Clone, Debug)]
pub(super) struct GroupCommit {
    queue: mpsc::Sender<Waiting>,
}

impl GroupCommit {
    /// Starts so many committers, each with a connection of its own while it commits. They end when
    /// the last handle is dropped.
    pub(super) fn start(writer: &Writer, shard: i16, options: &Options, committers: usize) -> Self {
        let (queue, waiting) = mpsc::channel(options.write_queue);
        let place = Place { shard, ttl: options.idempotency_ttl };
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..committers {
            tokio::spawn(commit_groups(writer.clone(), place, Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// Waits for a place in a group, and for its commit.
    pub(super) async fn insert(&self, create: Create, flight: Option<Flight>) -> Result<Created<Contact>> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { create: Arc::new(create), answer, flight };
        self.queue
            .try_send(waiting)
            .map_err(|_| Error::with_message(Code::Unavailable, "Too many writes are waiting; try again"))?;
        answered.await.map_err(|error| Error::caused_by(Code::Internal, error))?
    }
}

async fn commit_groups(writer: Writer, place: Place, queue: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    loop {
        let mut group = Vec::new();
        if queue.lock().await.recv_many(&mut group, MOST).await == 0 {
            return;
        }
        // The same order everywhere: two committers that wait for each other's rows would deadlock.
        group.sort_by(|a, b| {
            let (a, b) = (&a.create, &b.create);
            (a.account.get(), a.contact.handle.as_str()).cmp(&(b.account.get(), b.contact.handle.as_str()))
        });
        match commit(&writer, place, &group).await {
            // By somebody else, so that the next group need not wait: each answer wakes a thread.
            Ok(outcomes) => drop(tokio::spawn(async move { answer(group, outcomes) })),
            // What one of them has done to the statement must not be told to the others.
            Err(Failure::BeforeCommit(error)) if error.code() == Code::Internal && group.len() > 1 => {
                for waiting in group {
                    let alone = vec![waiting];
                    match commit(&writer, place, &alone).await {
                        Ok(outcomes) => answer(alone, outcomes),
                        Err(failure) => refuse(alone, failure),
                    }
                }
            }
            Err(failure) => refuse(group, failure),
        }
    }
}

/// Whoever has gone away does not hear of it; the contact is stored all the same.
fn answer(group: Vec<Waiting>, outcomes: Vec<Outcome>) {
    for (Waiting { create, answer, flight }, outcome) in group.into_iter().zip(outcomes) {
        // First: who has the answer may use the key again.
        drop(flight);
        let outcome = outcome
            .map(|earlier| earlier.unwrap_or_else(|| Created { made: contact_of(create), replayed: false }));
        drop(answer.send(outcome));
    }
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

/// Stores a group in one transaction; answers what became of each, in order.
async fn commit(writer: &Writer, place: Place, group: &[Waiting]) -> Result<Vec<Outcome>, Failure> {
    let group: Vec<Arc<Create>> = group.iter().map(|waiting| Arc::clone(&waiting.create)).collect();
    writer
        .transact(move |transaction| {
            Box::pin(async move {
                let outcomes = store(transaction, place, &group).await?;
                let made = group.iter().zip(&outcomes).filter(|(_, outcome)| matches!(outcome, Ok(None)));
                let put = |create: &Arc<Create>| Change::Put {
                    account: create.account,
                    contact: Arc::clone(&create.contact),
                    was: None,
                };
                let changes = made.map(|(create, _)| put(create)).collect();
                Ok((outcomes, changes))
            })
        })
        .await
}

async fn store(transaction: &Transaction, place: Place, group: &[Arc<Create>]) -> Result<Vec<Outcome>> {
    let (plain, tried): (Vec<&Create>, Vec<&Create>) =
        group.iter().map(AsRef::as_ref).partition(|create| create.attempt.is_none());
    let mut stored = insert_all(transaction, &plain).await?;
    let mut earlier: HashMap<Uuid, Outcome> = HashMap::new();
    for create in tried {
        let id = create.contact.id.as_uuid();
        match try_once(transaction, create, place.ttl).await {
            Ok(None) => drop(stored.insert(id)),
            Ok(made) => drop(earlier.insert(id, Ok(made))),
            // One's own fault; a fault of the database is everybody's.
            Err(error) if error.code().row().status < 500 => drop(earlier.insert(id, Err(error))),
            Err(error) => return Err(error),
        }
    }
    let mut counts: BTreeMap<i64, (AccountId, i64)> = BTreeMap::new();
    for create in group.iter().filter(|create| stored.contains(&create.contact.id.as_uuid())) {
        counts.entry(create.account.get()).or_insert((create.account, 0)).1 += 1;
    }
    for (account, by) in counts.into_values() {
        count(transaction, account, place.shard, by).await?;
    }
    let mut outcome = |create: &Arc<Create>| {
        let id = create.contact.id.as_uuid();
        if stored.contains(&id) {
            return Ok(None);
        }
        earlier.remove(&id).unwrap_or_else(|| Err(Error::handle_taken()))
    };
    Ok(group.iter().map(&mut outcome).collect())
}

/// One create under an idempotency key. `None` where it was stored, the earlier outcome where it was
/// not the first of its key.
async fn try_once(transaction: &Transaction, create: &Create, ttl: Duration) -> Outcome {
    let Some(attempt) = &create.attempt else { return Ok(None) };
    let snapshot = Snapshot::from(create.contact.as_ref());
    match attempts::note(transaction, create.account, attempt, Some(&snapshot), ttl).await? {
        Found::Made(snapshot) => {
            let snapshot: Snapshot = attempts::read(&snapshot)?;
            Ok(Some(Created { made: snapshot.try_into()?, replayed: true }))
        }
        Found::Taken => Err(Error::handle_taken()),
        Found::First => {
            if insert_all(transaction, &[create]).await?.is_empty() {
                attempts::note_outcome::<Snapshot>(transaction, create.account, attempt, None).await?;
                return Err(Error::handle_taken());
            }
            Ok(None)
        }
    }
}

/// Stores contacts; answers the ids of those whose handle was free.
async fn insert_all(transaction: &Transaction, group: &[&Create]) -> Result<HashSet<Uuid>> {
    if group.is_empty() {
        return Ok(HashSet::new());
    }
    let given = Given::new(group.iter().map(|create| (create.account, create.contact.as_ref())))?;
    if given.store(transaction).await? {
        return Ok(group.iter().map(|create| create.contact.id.as_uuid()).collect());
    }
    Ok(given.stored(transaction).await?.into_iter().collect())
}
