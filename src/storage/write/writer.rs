//! The writer: the order of every write. Lock, one transaction, then the cache, before the write is
//! acknowledged.
//!
//! **The way of a write**: (1) the write lock, where there is a cache; (2) BEGIN; (3) the job; (4) what its change set
//! adds: idempotency records, the index of declared fields, counters and, last, the change log; (5) what is about to change is taken
//! out of the cache; (6) COMMIT; (7) the new values are put into the cache; (8) the lock is released, and the caller gets
//! the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::{Mutex, MutexGuard};
use tracing::{Instrument, Span};

use super::change_signal::ChangeSignal;
use super::contact_quota::ContactQuota;
use super::field_values::{FieldCache, IndexChanges};
use super::search_backlog::SearchBacklog;
use super::{change_log, counters, idempotency, suppressions};
use crate::domain::{Error, ErrorCode, Result, Timestamp};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::change_set::ChangeSet;
use crate::storage::db::connection::Connection;
use crate::storage::db::transaction::Transaction;
use crate::storage::error::{
    is_conflict, is_file_error, is_rejected, may_be_connection_failure, timestamp_too_old,
};
use crate::storage::fair_semaphore::Claim;
use crate::storage::instruments::Instruments;
use crate::storage::postgres::failover::PoolGeneration;
use crate::storage::spans;
use crate::storage::sqlite::database_file::DatabaseFile;
use crate::trace::if_waiting;

#[derive(Clone)]
pub(crate) struct Writer {
    connection: Connection,
    cache_lock: Option<CacheLock>,
    acquire_timeout: Duration,
    generation: PoolGeneration,
    idempotency_ttl: Duration,
    contact_quota: ContactQuota,
    change_signal: ChangeSignal,
    fields: FieldCache,
    search_backlog: SearchBacklog,
    instruments: Option<Instruments>,
}

/// The lock that keeps the cache consistent with the database.
#[derive(Clone)]
struct CacheLock {
    cache: ContactCache,
    /// Held from the beginning of a transaction until the cache is updated: writes reach the cache in commit
    /// order.
    order: Arc<Mutex<()>>,
    /// The number of writes that wait for the lock.
    waiting: Arc<AtomicUsize>,
}

/// The right to write, until it is dropped.
pub(crate) struct WriteGuard<'w> {
    cache_guard: Option<CacheGuard<'w>>,
    change_signal: &'w ChangeSignal,
    search_backlog: &'w SearchBacklog,
    /// SQLite only.
    file: Option<&'w DatabaseFile>,
}

struct CacheGuard<'w> {
    cache: &'w ContactCache,
    waiting: &'w AtomicUsize,
    _order: MutexGuard<'w, ()>,
}

/// Counts a write that waits for the lock.
struct WaitingWrite<'w>(&'w AtomicUsize);

/// How far a failed write got.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Nothing was stored.
    NotCommitted(Error),
    /// Whether it was stored is unknown: not to be retried.
    CommitUnknown(Error),
}

/// Maximum age of a change's timestamp when its commit begins; an older one is renewed.
///
/// A client that polls by `updated_at` overlaps its requests by some seconds, and misses nothing as long as
/// each change becomes visible within them: this and the commit timeout (3 s) are less than
/// [`OVERLAP`](crate::domain::contact::OVERLAP), and leave half a second for clock skew.
const MAX_TIMESTAMP_AGE: Duration = Duration::from_millis(1_500);

fn is_too_old(change_set: &ChangeSet) -> bool {
    let Some(oldest) = change_set.oldest_timestamp() else { return false };
    Timestamp::now().since(oldest) > MAX_TIMESTAMP_AGE
}

/// Attempts at a transaction that conflicts with others.
const MAX_ATTEMPTS: u32 = 5;

/// Maximum pause before the second attempt; doubles with each further one.
const INITIAL_BACKOFF: Duration = Duration::from_millis(10);

/// Random, so that transactions that conflicted do not meet again.
fn backoff(attempt: u32) -> Duration {
    let mut random = [0; 1];
    getrandom::fill(&mut random).unwrap_or_default();
    INITIAL_BACKOFF * 2_u32.pow(attempt) * (u32::from(random[0]) + 1) / 256
}

/// Free pages that a database on a full disk must have for a write that stores something: the need of a large
/// write.
const MIN_FREE_PAGES: i64 = 1_024;

impl WriteError {
    /// Whether the disk was full. Nothing was stored then: SQLite rolls back what it cannot write.
    pub(crate) fn is_full(&self) -> bool {
        let (Self::NotCommitted(error) | Self::CommitUnknown(error)) = self;
        error.code() == ErrorCode::StorageFull
    }

    /// Of a commit. (A conflict ends a transaction before it is durable; so does a statement that SQLite rejects, of
    /// those that are executed with the commit.)
    fn from_commit(error: DbErr) -> Self {
        let is_rejected = is_rejected(&error);
        let error = Error::from(error);
        if is_rejected || is_conflict(&error) {
            Self::NotCommitted(error)
        } else {
            Self::CommitUnknown(error)
        }
    }

    /// Of a deletion, which stores nothing: that the disk is full is no reason to reject it.
    pub(crate) fn into_deletion_error(self) -> Error {
        let error = Error::from(self);
        match error.code() {
            ErrorCode::StorageFull => {
                Error::caused_by(ErrorCode::Unavailable, "the disk is too full to delete")
            }
            _ => error,
        }
    }
}

impl From<WriteError> for Error {
    fn from(failure: WriteError) -> Self {
        let (WriteError::NotCommitted(error) | WriteError::CommitUnknown(error)) = failure;
        error
    }
}

/// What a job returns: its result, and what it changed.
pub(crate) type WriteOutput<T> = (T, ChangeSet);

impl Writer {
    /// `acquire_timeout` limits the wait for the write lock; idempotency keys are kept for `idempotency_ttl`; an account may
    /// have `contact_quota` contacts, or any number.
    pub(crate) fn new(
        connection: Connection,
        cache: Option<ContactCache>,
        acquire_timeout: Duration,
        generation: PoolGeneration,
        idempotency_ttl: Duration,
        contact_quota: Option<u64>,
        instruments: Option<Instruments>,
    ) -> Self {
        let cache_lock =
            cache.map(|cache| CacheLock { cache, order: Arc::default(), waiting: Arc::default() });
        Self {
            connection,
            cache_lock,
            acquire_timeout,
            generation,
            idempotency_ttl,
            contact_quota: ContactQuota::new(contact_quota),
            change_signal: ChangeSignal::default(),
            fields: FieldCache::default(),
            search_backlog: SearchBacklog::default(),
            instruments,
        }
    }

    /// Runs a job in one transaction: committed if it succeeds, rolled back if not. On a conflict with
    /// another transaction (a deadlock) a clone of the job is run again.
    ///
    /// To be called in a task of its own: when a client disconnects its handler is dropped, which would leak
    /// a transaction in progress (sqlx issue 4385) and leave the outcome of a commit unknown.
    pub(crate) async fn transact<T, F>(&self, job: F) -> std::result::Result<T, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone,
    {
        let guard = self.lock().await?;
        self.commit_and_publish(&guard, job).await
    }

    /// As [`Self::transact`], for a deletion: on a full disk it uses the disk reserve.
    pub(crate) async fn transact_deletion<T, F>(&self, job: F) -> std::result::Result<T, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone,
    {
        let guard = self.lock_for_deletion().await?;
        match self.commit_and_publish(&guard, job.clone()).await {
            Err(failure) if failure.is_full() && self.release_reserve().await => {
                self.commit_and_publish(&guard, job).await
            }
            outcome => outcome,
        }
    }

    async fn commit_and_publish<T, F>(
        &self,
        guard: &WriteGuard<'_>,
        job: F,
    ) -> std::result::Result<T, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone,
    {
        let (value, change_set) = self.commit(guard, job).await?;
        guard.publish(&change_set);
        Ok(value)
    }

    /// Releases the disk reserve; returns whether there is one.
    async fn release_reserve(&self) -> bool {
        let Some(reserve) = self.connection.file().and_then(DatabaseFile::reserve) else { return false };
        reserve.release();
        // Lets SQLite reuse the WAL from its beginning. Pages in use by readers stay.
        drop(self.connection.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await);
        true
    }

    /// Rejects a write that stores something while the free space is reserved for deletions.
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

    /// Runs a job and commits it, without publishing its changes: the caller does.
    pub(crate) async fn commit<T, F>(
        &self,
        guard: &WriteGuard<'_>,
        job: F,
    ) -> std::result::Result<WriteOutput<T>, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone,
    {
        for attempt in 1..MAX_ATTEMPTS {
            match self.commit_once(guard, job.clone()).instrument(self.span()).await {
                Err(WriteError::NotCommitted(error)) if is_conflict(&error) => {
                    tracing::debug!(attempt, cause = error.cause(), "retrying a transaction");
                    self.fields.clear();
                }
                outcome => return outcome,
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        self.commit_once(guard, job).instrument(self.span()).await
    }

    /// Of a transaction.
    fn span(&self) -> Span {
        spans::transaction(self.connection.get_database_backend())
    }

    async fn commit_once<T, F>(
        &self,
        guard: &WriteGuard<'_>,
        job: F,
    ) -> std::result::Result<WriteOutput<T>, WriteError>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>>,
    {
        let (transaction, (value, change_set)) = self.run_uncommitted(job).await?;
        if is_too_old(&change_set) {
            if let Err(rollback) = transaction.rollback().await {
                tracing::warn!(reason = Error::from(rollback).cause(), "rollback failed");
            }
            return Err(WriteError::NotCommitted(timestamp_too_old()));
        }
        let commit = async {
            let measured = self.instruments.as_ref().map(|instruments| (instruments, Instant::now()));
            let span = spans::commit(self.connection.get_database_backend());
            transaction.commit().instrument(span).await.map_err(|error| {
                self.contact_quota.watch_if_exceeded(&error, &change_set);
                WriteError::from_commit(error)
            })?;
            if let Some((instruments, began)) = measured {
                instruments.record_commit(began.elapsed());
            }
            Ok(())
        };
        guard.commit(&change_set, commit).await?;
        Ok((value, change_set))
    }

    /// Runs a job, and stores with its changes what they imply.
    async fn run_job<T, F>(&self, transaction: &Transaction, job: F) -> Result<WriteOutput<T>>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>>,
    {
        let (value, mut change_set) = job(transaction).await?;
        idempotency::record(transaction, &change_set.idempotency_records, self.idempotency_ttl).await?;
        let fields = self.fields.get(transaction, &change_set).await?;
        suppressions::opt_out_again(transaction, &mut change_set, &fields).await?;
        let index_changes = IndexChanges::of(&change_set, &fields);
        index_changes.write(transaction).await?;
        counters::add(transaction, &change_set, &index_changes, &self.contact_quota).await?;
        change_log::append(transaction, &change_set, &fields).await?;
        Ok((value, change_set))
    }

    /// Acquires the write lock, where there is a cache; without one the database serialises.
    pub(crate) async fn lock(&self) -> std::result::Result<WriteGuard<'_>, WriteError> {
        let guard = self.lock_for_deletion().await?;
        self.require_space().await?;
        Ok(guard)
    }

    async fn lock_for_deletion(&self) -> std::result::Result<WriteGuard<'_>, WriteError> {
        let file = self.connection.file();
        let (change_signal, search_backlog) = (&self.change_signal, &self.search_backlog);
        require_in_place(file)?;
        let Some(CacheLock { cache, order, waiting }) = &self.cache_lock else {
            return Ok(WriteGuard { cache_guard: None, change_signal, search_backlog, file });
        };
        let waiting_write = WaitingWrite::new(waiting);
        let order = tokio::time::timeout(self.acquire_timeout, order.lock());
        let order = if_waiting(order, spans::wait_for_write_lock).await.map_err(|_| {
            WriteError::NotCommitted(Error::caused_by(
                ErrorCode::Unavailable,
                "another write is taking too long",
            ))
        })?;
        drop(waiting_write);
        let cache_guard = Some(CacheGuard { cache, waiting, _order: order });
        Ok(WriteGuard { cache_guard, change_signal, search_backlog, file })
    }

    /// The same writer, for somebody.
    pub(in crate::storage) fn claimed_by(&self, claim: Claim) -> Self {
        Self { connection: self.connection.claimed_by(claim), ..self.clone() }
    }

    /// How long a write waits for what it needs.
    pub(crate) fn acquire_timeout(&self) -> Duration {
        self.acquire_timeout
    }

    /// How long idempotency keys are kept.
    pub(crate) fn idempotency_ttl(&self) -> Duration {
        self.idempotency_ttl
    }

    /// How many contacts an account may have.
    pub(crate) fn contact_quota(&self) -> &ContactQuota {
        &self.contact_quota
    }

    /// To be read by the holder of the write guard.
    pub(crate) fn cache(&self) -> Option<&ContactCache> {
        self.cache_lock.as_ref().map(|lock| &lock.cache)
    }

    pub(crate) fn instruments(&self) -> Option<&Instruments> {
        self.instruments.as_ref()
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn fields(&self) -> &FieldCache {
        &self.fields
    }

    /// How far the search index is behind what is committed.
    pub(crate) fn search_backlog(&self) -> &SearchBacklog {
        &self.search_backlog
    }

    /// Wakes those who wait for what is committed.
    pub(crate) fn change_signal(&self) -> &ChangeSignal {
        &self.change_signal
    }

    /// Runs the job up to its commit.
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
        match self.run_job(&transaction, job).await {
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
    /// Announces the changes to the cache, then commits.
    ///
    /// To be called in a task of its own, as [`Writer::transact`].
    pub(crate) async fn commit<T>(
        &self,
        change_set: &ChangeSet,
        commit: impl Future<Output = std::result::Result<T, WriteError>>,
    ) -> std::result::Result<T, WriteError> {
        require_in_place(self.file)?;
        let cache = self.cache_guard.as_ref().map(|cache_guard| cache_guard.cache);
        if let Some(cache) = cache {
            cache.begin(change_set);
        }
        let outcome = match commit.await {
            // If the file has lost its name in the meantime, the write is lost at the next restart.
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

    /// Publishes committed changes to the cache and to those who wait for them, before the write is acknowledged.
    pub(crate) fn publish(&self, change_set: &ChangeSet) {
        if let Some(CacheGuard { cache, .. }) = &self.cache_guard {
            cache.publish(change_set);
        }
        self.change_signal.publish(change_set);
        self.search_backlog.publish(change_set);
    }

    /// Whether another write waits for the lock.
    pub(crate) fn is_contended(&self) -> bool {
        self.cache_guard
            .as_ref()
            .is_some_and(|CacheGuard { waiting, .. }| waiting.load(Ordering::Relaxed) > 0)
    }
}

/// Rejects writes to a file that was deleted, moved or replaced.
fn require_in_place(file: Option<&DatabaseFile>) -> std::result::Result<(), WriteError> {
    match file {
        Some(file) if !file.is_in_place() => Err(WriteError::NotCommitted(not_in_place())),
        _ => Ok(()),
    }
}

fn not_in_place() -> Error {
    Error::caused_by(ErrorCode::Unavailable, "the database file was deleted, moved or replaced")
}

/// The readiness check tests the file only while writes fail; see `Database::ping`.
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
