//! The way that every write takes: its turn, one transaction, and then the cache, before anybody is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::{Error, ErrorCode, Result, Timestamp};
use crate::storage::cache::contacts::{Change, ContactCache};
use crate::storage::db::connection::Connection;
use crate::storage::db::transaction::Transaction;
use crate::storage::error::{
    is_conflict, is_file_fault, is_refused, may_blame_connection, to_domain, too_old,
};
use crate::storage::fair_semaphore::Owner;
use crate::storage::postgres::failover::Trust;
use crate::storage::sqlite::database_file::DatabaseFile;

/// Writes to one database.
#[derive(Clone)]
pub(crate) struct Writer {
    connection: Connection,
    cached: Option<Cached>,
    patience: Duration,
    trust: Trust,
}

/// What a write has to keep true beside the database.
#[derive(Clone)]
struct Cached {
    cache: ContactCache,
    /// Held from the beginning of a transaction until the cache is up to date: writes reach the cache
    /// in the order in which they reach the database.
    order: Arc<Mutex<()>>,
    /// How many wait for it.
    waiting: Arc<AtomicUsize>,
}

/// The right to write. It ends when this is dropped.
pub(crate) struct Turn<'w> {
    held: Option<Held<'w>>,
    /// The file that is written to; SQLite only.
    file: Option<&'w DatabaseFile>,
}

struct Held<'w> {
    cache: &'w ContactCache,
    waiting: &'w AtomicUsize,
    _order: MutexGuard<'w, ()>,
}

/// Somebody who waits for a turn.
struct Wait<'w>(&'w AtomicUsize);

/// How far a write got before it failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was stored.
    BeforeCommit(Error),
    /// The database did not say whether everything was stored: not to be tried again.
    AtCommit(Error),
}

/// How old the time of a change may be when its commit begins; an older one is taken anew.
///
/// Who follows changes by `updated_at` asks again from some seconds before the last one seen, and misses nothing as
/// long as a change becomes visible within them: this and the deadline of a commit (3 s) are less than
/// [`OVERLAP`](crate::domain::contact::OVERLAP), and leave half a second for clocks that differ.
const MAX_AGE: Duration = Duration::from_millis(1_500);

fn is_too_old(changes: &[Change]) -> bool {
    let Some(oldest) = changes.iter().filter_map(Change::updated_at).min() else { return false };
    Timestamp::now().since(oldest) > MAX_AGE
}

/// How often a transaction is begun that others keep standing in the way of.
const MAX_ATTEMPTS: u32 = 5;

/// The longest pause before the second of them; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// A pause of random length: transactions that met once must not meet again.
fn backoff(attempt: u32) -> Duration {
    let mut random = [0; 1];
    getrandom::fill(&mut random).unwrap_or_default();
    FIRST_PAUSE * 2_u32.pow(attempt) * (u32::from(random[0]) + 1) / 256
}

/// How many pages a database that is on a full disk has to have free for what stores something: what a large write
/// needs.
const FREE_PAGES: i64 = 1_024;

impl Failure {
    /// Whether there was no room. Nothing was stored then: SQLite rolls back what it cannot write.
    fn is_full(&self) -> bool {
        let (Self::BeforeCommit(error) | Self::AtCommit(error)) = self;
        error.code() == ErrorCode::StorageFull
    }

    /// Of a commit. (What ends a transaction for the sake of another one does so before it is durable.)
    fn of_commit(error: Error) -> Self {
        if is_conflict(&error) { Self::BeforeCommit(error) } else { Self::AtCommit(error) }
    }

    /// Of a statement that is a transaction by itself.
    pub(crate) fn of_statement(error: &DbErr) -> Self {
        let failure = if is_refused(error) { Self::BeforeCommit } else { Self::AtCommit };
        failure(to_domain(error))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (Failure::BeforeCommit(error) | Failure::AtCommit(error)) = failure;
        error
    }
}

/// What a job gives back: its answer, and what the cache has to know.
pub(crate) type Done<T> = (T, Vec<Change>);

impl Writer {
    /// Over a connection pool; `patience` is how long a write waits for the one before it.
    pub(crate) fn new(
        connection: Connection,
        cache: Option<ContactCache>,
        patience: Duration,
        trust: Trust,
    ) -> Self {
        let cached = cache.map(|cache| Cached { cache, order: Arc::default(), waiting: Arc::default() });
        Self { connection, cached, patience, trust }
    }

    /// Runs a job in one transaction: committed if it succeeds, rolled back if not. One that the database ends for
    /// the sake of another transaction (a deadlock) is run again, from a copy of the job.
    ///
    /// To be called in a task of its own. A client that goes away drops the handler; a transaction
    /// that is dropped half-way would leak (sqlx issue 4385), and a commit must not be left in doubt.
    pub(crate) async fn transact<T, F>(&self, job: F) -> std::result::Result<T, Failure>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>> + Clone,
    {
        let turn = self.turn().await?;
        self.transact_in_turn(&turn, job).await
    }

    /// The same of a job that deletes, and does so on a full disk.
    pub(crate) async fn transact_freeing<T, F>(&self, job: F) -> std::result::Result<T, Failure>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>> + Clone,
    {
        let turn = self.turn_to_free().await?;
        match self.transact_in_turn(&turn, job.clone()).await {
            Err(failure) if failure.is_full() && self.make_room().await => {
                self.transact_in_turn(&turn, job).await
            }
            outcome => outcome,
        }
    }

    /// Releases the room that is reserved for deletions; answers whether there is such a thing here.
    async fn make_room(&self) -> bool {
        let Some(reserve) = self.connection.file().and_then(DatabaseFile::reserve) else { return false };
        reserve.release();
        // So that the WAL is used again from its beginning. What cannot be copied now stays where it is.
        drop(self.connection.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await);
        true
    }

    /// Refuses a write that stores something while room is there for deletions alone.
    async fn require_room(&self) -> std::result::Result<(), Failure> {
        let Some(reserve) = self.connection.file().and_then(DatabaseFile::reserve) else { return Ok(()) };
        if reserve.is_held() || reserve.retake() {
            return Ok(());
        }
        let free = Statement::from_string(DbBackend::Sqlite, "PRAGMA freelist_count");
        let free = self.connection.query_one_raw(free).await;
        let free = free.ok().flatten().and_then(|row| row.try_get_by_index::<i64>(0).ok()).unwrap_or(0);
        if free >= FREE_PAGES { Ok(()) } else { Err(Failure::BeforeCommit(ErrorCode::StorageFull.into())) }
    }

    async fn transact_in_turn<T, F>(&self, turn: &Turn<'_>, job: F) -> std::result::Result<T, Failure>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>> + Clone,
    {
        for attempt in 1..MAX_ATTEMPTS {
            match self.transact_once(turn, job.clone()).await {
                Err(Failure::BeforeCommit(error)) if is_conflict(&error) => {
                    tracing::debug!(attempt, cause = error.cause(), "retrying a transaction");
                }
                outcome => return outcome,
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        self.transact_once(turn, job).await
    }

    async fn transact_once<T, F>(&self, turn: &Turn<'_>, job: F) -> std::result::Result<T, Failure>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>>,
    {
        let (transaction, (answer, changes)) = self.prepare(job).await?;
        if is_too_old(&changes) {
            if let Err(rollback) = transaction.rollback().await {
                tracing::warn!(reason = to_domain(&rollback).cause(), "rollback failed");
            }
            return Err(Failure::BeforeCommit(too_old()));
        }
        let commit =
            async { transaction.commit().await.map_err(|error| Failure::of_commit(to_domain(&error))) };
        turn.write(&changes, commit).await?;
        turn.tell(changes);
        Ok(answer)
    }

    /// Waits until nobody else writes, where contacts are in memory; else one need not.
    pub(crate) async fn turn(&self) -> std::result::Result<Turn<'_>, Failure> {
        let turn = self.turn_to_free().await?;
        self.require_room().await?;
        Ok(turn)
    }

    async fn turn_to_free(&self) -> std::result::Result<Turn<'_>, Failure> {
        let file = self.connection.file();
        require_in_place(file)?;
        let Some(Cached { cache, order, waiting }) = &self.cached else {
            return Ok(Turn { held: None, file });
        };
        let wait = Wait::new(waiting);
        let order = tokio::time::timeout(self.patience, order.lock()).await.map_err(|_| {
            Failure::BeforeCommit(Error::caused_by(
                ErrorCode::Unavailable,
                "another write is taking too long",
            ))
        })?;
        drop(wait);
        Ok(Turn { held: Some(Held { cache, waiting, _order: order }), file })
    }

    /// The same, of which an account has its turn at the database.
    pub(crate) fn for_owner(&self, owner: Owner) -> Self {
        Self { connection: self.connection.for_owner(owner), ..self.clone() }
    }

    /// What it writes to.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Everything up to the commit.
    async fn prepare<T, F>(&self, job: F) -> std::result::Result<(Transaction, Done<T>), Failure>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>>,
    {
        let transaction = self.connection.begin().await.map_err(|error| {
            if is_file_fault(&error)
                && let Some(file) = self.connection.file()
            {
                file.note_write(true);
            }
            Failure::BeforeCommit(to_domain(&error))
        })?;
        match job(&transaction).await {
            Ok(done) => Ok((transaction, done)),
            Err(error) => {
                if let (ErrorCode::Unavailable, Some(file)) = (error.code(), self.connection.file()) {
                    file.note_write(true);
                }
                if may_blame_connection(&error) {
                    self.trust.lose();
                }
                if let Err(rollback) = transaction.rollback().await {
                    tracing::warn!(reason = to_domain(&rollback).cause(), "rollback failed");
                }
                Err(Failure::BeforeCommit(error))
            }
        }
    }
}

impl Turn<'_> {
    /// Runs what commits; of what it may change memory is told before.
    ///
    /// To be called in a task of its own, as [`Writer::transact`].
    pub(crate) async fn write<T>(
        &self,
        announced: &[Change],
        commit: impl Future<Output = std::result::Result<T, Failure>>,
    ) -> std::result::Result<T, Failure> {
        require_in_place(self.file)?;
        let cache = self.held.as_ref().map(|held| held.cache);
        if let Some(cache) = cache {
            cache.begin(announced);
        }
        let done = match commit.await {
            // The file may have lost its name meanwhile: then nothing of this is there after a restart.
            Ok(_) if self.file.is_some_and(|file| !file.is_in_place()) => {
                Err(Failure::AtCommit(not_in_place()))
            }
            done => done,
        };
        if let Some(file) = self.file {
            note_outcome(file, &done);
        }
        if let (Some(cache), Err(Failure::AtCommit(_))) = (cache, &done) {
            cache.forget();
        }
        done
    }

    /// Tells memory what was committed. Nobody may hear of it before.
    pub(crate) fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        if let Some(Held { cache, .. }) = &self.held {
            cache.tell(changes);
        }
    }

    /// Whether somebody else waits for a turn.
    pub(crate) fn is_wanted(&self) -> bool {
        self.held.as_ref().is_some_and(|Held { waiting, .. }| waiting.load(Ordering::Relaxed) > 0)
    }
}

/// Nothing is written to a file that was deleted, moved or replaced.
fn require_in_place(file: Option<&DatabaseFile>) -> std::result::Result<(), Failure> {
    match file {
        Some(file) if !file.is_in_place() => Err(Failure::BeforeCommit(not_in_place())),
        _ => Ok(()),
    }
}

fn not_in_place() -> Error {
    Error::caused_by(ErrorCode::Unavailable, "the database file was deleted, moved or replaced")
}

/// Readiness asks the file only while writes fail; see `Database::ping`.
fn note_outcome<T>(file: &DatabaseFile, done: &std::result::Result<T, Failure>) {
    let failed = match done {
        Ok(_) => false,
        Err(Failure::BeforeCommit(error) | Failure::AtCommit(error)) => {
            error.code() == ErrorCode::Unavailable
        }
    };
    file.note_write(failed);
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.cache.rest();
    }
}

impl<'w> Wait<'w> {
    fn new(waiting: &'w AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
