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
    is_conflict, is_file_error, is_rejected, may_be_connection_failure, timestamp_too_old,
};
use crate::storage::fair_semaphore::Owner;
use crate::storage::postgres::failover::PoolGeneration;
use crate::storage::sqlite::database_file::DatabaseFile;

/// Writes to one database.
#[derive(Clone)]
pub(crate) struct Writer {
    connection: Connection,
    cache_lock: Option<CacheLock>,
    acquire_timeout: Duration,
    generation: PoolGeneration,
}

/// What a write has to keep true beside the database.
#[derive(Clone)]
struct CacheLock {
    cache: ContactCache,
    /// Held from the beginning of a transaction until the cache is up to date: writes reach the cache
    /// in the order in which they reach the database.
    order: Arc<Mutex<()>>,
    /// How many wait for it.
    waiting: Arc<AtomicUsize>,
}

/// The right to write. It ends when this is dropped.
pub(crate) struct WriteGuard<'w> {
    cache_guard: Option<CacheGuard<'w>>,
    /// The file that is written to; SQLite only.
    file: Option<&'w DatabaseFile>,
}

struct CacheGuard<'w> {
    cache: &'w ContactCache,
    waiting: &'w AtomicUsize,
    _order: MutexGuard<'w, ()>,
}

/// Somebody who waits for a turn.
struct WaitingWrite<'w>(&'w AtomicUsize);

/// How far a write got before it failed.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Nothing was stored.
    NotCommitted(Error),
    /// The database did not say whether everything was stored: not to be tried again.
    CommitUnknown(Error),
}

/// How old the time of a change may be when its commit begins; an older one is taken anew.
///
/// Who follows changes by `updated_at` asks again from some seconds before the last one seen, and misses nothing as
/// long as a change becomes visible within them: this and the deadline of a commit (3 s) are less than
/// [`OVERLAP`](crate::domain::contact::OVERLAP), and leave half a second for clocks that differ.
const MAX_TIMESTAMP_AGE: Duration = Duration::from_millis(1_500);

fn is_too_old(changes: &[Change]) -> bool {
    let Some(oldest) = changes.iter().filter_map(Change::updated_at).min() else { return false };
    Timestamp::now().since(oldest) > MAX_TIMESTAMP_AGE
}

/// How often a transaction is begun that others keep standing in the way of.
const MAX_ATTEMPTS: u32 = 5;

/// The longest pause before the second of them; it doubles from one to the next.
const INITIAL_BACKOFF: Duration = Duration::from_millis(10);

/// A pause of random length: transactions that met once must not meet again.
fn backoff(attempt: u32) -> Duration {
    let mut random = [0; 1];
    getrandom::fill(&mut random).unwrap_or_default();
    INITIAL_BACKOFF * 2_u32.pow(attempt) * (u32::from(random[0]) + 1) / 256
}

/// How many pages a database that is on a full disk has to have free for what stores something: what a large write
/// needs.
const MIN_FREE_PAGES: i64 = 1_024;

impl WriteError {
    /// Whether there was no room. Nothing was stored then: SQLite rolls back what it cannot write.
    fn is_full(&self) -> bool {
        let (Self::NotCommitted(error) | Self::CommitUnknown(error)) = self;
        error.code() == ErrorCode::StorageFull
    }

    /// Of a commit. (What ends a transaction for the sake of another one does so before it is durable.)
    fn from_commit(error: Error) -> Self {
        if is_conflict(&error) { Self::NotCommitted(error) } else { Self::CommitUnknown(error) }
    }

    /// Of a statement that is a transaction by itself.
    pub(crate) fn from_statement(error: DbErr) -> Self {
        let failure = if is_rejected(&error) { Self::NotCommitted } else { Self::CommitUnknown };
        failure(error.into())
    }
}

impl From<WriteError> for Error {
    fn from(failure: WriteError) -> Self {
        let (WriteError::NotCommitted(error) | WriteError::CommitUnknown(error)) = failure;
        error
    }
}

/// What a job gives back: its answer, and what the cache has to know.
pub(crate) type WriteOutput<T> = (T, Vec<Change>);

impl Writer {
    /// Over a connection pool; `acquire_timeout` is how long a write waits for the one before it.
    pub(crate) fn new(
        connection: Connection,
        cache: Option<ContactCache>,
        acquire_timeout: Duration,
        generation: PoolGeneration,
    ) -> Self {
        let cache_lock =
            cache.map(|cache| CacheLock { cache, order: Arc::default(), waiting: Arc::default() });
        Self { connection, cache_lock, acquire_timeout, generation }
    }

    /// Runs a job in one transaction: committed if it succeeds, rolled back if not. One that the database ends for
    /// the sake of another transaction (a deadlock) is run again, from a copy of the job.
    ///
    /// To be called in a task of its own. A client that goes away drops the handler; a transaction
    /// that is dropped half-way would leak (sqlx issue 4385), and a commit must not be left in doubt.
    pub(crate) async fn transact<T, F>(&self, job: F) -> std::result::Result<T, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone,
    {
        let guard = self.lock().await?;
        self.transact_with_retries(&guard, job).await
    }

    /// The same of a job that deletes, and does so on a full disk.
    pub(crate) async fn transact_deletion<T, F>(&self, job: F) -> std::result::Result<T, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone,
    {
        let guard = self.lock_for_deletion().await?;
        match self.transact_with_retries(&guard, job.clone()).await {
            Err(failure) if failure.is_full() && self.release_reserve().await => {
                self.transact_with_retries(&guard, job).await
            }
            outcome => outcome,
        }
    }

    /// Releases the room that is reserved for deletions; answers whether there is such a thing here.
    async fn release_reserve(&self) -> bool {
        let Some(reserve) = self.connection.file().and_then(DatabaseFile::reserve) else { return false };
        reserve.release();
        // So that the WAL is used again from its beginning. What cannot be copied now stays where it is.
        drop(self.connection.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await);
        true
    }

    /// Refuses a write that stores something while room is there for deletions alone.
    async fn require_space(&self) -> std::result::Result<(), WriteError> {
        let Some(reserve) = self.connection.file().and_then(DatabaseFile::reserve) else { return Ok(()) };
        if reserve.is_held() || reserve.retake() {
            return Ok(());
        }
        let free = Statement::from_string(DbBackend::Sqlite, "PRAGMA freelist_count");
        let free = self.connection.query_one_raw(free).await;
        let free = free.ok().flatten().and_then(|row| row.try_get_by_index::<i64>(0).ok()).unwrap_or(0);
        if free >= MIN_FREE_PAGES {
            Ok(())
        } else {
            Err(WriteError::NotCommitted(ErrorCode::StorageFull.into()))
        }
    }

    async fn transact_with_retries<T, F>(
        &self,
        guard: &WriteGuard<'_>,
        job: F,
    ) -> std::result::Result<T, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone,
    {
        for attempt in 1..MAX_ATTEMPTS {
            match self.transact_once(guard, job.clone()).await {
                Err(WriteError::NotCommitted(error)) if is_conflict(&error) => {
                    tracing::debug!(attempt, cause = error.cause(), "retrying a transaction");
                }
                outcome => return outcome,
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        self.transact_once(guard, job).await
    }

    async fn transact_once<T, F>(&self, guard: &WriteGuard<'_>, job: F) -> std::result::Result<T, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>>,
    {
        let (transaction, (value, changes)) = self.run_uncommitted(job).await?;
        if is_too_old(&changes) {
            if let Err(rollback) = transaction.rollback().await {
                tracing::warn!(reason = Error::from(rollback).cause(), "rollback failed");
            }
            return Err(WriteError::NotCommitted(timestamp_too_old()));
        }
        let commit =
            async { transaction.commit().await.map_err(|error| WriteError::from_commit(error.into())) };
        guard.commit(&changes, commit).await?;
        guard.publish(changes);
        Ok(value)
    }

    /// Waits until nobody else writes, where contacts are in memory; else one need not.
    pub(crate) async fn lock(&self) -> std::result::Result<WriteGuard<'_>, WriteError> {
        let guard = self.lock_for_deletion().await?;
        self.require_space().await?;
        Ok(guard)
    }

    async fn lock_for_deletion(&self) -> std::result::Result<WriteGuard<'_>, WriteError> {
        let file = self.connection.file();
        require_in_place(file)?;
        let Some(CacheLock { cache, order, waiting }) = &self.cache_lock else {
            return Ok(WriteGuard { cache_guard: None, file });
        };
        let waiting_write = WaitingWrite::new(waiting);
        let order = tokio::time::timeout(self.acquire_timeout, order.lock()).await.map_err(|_| {
            WriteError::NotCommitted(Error::caused_by(
                ErrorCode::Unavailable,
                "another write is taking too long",
            ))
        })?;
        drop(waiting_write);
        Ok(WriteGuard { cache_guard: Some(CacheGuard { cache, waiting, _order: order }), file })
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
    async fn run_uncommitted<T, F>(
        &self,
        job: F,
    ) -> std::result::Result<(Transaction, WriteOutput<T>), WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>>,
    {
        let transaction = self.connection.begin().await.map_err(|error| {
            if is_file_error(&error)
                && let Some(file) = self.connection.file()
            {
                file.record_write(true);
            }
            WriteError::NotCommitted(error.into())
        })?;
        match job(&transaction).await {
            Ok(done) => Ok((transaction, done)),
            Err(error) => {
                if let (ErrorCode::Unavailable, Some(file)) = (error.code(), self.connection.file()) {
                    file.record_write(true);
                }
                if may_be_connection_failure(&error) {
                    self.generation.invalidate();
                }
                if let Err(rollback) = transaction.rollback().await {
                    tracing::warn!(reason = Error::from(rollback).cause(), "rollback failed");
                }
                Err(WriteError::NotCommitted(error))
            }
        }
    }
}

impl WriteGuard<'_> {
    /// Runs what commits; of what it may change memory is told before.
    ///
    /// To be called in a task of its own, as [`Writer::transact`].
    pub(crate) async fn commit<T>(
        &self,
        changes: &[Change],
        commit: impl Future<Output = std::result::Result<T, WriteError>>,
    ) -> std::result::Result<T, WriteError> {
        require_in_place(self.file)?;
        let cache = self.cache_guard.as_ref().map(|cache_guard| cache_guard.cache);
        if let Some(cache) = cache {
            cache.begin(changes);
        }
        let outcome = match commit.await {
            // The file may have lost its name meanwhile: then nothing of this is there after a restart.
            Ok(_) if self.file.is_some_and(|file| !file.is_in_place()) => {
                Err(WriteError::CommitUnknown(not_in_place()))
            }
            outcome => outcome,
        };
        if let Some(file) = self.file {
            record_outcome(file, &outcome);
        }
        if let (Some(cache), Err(WriteError::CommitUnknown(_))) = (cache, &outcome) {
            cache.clear();
        }
        outcome
    }

    /// Tells memory what was committed. Nobody may hear of it before.
    pub(crate) fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        if let Some(CacheGuard { cache, .. }) = &self.cache_guard {
            cache.publish(changes);
        }
    }

    /// Whether somebody else waits for a turn.
    pub(crate) fn is_contended(&self) -> bool {
        self.cache_guard
            .as_ref()
            .is_some_and(|CacheGuard { waiting, .. }| waiting.load(Ordering::Relaxed) > 0)
    }
}

/// Nothing is written to a file that was deleted, moved or replaced.
fn require_in_place(file: Option<&DatabaseFile>) -> std::result::Result<(), WriteError> {
    match file {
        Some(file) if !file.is_in_place() => Err(WriteError::NotCommitted(not_in_place())),
        _ => Ok(()),
    }
}

fn not_in_place() -> Error {
    Error::caused_by(ErrorCode::Unavailable, "the database file was deleted, moved or replaced")
}

/// Readiness asks the file only while writes fail; see `Database::ping`.
fn record_outcome<T>(file: &DatabaseFile, outcome: &std::result::Result<T, WriteError>) {
    let failed = match outcome {
        Ok(_) => false,
        Err(WriteError::NotCommitted(error) | WriteError::CommitUnknown(error)) => {
            error.code() == ErrorCode::Unavailable
        }
    };
    file.record_write(failed);
}

impl Drop for CacheGuard<'_> {
    fn drop(&mut self) {
        self.cache.release();
    }
}

impl<'w> WaitingWrite<'w> {
    fn new(waiting: &'w AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for WaitingWrite<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
