//! Group commit: commands that wait at the same time share one transaction, and each is answered after the commit that
//! made it durable.
//!
//! While one group is committed the next one queues up; no group waits to fill up. All commands of a group are
//! concurrent, so any order among them is right. A command that fails (its version has changed, its name is taken) fails
//! alone: it is decided before its group writes. If the database rejects a group, each of its commands is executed alone.
//!
//! **Pipelining**, on SQLite: group N+1 is submitted before group N is published to the cache and its callers are
//! notified, so that SQLite's thread does not idle in between.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::{BoxFuture, join};
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{Instrument, Span};

use super::command::{Command, Outcome, Outcomes};
use super::idempotency::InFlightGuard;
use super::writer::{WriteError, WriteGuard, Writer};
use crate::domain::{Error, ErrorCode, Result};
use crate::storage::change_set::ChangeSet;
use crate::storage::db::transaction::Transaction;
use crate::storage::instruments::Instruments;
use crate::storage::spans;

/// Maximum number of commands in a group, and of rows that they change (a command with more has a group of its own).
const MAX_GROUP_SIZE: usize = 128;
const MAX_GROUP_ROWS: usize = 1_024;

/// Executes the commands of a group in a transaction of the writer.
pub(crate) type Execute =
    for<'t> fn(&'t Transaction, Vec<Arc<Command>>, Writer) -> BoxFuture<'t, Result<(Outcomes, ChangeSet)>>;

#[derive(Clone, Debug)]
pub(crate) struct GroupCommit {
    queue: mpsc::Sender<Pending>,
    instruments: Option<Instruments>,
}

struct Pending {
    command: Arc<Command>,
    reply: oneshot::Sender<Result<Outcome>>,
    /// Released with the reply, not when the client disconnects.
    in_flight_guard: Option<InFlightGuard>,
    /// Of the caller's trace, from here to the reply.
    span: Span,
}

impl GroupCommit {
    /// Starts the committers, each of which uses a connection during a commit. They end when the last handle is dropped.
    /// At most `capacity` commands wait.
    pub(crate) fn start(writer: &Writer, execute: Execute, capacity: usize, committers: usize) -> Self {
        let instruments = writer.instruments().cloned();
        let (queue, received) = mpsc::channel(capacity);
        let is_mixed = writer.connection().get_database_backend() == DbBackend::Sqlite;
        let received = Arc::new(Mutex::new(Queue { received, waiting: VecDeque::new(), is_mixed }));
        for _ in 0..committers {
            let committer = Committer { writer: writer.clone(), execute, queue: Arc::clone(&received) };
            tokio::spawn(committer.run());
        }
        Self { queue, instruments }
    }

    /// How many commands wait for a committer, and how many may.
    pub(crate) fn queue_length(&self) -> (usize, usize) {
        let capacity = self.queue.max_capacity();
        (capacity - self.queue.capacity(), capacity)
    }

    /// Queues a command, and waits until it is durable.
    pub(crate) async fn execute(
        &self,
        command: Command,
        in_flight_guard: Option<InFlightGuard>,
    ) -> Result<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let span = spans::queued_write();
        let pending =
            Pending { command: Arc::new(command), reply: sender, in_flight_guard, span: span.clone() };
        self.queue.try_send(pending).map_err(|_| {
            self.instruments.as_ref().inspect(|instruments| instruments.count_rejected_write());
            Error::with_message(ErrorCode::Unavailable, "Too many writes are waiting; try again")
        })?;
        receiver.instrument(span).await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
    }
}

/// The commands that wait, in order of arrival.
struct Queue {
    received: mpsc::Receiver<Pending>,
    waiting: VecDeque<Pending>,
    /// Whether a group may have commands of all kinds; see [`Command::changes_members`].
    is_mixed: bool,
}

impl Queue {
    /// The next group; empty when the last handle has been dropped.
    async fn next(&mut self) -> Vec<Pending> {
        if self.waiting.is_empty() {
            match self.received.recv().await {
                Some(first) => self.waiting.push_back(first),
                None => return Vec::new(),
            }
        }
        self.next_waiting()
    }

    /// The next group of those that wait; empty if none does.
    fn next_waiting(&mut self) -> Vec<Pending> {
        while self.waiting.len() < MAX_GROUP_SIZE
            && let Ok(pending) = self.received.try_recv()
        {
            self.waiting.push_back(pending);
        }
        let Some(first) = self.waiting.front() else { return Vec::new() };
        let (changes_members, mut rows) = (first.command.changes_members(), 0);
        let fits = |pending: &&Pending| {
            rows += pending.command.weight();
            rows <= MAX_GROUP_ROWS && (self.is_mixed || pending.command.changes_members() == changes_members)
        };
        let size = self.waiting.iter().take(MAX_GROUP_SIZE).take_while(fits).count().max(1);
        self.waiting.drain(..size).collect()
    }
}

struct Committer {
    writer: Writer,
    execute: Execute,
    queue: Arc<Mutex<Queue>>,
}

/// A group that is durable, but neither published nor acknowledged.
struct Committed {
    group: Vec<Pending>,
    outcomes: Outcomes,
    change_set: ChangeSet,
}

impl Committer {
    async fn run(self) {
        loop {
            let group = self.queue.lock().await.next().await;
            if group.is_empty() {
                return;
            }
            let mut alone = Vec::new();
            if let Err((group, failure)) = self.commit_pipelined(group, &mut alone).await {
                self.handle_failure(group, failure).await;
            }
            for pending in alone {
                self.commit_alone(pending).await;
            }
        }
    }

    /// Commits a group, and those that have queued up meanwhile, until the queue is empty, another write waits for the
    /// lock, or a command has to be executed alone. Adds to `alone` the commands that have to be executed alone.
    ///
    /// # Errors
    /// The group that could not be stored; those before it are stored and acknowledged.
    async fn commit_pipelined(
        &self,
        mut group: Vec<Pending>,
        alone: &mut Vec<Pending>,
    ) -> Result<(), (Vec<Pending>, WriteError)> {
        let guard = match self.writer.lock().await {
            Ok(guard) => guard,
            Err(failure) => return Err((group, failure)),
        };
        let mut previous: Option<Committed> = None;
        loop {
            let commit = self.commit(&guard, commands(&group), self.transaction_spans(&group));
            // In this order: the group is submitted before its predecessor is published.
            let publish_previous =
                async { previous.take().into_iter().for_each(|committed| committed.publish(&guard, alone)) };
            let (outcomes, change_set) = match join(commit, publish_previous).await.0 {
                Ok(done) => done,
                Err(failure) => return Err((group, failure)),
            };
            let committed = Committed { group, outcomes, change_set };
            // Under a steady stream of commands the pipeline would never end.
            let others_wait = guard.is_contended() || committed.outcomes.iter().any(Option::is_none);
            group = match self.queue.try_lock() {
                Ok(mut queue) if !others_wait => queue.next_waiting(),
                _ => Vec::new(),
            };
            if group.is_empty() {
                committed.publish(&guard, alone);
                return Ok(());
            }
            previous = Some(committed);
        }
    }

    async fn commit(
        &self,
        guard: &WriteGuard<'_>,
        commands: Vec<Arc<Command>>,
        transaction_spans: Vec<Span>,
    ) -> Result<(Outcomes, ChangeSet), WriteError> {
        let size = commands.len();
        let done = self.writer.commit(guard, self.job(commands)).await;
        drop(transaction_spans);
        let done = done?;
        self.record_group(size);
        Ok(done)
    }

    /// A group belongs to no trace: its transaction is a part of each of its commands that is traced.
    fn transaction_spans(&self, group: &[Pending]) -> Vec<Span> {
        let backend = self.writer.connection().get_database_backend();
        let of = |pending: &Pending| spans::group_transaction(&pending.span, backend, group.len());
        group.iter().filter_map(of).collect()
    }

    fn record_group(&self, size: usize) {
        self.writer.instruments().inspect(|instruments| instruments.record_group(size));
    }

    /// The job of a transaction that executes commands.
    fn job(
        &self,
        commands: Vec<Arc<Command>>,
    ) -> impl for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<(Outcomes, ChangeSet)>> + Clone + use<>
    {
        let (execute, writer) = (self.execute, self.writer.clone());
        move |transaction| execute(transaction, commands, writer)
    }

    /// An internal error may be due to one command of the group: each is retried alone. On a full disk deletions are
    /// retried, with the disk reserve.
    async fn handle_failure(&self, group: Vec<Pending>, failure: WriteError) {
        if failure.is_full() {
            let (deletions, others): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|pending| pending.command.is_deletion());
            reply_error(others, failure);
            for deletion in deletions {
                self.delete_on_full_disk(deletion).await;
            }
            return;
        }
        match failure {
            WriteError::NotCommitted(error) if error.code() == ErrorCode::Internal && group.len() > 1 => {
                for pending in group {
                    self.commit_alone(pending).await;
                }
            }
            failure => reply_error(group, failure),
        }
    }

    /// Executes a command in a transaction of its own.
    async fn commit_alone(&self, pending: Pending) {
        let job = self.job(vec![Arc::clone(&pending.command)]);
        let outcomes = self.writer.transact(job).instrument(pending.span.clone()).await;
        if outcomes.is_ok() {
            self.record_group(1);
        }
        pending.reply_alone(outcomes.map_err(Error::from));
    }

    async fn delete_on_full_disk(&self, pending: Pending) {
        let job = self.job(vec![Arc::clone(&pending.command)]);
        let outcomes = self.writer.transact_deletion(job).instrument(pending.span.clone()).await;
        pending.reply_alone(outcomes.map_err(WriteError::into_deletion_error));
    }
}

impl Committed {
    /// Publishes the changes to the cache, then replies to the callers. Some may have gone; what they asked for is done
    /// all the same.
    fn publish(self, guard: &WriteGuard<'_>, alone: &mut Vec<Pending>) {
        let Self { group, outcomes, change_set } = self;
        guard.publish(&change_set);
        for (pending, outcome) in group.into_iter().zip(outcomes) {
            match outcome {
                Some(outcome) => pending.reply(outcome),
                None => alone.push(pending),
            }
        }
    }
}

impl Pending {
    fn reply(self, outcome: Result<Outcome>) {
        let Self { command: _, reply, in_flight_guard, span } = self;
        drop(span);
        // First: a caller with its reply may reuse the key.
        drop(in_flight_guard);
        // The caller may have gone.
        drop(reply.send(outcome));
    }

    fn reply_alone(self, outcomes: Result<Outcomes>) {
        let outcome = outcomes.and_then(|outcomes| {
            let not_executed =
                || Err(Error::caused_by(ErrorCode::Internal, "a command was not executed on its own"));
            outcomes.into_iter().flatten().next().unwrap_or_else(not_executed)
        });
        self.reply(outcome);
    }
}

fn commands(group: &[Pending]) -> Vec<Arc<Command>> {
    group.iter().map(|pending| Arc::clone(&pending.command)).collect()
}

fn reply_error(mut group: Vec<Pending>, failure: WriteError) {
    let error = Error::from(failure);
    for pending in group.split_off(group.len().min(1)) {
        pending.reply(Err(Error::caused_by(error.code(), error.cause())));
    }
    // The first has the error itself: alone, it is its own, and may have violations.
    if let Some(pending) = group.pop() {
        pending.reply(Err(error));
    }
}
