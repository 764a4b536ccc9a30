//! The handle to an open database: the only way in which repositories read and write.
//!
//! Reads run on the reader pool, single contacts through the cache and read batching. Commands are written through group
//! commit, everything else through the [`Writer`], in a transaction of its own.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tracing::Instrument;

use super::read_batching::ReadBatcher;
use crate::domain::idempotency::IdempotentRequest;
use crate::domain::{AccountId, Contact, ContactKey, Error, ErrorCode, RequestContext, Result};
use crate::storage::background_task::BackgroundTask;
use crate::storage::cache::contacts::ContactCache;
use crate::storage::cache::counts::CountCache;
use crate::storage::cache::pages::{CacheablePage, PageCache};
use crate::storage::change_set::ChangeSet;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::Recorded;
use crate::storage::error::idempotency_conflict;
use crate::storage::fair_semaphore::{Claim, Class};
use crate::storage::postgres::Probe;
use crate::storage::process::Process;
use crate::storage::search::SearchIndex;
use crate::storage::spans;
use crate::storage::sqlite::database_file::FileLock;
use crate::storage::write::change_signal::ChangeSignal;
use crate::storage::write::command::{Action, Command, Outcome};
use crate::storage::write::contact_quota::ContactQuota;
use crate::storage::write::field_values::FieldCache;
use crate::storage::write::group_commit::GroupCommit;
use crate::storage::write::idempotency::{self, EarlierRequests, InFlight, InFlightGuard, Once};
use crate::storage::write::writer::{WriteError, WriteOutput, Writer};

/// An open, migrated database. Cloned for each request: one reference count, so that threads do not contend
/// for several. Connections are acquired on behalf of the request's account, fairly between accounts.
#[derive(Clone)]
pub struct Database {
    pub(in crate::storage) parts: Arc<Parts>,
    /// `None`: no request, but the program itself.
    pub(in crate::storage) context: Option<Arc<RequestContext>>,
}

#[derive(Clone)]
pub(in crate::storage) struct Parts {
    pub(in crate::storage) writer: Writer,
    pub(in crate::storage) write_pool: Connection,
    pub(in crate::storage) reader: Connection,
    /// The runtime of the connections. A web server's worker threads have runtimes of their own; a connection
    /// opened on one of them would end with it.
    pub(in crate::storage) runtime: Handle,
    pub(in crate::storage) group_commit: GroupCommit,
    pub(in crate::storage) read_batcher: ReadBatcher,
    pub(in crate::storage) in_flight: InFlight,
    /// Deletes the members of deleted groups; in a server, and in any process on PostgreSQL.
    pub(in crate::storage) sweeper: Option<Arc<BackgroundTask>>,
    /// Builds and deletes the index of fields; in a server, and in any process on PostgreSQL.
    pub(in crate::storage) field_tasks: Option<Arc<BackgroundTask>>,
    /// Lifetime of audience snapshots.
    pub(in crate::storage) audience_ttl: Duration,
    pub(in crate::storage) process: Process,
    pub(in crate::storage) cache: Option<ContactCache>,
    pub(in crate::storage) counts: CountCache,
    /// Readiness probe; PostgreSQL only.
    pub(in crate::storage) probe: Option<Arc<Probe>>,
    /// Deletes what has expired; in a server, and in any process on PostgreSQL.
    pub(in crate::storage) cleaner: Option<Arc<BackgroundTask>>,
    /// Notifies of the commits of other instances; PostgreSQL only.
    pub(in crate::storage) change_poller: Option<Arc<BackgroundTask>>,
    pub(in crate::storage) search_index: SearchIndex,
    /// Keeps the search index up to date; in a server, and in any process on PostgreSQL.
    pub(in crate::storage) search_follower: Option<Arc<BackgroundTask>>,
    /// Carries out erasures; in a server, and in any process on PostgreSQL.
    pub(in crate::storage) eraser: Option<Arc<BackgroundTask>>,
    /// Wakes the workers that carry out imports.
    pub(in crate::storage) imports_changed: Arc<Notify>,
    /// A connection that no request uses, for the figures of `storage::figures`; if the database is measured.
    pub(in crate::storage) monitor: Option<Connection>,
    pub(in crate::storage) _lock: Option<Arc<FileLock>>,
}

impl Database {
    /// The handle of a request.
    pub(in crate::storage) fn for_request(&self, context: &Arc<RequestContext>) -> Self {
        Self { parts: Arc::clone(&self.parts), context: Some(Arc::clone(context)) }
    }

    /// # Errors
    /// This is not the handle of a request.
    pub(in crate::storage) fn context(&self) -> Result<&Arc<RequestContext>> {
        let no_context = || Error::caused_by(ErrorCode::Internal, "a write without a request");
        self.context.as_ref().ok_or_else(no_context)
    }

    pub(in crate::storage) fn counts(&self) -> CountCache {
        self.parts.counts.clone()
    }

    /// On whose behalf connections are acquired, and what for.
    fn claim(&self, class: Class) -> Claim {
        Claim { owner: self.context.as_ref().map(|context| context.account()), class }
    }

    pub(in crate::storage) fn change_signal(&self) -> &ChangeSignal {
        self.parts.writer.change_signal()
    }

    pub(in crate::storage) fn contact_quota(&self) -> &ContactQuota {
        self.parts.writer.contact_quota()
    }

    pub(in crate::storage) fn audience_ttl(&self) -> Duration {
        self.parts.audience_ttl
    }

    pub(in crate::storage) fn process(&self) -> Process {
        self.parts.process
    }

    /// The contact cache, if this process is the only one that writes contacts.
    pub(in crate::storage) fn cache(&self) -> Option<&ContactCache> {
        self.parts.cache.as_ref()
    }

    /// A contact, from the cache if possible.
    pub(in crate::storage) async fn get_contact(
        &self,
        account: AccountId,
        key: ContactKey,
    ) -> Result<Contact> {
        let ContactKey::Id(id) = key else {
            return self.read(async move |reader| contact_lookup::find(&reader, account, &key).await).await;
        };
        match self.parts.cache.as_ref().and_then(|cache| cache.get(account, id)) {
            Some(contact) => Ok(contact),
            None => {
                let span = spans::read(self.parts.reader.get_database_backend());
                self.parts.read_batcher.get((account, id)).instrument(span).await
            }
        }
    }

    /// A page of a list, from the cache if possible. Only first pages are cached; others are seldom read
    /// twice.
    pub(in crate::storage) async fn cached_page<Q, P, F, Fut>(
        &self,
        pages: fn(&ContactCache) -> &PageCache<Q, P>,
        beginning: bool,
        account: AccountId,
        query: Q,
        job: F,
    ) -> Result<P>
    where
        Q: Clone + Eq + Hash,
        P: CacheablePage + Send + 'static,
        F: FnOnce(Connection) -> Fut,
        Fut: Future<Output = Result<P>> + Send + 'static,
    {
        let Some(cache) = self.parts.cache.as_ref().filter(|_| beginning) else {
            return self.read(job).await;
        };
        let pages = pages(cache);
        if let Some(page) = cache.page(pages, account, &query) {
            return Ok(page);
        }
        let read_version = cache.read_version();
        let page = self.read(job).await?;
        cache.insert_page_if_current(pages, read_version, account, query, &page);
        Ok(page)
    }

    /// Executes a command in a group, and waits until it is durable. `request` is that of an idempotent create.
    pub(in crate::storage) async fn execute(
        &self,
        action: Action,
        request: Option<IdempotentRequest>,
    ) -> Result<Outcome> {
        let context = Arc::clone(self.context()?);
        self.wait_for_index().await?;
        let in_flight_guard = self.begin(context.account(), request.as_ref())?;
        self.parts
            .group_commit
            .execute(Command { context, idempotent: request, action }, in_flight_guard)
            .await
    }

    /// Waits while the account's search index is far behind: what is not indexed is searched one by one.
    pub(in crate::storage) async fn wait_for_index(&self) -> Result<()> {
        let account = self.context()?.account();
        self.parts.writer.search_backlog().wait(account, self.parts.writer.acquire_timeout()).await
    }

    fn begin(
        &self,
        account: AccountId,
        request: Option<&IdempotentRequest>,
    ) -> Result<Option<InFlightGuard>> {
        request.map(|request| idempotency::begin(&self.parts.in_flight, account, request)).transpose()
    }

    /// As [`Self::write`], once per idempotency key. The job returns what is to be recorded, and its result. If it fails,
    /// nothing is recorded.
    pub(in crate::storage) async fn write_once<T, F>(
        &self,
        request: Option<IdempotentRequest>,
        job: F,
    ) -> Result<Once<T>>
    where
        T: Send + Sync + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<(Recorded, T)>>>
            + Clone
            + Send
            + 'static,
    {
        let account = self.context()?.account();
        self.wait_for_index().await?;
        let in_flight_guard = self.begin(account, request.as_ref())?;
        let writer = self.parts.writer.claimed_by(self.claim(Class::Interactive));
        let ttl = writer.idempotency_ttl();
        let outcome = self.run(async move {
            let outcome = writer.transact(move |transaction| {
                Box::pin(async move {
                    let requests: Vec<_> = request.iter().map(|request| (account, request)).collect();
                    let earlier = EarlierRequests::find(transaction, &requests, ttl).await?;
                    if let Some(request) = &request
                        && let Some(recorded) = earlier.replay(account, request)?
                    {
                        return Ok((Once::Replayed(recorded), ChangeSet::default()));
                    }
                    match job(transaction).await {
                        Ok(((recorded, value), mut change_set)) => {
                            if let Some(request) = request {
                                change_set.record(account, request, recorded);
                            }
                            Ok((Once::Done(value), change_set))
                        }
                        Err(error) if error.is_client_error() => {
                            // Perhaps because of the same request, sent through another instance: run again, it is
                            // replayed.
                            let earlier = EarlierRequests::find(transaction, &requests, ttl).await?;
                            Err(if earlier.is_empty() { error } else { idempotency_conflict() })
                        }
                        Err(error) => Err(error),
                    }
                })
            });
            let outcome = outcome.await;
            // Released after the commit, also when the client has disconnected.
            drop(in_flight_guard);
            Ok(outcome?)
        });
        outcome.await
    }

    /// Deletes the members of deleted groups in the background.
    pub(in crate::storage) fn wake_sweeper(&self) {
        if let Some(sweeper) = &self.parts.sweeper {
            sweeper.wake();
        }
    }

    pub(in crate::storage) fn maintained_fields(&self) -> FieldCache {
        self.parts.writer.fields().clone()
    }

    /// A field has been declared or deleted: its index is built, or deleted, in the background.
    pub(in crate::storage) fn fields_changed(&self) {
        self.parts.writer.fields().clear();
        if let Some(field_tasks) = &self.parts.field_tasks {
            field_tasks.wake();
        }
    }

    /// An import may have something to do for a worker.
    pub(in crate::storage) fn wake_imports(&self) {
        self.parts.imports_changed.notify_one();
    }

    /// An erasure has begun: what is left is looked for in the background.
    pub(in crate::storage) fn wake_eraser(&self) {
        self.parts.writer.search_backlog().wake();
        if let Some(eraser) = &self.parts.eraser {
            eraser.wake();
        }
    }

    /// Deletes expired rows now, not only at the cleaner's next interval.
    pub(in crate::storage) fn wake_cleaner(&self) {
        if let Some(cleaner) = &self.parts.cleaner {
            cleaner.wake();
        }
    }

    /// Runs a read. On PostgreSQL in a task of its own, to its end even if the request is dropped: a
    /// connection with an unread response would be lost. An SQLite connection is a thread that completes what
    /// it has begun; a task would cost more than the read.
    pub(in crate::storage) async fn read<T, F, Fut>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Connection) -> Fut,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.read_as(Class::Interactive, job).await
    }

    /// As [`Self::read`], for one page of a stream of any length.
    pub(in crate::storage) async fn read_bulk<T, F, Fut>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Connection) -> Fut,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.read_as(Class::Bulk, job).await
    }

    async fn read_as<T, F, Fut>(&self, class: Class, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Connection) -> Fut,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let backend = self.parts.reader.get_database_backend();
        let work = job(self.parts.reader.claimed_by(self.claim(class))).instrument(spans::read(backend));
        if backend == DbBackend::Sqlite { work.await } else { self.run(work).await }
    }

    /// Runs a write in one transaction, in a task of its own; repeated on conflicts, hence `Clone`.
    pub(in crate::storage) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone + Send + 'static,
    {
        let writer = self.parts.writer.claimed_by(self.claim(Class::Interactive));
        self.run(async move { Ok(writer.transact(job).await?) }).await
    }

    /// As [`Self::write`], for a deletion, which succeeds on a full disk by means of the disk reserve. If
    /// even that fails, the error is not `StorageFull`: nothing was to be stored.
    pub(in crate::storage) async fn write_deletion<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone + Send + 'static,
    {
        let writer = self.parts.writer.claimed_by(self.claim(Class::Interactive));
        self.run(async move { writer.transact_deletion(job).await.map_err(WriteError::into_deletion_error) })
            .await
    }

    /// Runs work to its end, independently of the request.
    pub(in crate::storage) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.parts.runtime.spawn(work));
    }

    pub(in crate::storage) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let work = work.in_current_span();
        self.parts.runtime.spawn(work).await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
    }
}
