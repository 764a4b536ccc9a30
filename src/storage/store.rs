//! One database: its pools, and the way every read and every write takes.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::runtime::Handle;

use super::accounts::repository::AccountRepository;
use super::audiences::repository::SqlAudiences;
use super::audiences::snapshots::SnapshotOwner;
use super::cache::contacts::{Change, ContactCache};
use super::cache::pages::{Page, Pages};
use super::cleanup::{self, BackgroundTask};
use super::contacts;
use super::contacts::read_batching::GroupRead;
use super::contacts::repository::SqlContacts;
use super::db::connect::{self, Access, Options, Pools};
use super::db::connection::{Connection, Statements};
use super::db::migrate;
use super::db::transaction::Transaction;
use super::entity::idempotency_key::Reference;
use super::error::{OpenError, is_file_fault, to_domain};
use super::fair_semaphore::Owner;
use super::groups::{SqlGroups, start_sweeper};
use super::opt_outs::SqlOptOuts;
use super::postgres::failover::Trust;
use super::postgres::{NotReady, Probe};
use super::sqlite::database_file::FileLock;
use super::templates::SqlTemplates;
use super::write::group_commit::{Create, GroupCommit};
use super::write::idempotency::{self, InFlight, Made};
use super::write::writer::{Done, Writer};
use crate::domain::api_key::repository::KeyRepository;
use crate::domain::audience::AudienceRepository;
use crate::domain::contact::ContactRepository;
use crate::domain::group::GroupRepository;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::opt_out::OptOutRepository;
use crate::domain::store::Store;
use crate::domain::template::saved::TemplateRepository;
use crate::domain::{AccountId, Contact, ContactKey, Error, ErrorCode, Result};

/// A database that is open and migrated. (Each request has a copy: one count goes up and down for it, and
/// not one for each part, on which the threads of a server would wait for each other.) The owner is the account
/// that asks: accounts take turns at the connections.
#[derive(Clone)]
pub struct Database(Arc<Parts>, Owner);

#[derive(Clone)]
struct Parts {
    writer: Writer,
    write_pool: Connection,
    reader: Connection,
    /// Where connections live. A web server's threads come and go; a connection that was opened on
    /// one of them would die with it.
    runtime: Handle,
    /// Which of the counters of an account this process adds to.
    shard: i16,
    group_commit: GroupCommit,
    group_read: GroupRead,
    in_flight: InFlight,
    idempotency_ttl: Duration,
    /// Clears away what deleted groups leave; a server's, or any on PostgreSQL.
    sweeper: Option<Arc<BackgroundTask>>,
    /// For how long an audience is kept.
    audience_ttl: Duration,
    /// Who adds entries to audiences.
    owner: SnapshotOwner,
    cache: Option<ContactCache>,
    /// Tells whether the database is ready; PostgreSQL only.
    probe: Option<Arc<Probe>>,
    /// Deletes what has expired; a server's, or any on PostgreSQL.
    cleaner: Option<Arc<BackgroundTask>>,
    _lock: Option<Arc<FileLock>>,
}

/// How many groups are committed at the same time on PostgreSQL. SQLite has one writer.
const COMMITTERS: usize = 2;

/// How many counters an account has on PostgreSQL, so that instances seldom wait for each other.
const SHARDS: u16 = 16;

/// How long closing waits for connections that are in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Database {
    /// Opens a database, makes it if there is none, and brings its schema up to date. To be called within
    /// a Tokio runtime that lives as long as the database is used.
    ///
    /// # Errors
    /// What an operator has to mend, in one line.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::Create).await?;
        migrate::migrate(&pools, false).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    /// The same for a server. It is then the only one that writes contacts to an SQLite file, and may
    /// keep contacts in memory.
    ///
    /// # Errors
    /// As [`Self::open`], [`OpenError::ServedElsewhere`] and [`OpenError::ReadOnly`].
    pub async fn open_to_serve(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::Serve).await?;
        migrate::migrate(&pools, true).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    /// The same for a server that leaves the schema as it is.
    ///
    /// # Errors
    /// As [`Self::open_to_serve`] and [`Self::open_existing`].
    pub async fn open_to_serve_unmigrated(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::ServeExisting).await?;
        migrate::require_current(&pools).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    /// Opens a database that exists and has a schema that this program can use, beside its server if there is one.
    ///
    /// # Errors
    /// As [`Self::open`], [`OpenError::NoDatabase`], [`OpenError::NoSchema`] and [`OpenError::OlderSchema`].
    pub async fn open_existing(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::Existing).await?;
        migrate::require_current(&pools).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    fn assemble(options: &Options, mut pools: Pools) -> Self {
        let lock = pools.lock.take();
        let sqlite = pools.file.is_some();
        let shard = if sqlite {
            0
        } else {
            let mut random = [0; 2];
            // Any shard will do.
            getrandom::fill(&mut random).unwrap_or_default();
            i16::try_from(u16::from_ne_bytes(random) % SHARDS).unwrap_or_default()
        };
        let cache = lock.is_some().then(|| ContactCache::new(options.contact_cache));
        let writer = Writer::new(pools.writer.clone(), cache.clone(), options.acquire_timeout, pools.trust);
        let owner = SnapshotOwner::new(lock.is_some());
        let tidies = lock.is_some() || !sqlite;
        let reader = &pools.reader;
        let sweeper = tidies.then(|| Arc::new(start_sweeper(writer.clone(), reader.clone())));
        let cleaner =
            tidies.then(|| Arc::new(cleanup::start(&writer, reader, options.idempotency_ttl, owner)));
        Self(
            Arc::new(Parts {
                group_commit: GroupCommit::start(
                    &writer,
                    shard,
                    options,
                    if sqlite { 1 } else { COMMITTERS },
                ),
                group_read: GroupRead::new(pools.reader.clone(), cache.clone(), options.acquire_timeout),
                writer: writer.clone(),
                write_pool: pools.writer,
                reader: pools.reader,
                runtime: Handle::current(),
                shard,
                in_flight: InFlight::default(),
                idempotency_ttl: options.idempotency_ttl,
                sweeper,
                audience_ttl: options.audience_ttl,
                owner,
                cache,
                probe: pools.probe.map(Arc::new),
                cleaner,
                _lock: lock.map(Arc::new),
            }),
            None,
        )
    }

    /// The same, for an account.
    fn for_account(&self, account: AccountId) -> Self {
        Self(Arc::clone(&self.0), Some(account))
    }

    /// Which of the counters of an account this process adds to.
    pub(super) fn shard(&self) -> i16 {
        self.0.shard
    }

    /// For how long an audience is kept.
    pub(super) fn audience_ttl(&self) -> Duration {
        self.0.audience_ttl
    }

    /// Who adds entries to audiences.
    pub(super) fn owner(&self) -> SnapshotOwner {
        self.0.owner
    }

    /// Contacts in memory, where this process is the only one that writes them.
    pub(super) fn cache(&self) -> Option<&ContactCache> {
        self.0.cache.as_ref()
    }

    /// A contact: from memory if it is there.
    pub(super) async fn get(&self, account: AccountId, key: ContactKey) -> Result<Contact> {
        let ContactKey::Id(id) = key else {
            return self
                .read(async move |reader| contacts::queries::find(&reader, account, &key, false).await)
                .await;
        };
        match self.0.cache.as_ref().and_then(|cache| cache.get(account, id)) {
            Some(contact) => Ok(contact),
            None => self.0.group_read.get((account, id)).await,
        }
    }

    /// A page of a list: from memory if it is there. Only beginnings of lists are kept; the others
    /// are seldom looked at twice.
    pub(super) async fn page<Q, P, F, Fut>(
        &self,
        pages: fn(&ContactCache) -> &Pages<Q, P>,
        beginning: bool,
        account: AccountId,
        query: Q,
        job: F,
    ) -> Result<P>
    where
        Q: Clone + Eq + Hash,
        P: Page + Send + 'static,
        F: FnOnce(Connection) -> Fut,
        Fut: Future<Output = Result<P>> + Send + 'static,
    {
        let Some(cache) = self.0.cache.as_ref().filter(|_| beginning) else { return self.read(job).await };
        let pages = pages(cache);
        if let Some(page) = cache.page(pages, account, &query) {
            return Ok(page);
        }
        let moment = cache.moment();
        let page = self.read(job).await?;
        cache.keep_page(pages, moment, account, query, &page);
        Ok(page)
    }

    /// Stores a contact, together with all others that are waiting.
    pub(super) async fn insert(
        &self,
        account: AccountId,
        contact: Contact,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Created<Contact>> {
        let flight = attempt
            .as_ref()
            .map(|attempt| idempotency::begin(&self.0.in_flight, account, attempt))
            .transpose()?;
        self.0.group_commit.insert(Create { account, contact: Arc::new(contact), attempt }, flight).await
    }

    /// Makes something that is no contact, in one transaction; once for each attempt. `store` answers
    /// what there is then, or `None` where its name is taken; `changes` may have come of it.
    pub(super) async fn make<M, F>(
        &self,
        account: AccountId,
        attempt: Option<IdempotentRequest>,
        changes: Vec<Change>,
        store: F,
    ) -> Result<Made<M>>
    where
        M: Send + Sync + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Option<(Reference, M)>>>
            + Clone
            + Send
            + 'static,
    {
        let flight = attempt
            .as_ref()
            .map(|attempt| idempotency::begin(&self.0.in_flight, account, attempt))
            .transpose()?;
        let ttl = self.0.idempotency_ttl;
        let writer = self.0.writer.for_owner(self.1);
        let outcome = self.run(async move {
            let job = writer.transact(move |transaction| {
                Box::pin(async move {
                    Ok((idempotency::once(transaction, account, attempt, ttl, store).await?, changes))
                })
            });
            let outcome = job.await;
            // The flight ends after the commit, and not when the client goes away.
            drop(flight);
            Ok(outcome?)
        });
        outcome.await
    }

    /// Clears away what a deleted group leaves, behind its caller's back.
    pub(super) fn sweep(&self) {
        if let Some(sweeper) = &self.0.sweeper {
            sweeper.wake();
        }
    }

    /// Deletes what is at its end soon, and not only at the cleaner's next round.
    pub(super) fn clean(&self) {
        if let Some(cleaner) = &self.0.cleaner {
            cleaner.wake();
        }
    }

    /// Keeps each statement that this handle runs from now on. To be called within a Tokio runtime.
    #[must_use]
    pub fn recording(self) -> (Self, Statements) {
        let statements = Statements::default();
        let mut parts = Arc::unwrap_or_clone(self.0);
        parts.write_pool.record(Arc::clone(&statements));
        parts.reader.record(Arc::clone(&statements));
        parts.writer =
            Writer::new(parts.write_pool.clone(), parts.cache.clone(), CLOSE_TIMEOUT, Trust::default());
        parts.sweeper = Some(Arc::new(start_sweeper(parts.writer.clone(), parts.reader.clone())));
        parts.group_read = GroupRead::new(parts.reader.clone(), parts.cache.clone(), CLOSE_TIMEOUT);
        (Self(Arc::new(parts), self.1), statements)
    }

    /// The connection for reading.
    #[must_use]
    pub fn reader(&self) -> &Connection {
        &self.0.reader
    }

    /// Runs a read. On PostgreSQL to its end, whatever becomes of the request that asked for it: a
    /// connection that is left half-way through an answer is lost. A connection to SQLite is a thread,
    /// which ends what it has begun; there a task of its own would cost more than the read.
    pub(super) async fn read<T, F, Fut>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Connection) -> Fut,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let work = job(self.0.reader.for_owner(self.1));
        if self.0.reader.get_database_backend() == DbBackend::Sqlite {
            work.await
        } else {
            self.run(work).await
        }
    }

    /// Runs a write in one transaction, in a task of its own; more than once where others stand in its way.
    pub(super) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>> + Clone + Send + 'static,
    {
        let writer = self.0.writer.for_owner(self.1);
        self.run(async move { Ok(writer.transact(job).await?) }).await
    }

    /// The same of a write that deletes, and does so on a full disk. Where even that cannot be, it is not for want of
    /// room to store something.
    pub(super) async fn write_freeing<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>> + Clone + Send + 'static,
    {
        let writer = self.0.writer.for_owner(self.1);
        let done = self.run(async move { Ok(writer.transact_freeing(job).await?) }).await;
        done.map_err(|error| match error.code() {
            ErrorCode::StorageFull => {
                Error::caused_by(ErrorCode::Unavailable, "the disk is too full to delete")
            }
            _ => error,
        })
    }

    /// Does something beside whoever asked for it, to its end.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.runtime.spawn(work));
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0.runtime.spawn(work).await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
    }
}

impl From<NotReady> for Error {
    fn from(why: NotReady) -> Self {
        let reason = match why {
            NotReady::Unreachable => "the database does not respond",
            NotReady::ReadOnly => "the database is read-only",
        };
        Self::with_message(ErrorCode::Unavailable, reason)
    }
}

/// An SQLite database is ready as long as its file is in place and can be written to. Whether it can is tried
/// only after a write has failed: while all is well, the writes themselves show it.
async fn check_file(writer: &Connection) -> Result<()> {
    let Some(file) = writer.file() else { return Ok(()) };
    if !file.is_in_place() {
        let reason = "the database file was deleted, moved or replaced";
        return Err(Error::with_message(ErrorCode::Unavailable, reason));
    }
    if !file.is_failing() {
        return Ok(());
    }
    let probe = async {
        let transaction = writer.begin().await?;
        // Writes the first page, and changes nothing: nobody uses this number, and it is 0 already. (To begin
        // alone would not do: that writes to shared memory only.)
        match transaction.execute_unprepared("PRAGMA user_version = 0").await {
            Ok(_) => transaction.commit().await,
            Err(error) => {
                drop(transaction.rollback().await);
                Err(error)
            }
        }
    };
    match probe.await {
        Ok(()) => {
            file.note_write(false);
            Ok(())
        }
        Err(error) if is_file_fault(&error) => {
            Err(Error::with_message(ErrorCode::Unavailable, "the database file cannot be written to"))
        }
        // Another writer is busy, or the disk is full, which deletions may mend.
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl Store for Database {
    fn contacts(&self, account: AccountId) -> Box<dyn ContactRepository> {
        Box::new(SqlContacts::new(self.for_account(account), account))
    }

    fn groups(&self, account: AccountId) -> Box<dyn GroupRepository> {
        Box::new(SqlGroups::new(self.for_account(account), account))
    }

    fn opt_outs(&self, account: AccountId) -> Box<dyn OptOutRepository> {
        Box::new(SqlOptOuts::new(self.for_account(account), account))
    }

    fn templates(&self, account: AccountId) -> Box<dyn TemplateRepository> {
        Box::new(SqlTemplates::new(self.for_account(account), account))
    }

    fn audiences(&self, account: AccountId) -> Arc<dyn AudienceRepository> {
        Arc::new(SqlAudiences::new(self.for_account(account), account))
    }

    fn keys(&self) -> Box<dyn KeyRepository> {
        Box::new(AccountRepository::new(self.clone()))
    }

    async fn ping(&self) -> Result<()> {
        if let Some(probe) = self.0.probe.clone() {
            return self.run(async move { probe.ask().await.map_err(Error::from) }).await;
        }
        self.read(async |reader| {
            let backend = reader.get_database_backend();
            reader
                .query_one_raw(Statement::from_string(backend, "SELECT 1"))
                .await
                .map_err(|error| to_domain(&error))?;
            Ok(())
        })
        .await?;
        check_file(&self.0.write_pool).await
    }

    async fn close(&self) {
        if let Some(cleaner) = &self.0.cleaner {
            cleaner.stop();
        }
        if let Some(sweeper) = &self.0.sweeper {
            sweeper.stop();
        }
        for connection in [&self.0.reader, &self.0.write_pool] {
            if tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await.is_err() {
                tracing::warn!("the database was still in use when it was closed");
            }
        }
    }
}
