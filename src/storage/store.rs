//! The store: opens a database, assembles the handle, and hands out the repositories.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::runtime::Handle;

use super::accounts::keys::SqlKeys;
use super::accounts::operators::SqlOperators;
use super::accounts::repository::SqlAccounts;
use super::audiences::repository::SqlAudiences;
use super::cache::contacts::ContactCache;
use super::cache::counts::CountCache;
use super::changes::{self, SqlChanges};
use super::cleanup;
use super::commands;
use super::contacts::repository::SqlContacts;
use super::database::handle::{Database, Parts};
use super::database::read_batching::ReadBatcher;
use super::db::connect::{self, Access, Options, Pools};
use super::db::connection::Connection;
use super::db::migrate;
use super::erasures::{self, SqlErasures};
use super::error::{OpenError, is_file_error};
use super::fields::{SqlFields, start_tasks as start_field_tasks};
use super::groups::{SqlGroups, start_sweeper};
use super::imports::{SqlImportQueue, SqlImports};
use super::opt_outs::SqlOptOuts;
use super::postgres::NotReady;
use super::process::Process;
use super::rate_budgets::SqlRateBudgets;
use super::search::{self, SearchIndex};
use super::segments::SqlSegments;
use super::templates::SqlTemplates;
use super::usage::SqlUsage;
use super::write::group_commit::GroupCommit;
use super::write::idempotency::InFlight;
use super::write::writer::Writer;
use crate::domain::account::repository::AccountRepository;
use crate::domain::api_key::repository::KeyRepository;
use crate::domain::audience::AudienceRepository;
use crate::domain::change::ChangeRepository;
use crate::domain::contact::ContactRepository;
use crate::domain::erasure::ErasureRepository;
use crate::domain::field::FieldRepository;
use crate::domain::group::GroupRepository;
use crate::domain::import::{ImportQueue, ImportRepository};
use crate::domain::operator::repository::OperatorRepository;
use crate::domain::opt_out::OptOutRepository;
use crate::domain::rate_budget::BudgetRepository;
use crate::domain::segment::SegmentRepository;
use crate::domain::store::Store;
use crate::domain::template::saved::TemplateRepository;
use crate::domain::usage::UsageRepository;
use crate::domain::{AccountId, Error, ErrorCode, RequestContext, Result};

/// Groups committed concurrently on PostgreSQL. SQLite has one writer.
const COMMITTERS: usize = 2;

/// How long closing waits for connections in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Database {
    /// Opens a database, creates it if necessary, and migrates its schema. To be called within a Tokio
    /// runtime that outlives the database.
    ///
    /// # Errors
    /// A one-line message for the operator.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::Create).await?;
        migrate::migrate(&pools, false).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    /// As [`Self::open`], for a server. It is the only process that writes contacts to an SQLite file, so
    /// that it may cache them.
    ///
    /// # Errors
    /// As [`Self::open`], [`OpenError::ServedElsewhere`] and [`OpenError::ReadOnly`].
    pub async fn open_to_serve(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::Serve).await?;
        migrate::migrate(&pools, true).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    /// As [`Self::open_to_serve`], without migrating the schema.
    ///
    /// # Errors
    /// As [`Self::open_to_serve`] and [`Self::open_existing`].
    pub async fn open_to_serve_unmigrated(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::ServeExisting).await?;
        migrate::require_current(&pools).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    /// Opens an existing database with a usable schema, alongside its server if one is running.
    ///
    /// # Errors
    /// As [`Self::open`], [`OpenError::NoDatabase`], [`OpenError::NoSchema`] and [`OpenError::OlderSchema`].
    pub async fn open_existing(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open_with(options, Access::Existing).await?;
        migrate::require_current(&pools).await?;
        pools.close_migrations().await;
        Ok(Self::assemble(options, pools))
    }

    /// The migrations that an existing database lacks; writes nothing.
    ///
    /// # Errors
    /// As [`Self::open_existing`], but for a schema that is older or absent.
    pub async fn pending_migrations(options: &Options) -> Result<Vec<String>, OpenError> {
        let pools = connect::open_with(options, Access::Existing).await?;
        let pending = migrate::pending(&pools).await;
        pools.close_migrations().await;
        pools.close().await;
        pending
    }

    fn assemble(options: &Options, mut pools: Pools) -> Self {
        let file_lock = pools.lock.take();
        let sqlite = pools.file.is_some();
        let instruments = options.instruments.clone();
        let cache = file_lock.is_some().then(|| ContactCache::new(options.contact_cache));
        let cache = cache.map(|cache| cache.counted_by(instruments.clone()));
        let writer = Writer::new(
            pools.writer.clone(),
            cache.clone(),
            options.acquire_timeout,
            pools.generation,
            options.idempotency_ttl,
            options.contact_quota,
            instruments.clone(),
        );
        let change_poller = (!sqlite)
            .then(|| Arc::new(changes::start_polling(writer.change_signal().clone(), pools.reader.clone())));
        let process = Process::new(file_lock.is_some());
        let has_background_tasks = file_lock.is_some() || !sqlite;
        let reader = &pools.reader;
        let sweeper = has_background_tasks.then(|| Arc::new(start_sweeper(writer.clone(), reader.clone())));
        let cleaner = has_background_tasks
            .then(|| Arc::new(cleanup::start(&writer, reader, options.change_retention, process)));
        let eraser = has_background_tasks.then(|| {
            Arc::new(erasures::start(erasures::Worker {
                writer: writer.clone(),
                reader: reader.clone(),
                process,
                cleaner: cleaner.clone(),
                backup_retention: options.backup_retention,
            }))
        });
        let field_tasks = has_background_tasks.then(|| Arc::new(start_field_tasks(&writer, reader)));
        let search_index = SearchIndex::new(options.search_cache, cache.clone(), instruments);
        let search_follower = has_background_tasks.then(|| {
            let (index, retention) = (search_index.clone(), options.change_retention);
            let (writer, reader) = (writer.clone(), reader.clone());
            Arc::new(search::start_follower(index, writer, reader, process, retention))
        });
        Self {
            parts: Arc::new(Parts {
                group_commit: GroupCommit::start(
                    &writer,
                    commands::execute,
                    options.write_queue,
                    if sqlite { 1 } else { COMMITTERS },
                ),
                read_batcher: ReadBatcher::new(pools.reader.clone(), cache.clone(), options.acquire_timeout),
                writer: writer.clone(),
                write_pool: pools.writer,
                reader: pools.reader,
                runtime: Handle::current(),
                in_flight: InFlight::default(),
                sweeper,
                field_tasks,
                audience_ttl: options.audience_ttl,
                process,
                cache,
                counts: CountCache::new(),
                probe: pools.probe.map(Arc::new),
                cleaner,
                change_poller,
                search_index,
                search_follower,
                eraser,
                imports_changed: Arc::default(),
                monitor: pools.monitor,
                _lock: file_lock.map(Arc::new),
            }),
            context: None,
        }
    }
}

impl From<NotReady> for Error {
    fn from(not_ready: NotReady) -> Self {
        let reason = match not_ready {
            NotReady::Unreachable => "the database does not respond",
            NotReady::ReadOnly => "the database is read-only",
            NotReady::NewerSchema => {
                "a newer addressbook has migrated the database, which this one can no longer use; replace it"
            }
        };
        Self::with_message(ErrorCode::Unavailable, reason)
    }
}

/// An SQLite database is ready if its file is in place and writable. The latter is tested only after a failed
/// write: otherwise the writes themselves show it.
async fn check_file_writable(writer: &Connection) -> Result<()> {
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
        // Writes the first page without changing it: `user_version` is unused, and 0 already. (BEGIN alone
        // would not do: it writes to shared memory only.)
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
            file.record_write(false);
            Ok(())
        }
        Err(error) if is_file_error(&error) => {
            Err(Error::with_message(ErrorCode::Unavailable, "the database file cannot be written to"))
        }
        // Another writer is busy, or the disk is full, which deletions may resolve.
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl Store for Database {
    fn contacts(&self, context: &Arc<RequestContext>) -> Box<dyn ContactRepository> {
        Box::new(SqlContacts::new(self.for_request(context), context.account()))
    }

    fn groups(&self, context: &Arc<RequestContext>) -> Box<dyn GroupRepository> {
        Box::new(SqlGroups::new(self.for_request(context), context.account()))
    }

    fn opt_outs(&self, context: &Arc<RequestContext>) -> Box<dyn OptOutRepository> {
        Box::new(SqlOptOuts::new(self.for_request(context), context.account()))
    }

    fn templates(&self, context: &Arc<RequestContext>) -> Box<dyn TemplateRepository> {
        Box::new(SqlTemplates::new(self.for_request(context), context.account()))
    }

    fn audiences(&self, context: &Arc<RequestContext>) -> Arc<dyn AudienceRepository> {
        Arc::new(SqlAudiences::new(self.for_request(context), context.account()))
    }

    fn imports(&self, context: &Arc<RequestContext>) -> Box<dyn ImportRepository> {
        Box::new(SqlImports::new(self.for_request(context), context.account()))
    }

    fn changes(&self, context: &Arc<RequestContext>) -> Box<dyn ChangeRepository> {
        Box::new(SqlChanges::new(self.for_request(context), context.account()))
    }

    fn fields(&self, context: &Arc<RequestContext>) -> Box<dyn FieldRepository> {
        Box::new(SqlFields::new(self.for_request(context), context.account()))
    }

    fn segments(&self, context: &Arc<RequestContext>) -> Box<dyn SegmentRepository> {
        Box::new(SqlSegments::new(self.for_request(context), context.account()))
    }

    fn erasures(&self, context: &Arc<RequestContext>) -> Box<dyn ErasureRepository> {
        Box::new(SqlErasures::new(self.for_request(context), context.account()))
    }

    fn usage(&self, context: &Arc<RequestContext>) -> Box<dyn UsageRepository> {
        Box::new(SqlUsage::new(self.for_request(context), context.account()))
    }

    fn usage_of(&self, account: AccountId) -> Box<dyn UsageRepository> {
        Box::new(SqlUsage::new(self.clone(), account))
    }

    fn import_queue(&self) -> Arc<dyn ImportQueue> {
        Arc::new(SqlImportQueue::new(self.clone()))
    }

    fn accounts(&self) -> Box<dyn AccountRepository> {
        Box::new(SqlAccounts::new(self.clone()))
    }

    fn keys(&self) -> Box<dyn KeyRepository> {
        Box::new(SqlKeys::new(self.clone()))
    }

    fn operators(&self) -> Box<dyn OperatorRepository> {
        Box::new(SqlOperators::new(self.clone()))
    }

    fn rate_budgets(&self) -> Option<Arc<dyn BudgetRepository>> {
        let may_be_shared = self.parts.write_pool.get_database_backend() == DbBackend::Postgres;
        may_be_shared.then(|| Arc::new(SqlRateBudgets::new(self.clone())) as Arc<dyn BudgetRepository>)
    }

    async fn ping(&self) -> Result<()> {
        if let Some(probe) = self.parts.probe.clone() {
            return self.run(async move { probe.check(migrate::knows).await.map_err(Error::from) }).await;
        }
        self.read(async |reader| {
            reader.query_one(Query::select().expr(Expr::val(1))).await?;
            Ok(())
        })
        .await?;
        check_file_writable(&self.parts.write_pool).await
    }

    async fn close(&self) {
        if let Some(cleaner) = &self.parts.cleaner {
            cleaner.stop();
        }
        if let Some(sweeper) = &self.parts.sweeper {
            sweeper.stop();
        }
        if let Some(field_tasks) = &self.parts.field_tasks {
            field_tasks.stop();
        }
        if let Some(eraser) = &self.parts.eraser {
            eraser.stop();
        }
        if let Some(search_follower) = &self.parts.search_follower {
            search_follower.stop();
        }
        if let Some(change_poller) = &self.parts.change_poller {
            change_poller.stop();
        }
        let pools = [&self.parts.reader, &self.parts.write_pool];
        for connection in pools.into_iter().chain(&self.parts.monitor) {
            if tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await.is_err() {
                tracing::warn!("the database was still in use when it was closed");
            }
        }
    }
}
