//! Group commit: creates that wait at the same time share one transaction and one statement, and
//! each is answered after the commit that made it durable.
//!
//! While one group is being committed the next one gathers; nobody waits for a group to fill up. A
//! create that fails (its handle is taken) does not disturb the others: the statement passes over it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, Iterable};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::attempts::{self, Flight, Found};
use super::contact_changes::count;
use super::database::begin_write;
use super::entity::contact::{Column, Entity, row};
use super::error::to_domain;
use crate::domain::idempotency::{Attempt, Created};
use crate::domain::{AccountId, Code, Contact, Error, Result};

/// Most creates in a group.
const MOST: usize = 128;

/// Most creates that wait; past them a request is turned away at once.
const WAITING: usize = 1_024;

/// A create that waits for its group.
struct Waiting {
    account: AccountId,
    contact: Contact,
    attempt: Option<(Attempt, Flight)>,
    answer: oneshot::Sender<Result<Created>>,
}

/// Where creates wait.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    queue: mpsc::Sender<Waiting>,
}

impl Groups {
    /// Starts so many committers, each with a connection of its own while it commits. They end when
    /// the last handle is dropped.
    pub(super) fn start(writer: &DatabaseConnection, shard: i16, committers: usize) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..committers {
            tokio::spawn(commit_groups(writer.clone(), shard, Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// Waits for a place in a group, and for its commit.
    pub(super) async fn insert(
        &self,
        account: AccountId,
        contact: Contact,
        attempt: Option<(Attempt, Flight)>,
    ) -> Result<Created> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { account, contact, attempt, answer };
        self.queue
            .try_send(waiting)
            .map_err(|_| Error::with_message(Code::Unavailable, "Too many writes are waiting; try again"))?;
        answered.await.map_err(|error| Error::caused_by(Code::Internal, error))?
    }
}

async fn commit_groups(writer: DatabaseConnection, shard: i16, waiting: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    loop {
        let mut group = Vec::new();
        if waiting.lock().await.recv_many(&mut group, MOST).await == 0 {
            return;
        }
        // The same order everywhere: two committers that wait for each other's rows would deadlock.
        group.sort_by(|a, b| {
            (a.account.get(), a.contact.handle.as_str()).cmp(&(b.account.get(), b.contact.handle.as_str()))
        });
        match commit(&writer, shard, &group).await {
            Ok(outcomes) => answer(group, outcomes),
            // What one of them has done to the statement must not be told to the others.
            Err(Failure::BeforeCommit(error)) if error.code() == Code::Internal && group.len() > 1 => {
                for waiting in group {
                    let group = vec![waiting];
                    match commit(&writer, shard, &group).await {
                        Ok(outcomes) => answer(group, outcomes),
                        Err(failure) => refuse(group, &failure),
                    }
                }
            }
            Err(failure) => refuse(group, &failure),
        }
    }
}

/// Whoever has gone away does not hear of it; the contact is stored all the same.
fn answer(group: Vec<Waiting>, outcomes: Vec<Result<Created>>) {
    for (waiting, outcome) in group.into_iter().zip(outcomes) {
        drop(waiting.answer.send(outcome));
    }
}

fn refuse(group: Vec<Waiting>, failure: &Failure) {
    let (Failure::BeforeCommit(error) | Failure::AtCommit(error)) = failure;
    let outcomes = group.iter().map(|_| Err(Error::caused_by(error.code(), error.cause()))).collect();
    answer(group, outcomes);
}

/// How far a group got.
enum Failure {
    /// Nothing was stored.
    BeforeCommit(Error),
    /// The database did not say whether everything was stored: not to be tried again.
    AtCommit(Error),
}

/// Stores a group in one transaction; answers what became of each, in order.
async fn commit(
    writer: &DatabaseConnection,
    shard: i16,
    group: &[Waiting],
) -> std::result::Result<Vec<Result<Created>>, Failure> {
    let transaction = begin_write(writer).await.map_err(Failure::BeforeCommit)?;
    match store(&transaction, shard, group).await {
        Ok(outcomes) => {
            transaction.commit().await.map_err(|error| Failure::AtCommit(to_domain(&error)))?;
            Ok(outcomes)
        }
        Err(error) => {
            if let Err(rollback) = transaction.rollback().await {
                tracing::warn!(reason = to_domain(&rollback).cause(), "rollback failed");
            }
            Err(Failure::BeforeCommit(error))
        }
    }
}

async fn store(
    transaction: &DatabaseTransaction,
    shard: i16,
    group: &[Waiting],
) -> Result<Vec<Result<Created>>> {
    let (plain, tried): (Vec<_>, Vec<_>) = group.iter().partition(|waiting| waiting.attempt.is_none());
    let mut stored = insert_all(transaction, &plain).await?;
    let mut earlier: HashMap<Uuid, Result<Created>> = HashMap::new();
    for waiting in tried {
        let id = waiting.contact.id.as_uuid();
        match attempt(transaction, waiting).await {
            Ok(None) => drop(stored.insert(id)),
            Ok(Some(created)) => drop(earlier.insert(id, Ok(created))),
            // One's own fault; a fault of the database is everybody's.
            Err(error) if error.code().row().status < 500 => drop(earlier.insert(id, Err(error))),
            Err(error) => return Err(error),
        }
    }
    let mut counts: BTreeMap<i64, (AccountId, i64)> = BTreeMap::new();
    for waiting in group.iter().filter(|waiting| stored.contains(&waiting.contact.id.as_uuid())) {
        counts.entry(waiting.account.get()).or_insert((waiting.account, 0)).1 += 1;
    }
    for (account, by) in counts.into_values() {
        count(transaction, account, shard, by).await?;
    }
    let outcome = |waiting: &Waiting| {
        let id = waiting.contact.id.as_uuid();
        if stored.contains(&id) {
            return Ok(Created { contact: waiting.contact.clone(), replayed: false });
        }
        earlier.remove(&id).unwrap_or_else(|| Err(Error::handle_taken()))
    };
    Ok(group.iter().map(outcome).collect())
}

/// One create under an idempotency key. `None` where it was stored, the earlier outcome where it was
/// not the first of its key.
async fn attempt(transaction: &DatabaseTransaction, waiting: &Waiting) -> Result<Option<Created>> {
    let Some((attempt, _)) = &waiting.attempt else { return Ok(None) };
    match attempts::note(transaction, waiting.account, attempt, &waiting.contact).await? {
        Found::Made(contact) => Ok(Some(Created { contact: *contact, replayed: true })),
        Found::Taken => Err(Error::handle_taken()),
        Found::First => {
            if insert_all(transaction, &[waiting]).await?.is_empty() {
                attempts::note_taken(transaction, waiting.account, attempt).await?;
                return Err(Error::handle_taken());
            }
            Ok(None)
        }
    }
}

/// Stores contacts; answers the ids of those whose handle was free.
async fn insert_all(transaction: &DatabaseTransaction, group: &[&Waiting]) -> Result<HashSet<Uuid>> {
    let mut stored = HashSet::with_capacity(group.len());
    let mut rest = group;
    while !rest.is_empty() {
        // Powers of two: a connection keeps its prepared statements, and there are few of them.
        let (now, later) = rest.split_at(1 << rest.len().ilog2());
        rest = later;
        let mut insert = Query::insert();
        insert.into_table(Entity).columns(Column::iter());
        for waiting in now {
            let mut row = row(waiting.account, &waiting.contact);
            let values = Column::iter().filter_map(|column| row.take(column).into_value().map(Into::into));
            insert.values_panic(values);
        }
        insert
            .on_conflict(OnConflict::columns([Column::AccountId, Column::Handle]).do_nothing().to_owned())
            .returning_col(Column::Id);
        let rows = transaction.query_all(&insert).await.map_err(|error| to_domain(&error))?;
        for row in rows {
            stored.insert(row.try_get::<Uuid>("", "id").map_err(|error| to_domain(&error))?);
        }
    }
    Ok(stored)
}
