//! Group commit: creates that wait at the same time share one transaction and one statement, and
//! each is answered after the commit that made it durable. (On SQLite the statement is the transaction.)
//!
//! While one group is being committed the next one gathers; nobody waits for a group to fill up. A
//! create that fails (its handle is taken) does not disturb the others: the statement passes over it.

mod insert;
mod pipeline;
mod queue;

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

pub(crate) use queue::Create;
use queue::{MOST, Outcome, Place, Waiting, answer};

use super::idempotency::Flight;
use super::writer::{Failure, Writer};
use crate::domain::idempotency::Created;
use crate::domain::{Contact, Error, ErrorCode, Result};
use crate::storage::db::batched_replies;
use crate::storage::db::connect::Options;

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

fn refuse(group: Vec<Waiting>, failure: Failure) {
    let error = Error::from(failure);
    let outcomes = group.iter().map(|_| Err(Error::caused_by(error.code(), error.cause()))).collect();
    answer(group, outcomes);
}

async fn store(writer: &Writer, place: Place, group: &[Waiting]) -> Result<Vec<Outcome>, Failure> {
    insert::store(writer, place, insert::creates_of(group)).await
}
