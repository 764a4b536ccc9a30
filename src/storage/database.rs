//! One database: its pools, and the way every read and every write takes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use tokio::runtime::Handle;

use super::accounts::AccountRepository;
use super::attempts::{self, InFlight};
use super::connect::{self, Options};
use super::contacts::SqlContacts;
use super::error::{OpenError, to_domain};
use super::group::Groups;
use super::migrate;
use crate::domain::idempotency::{Attempt, Created};
use crate::domain::repository::{ContactRepository, KeyRepository, Store};
use crate::domain::{AccountId, Code, Contact, Error, Result};

/// A database that is open and migrated.
#[derive(Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// Where connections live. A web server's threads come and go; a connection that was opened on
    /// one of them would die with it.
    runtime: Handle,
    /// Which of the counters of an account this process adds to.
    pub(super) shard: i16,
    groups: Groups,
    in_flight: InFlight,
}

/// How many groups are committed at the same time on PostgreSQL. SQLite has one writer.
const COMMITTERS: usize = 2;

/// How many counters an account has on PostgreSQL, so that instances seldom wait for each other.
const SHARDS: u16 = 16;

/// How often attempts that are not remembered any more are cleared away.
const CLEAR_EVERY: Duration = Duration::from_secs(60 * 60);

/// How long closing waits for connections that are in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Every statement that a database has run, with its values: for tests that look at query plans.
pub type Statements = Arc<Mutex<Vec<Statement>>>;

impl Database {
    /// Opens a database and brings its schema up to date. To be called within a Tokio runtime that
    /// lives as long as the database is used.
    ///
    /// # Errors
    /// What an operator has to mend, in one line.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        let pools = connect::open(options).await?;
        migrate::migrate(&pools).await?;
        let shard = match pools.writer.get_database_backend() {
            DbBackend::Postgres => {
                let mut random = [0; 2];
                // Any shard will do.
                getrandom::fill(&mut random).unwrap_or_default();
                i16::try_from(u16::from_ne_bytes(random) % SHARDS).unwrap_or_default()
            }
            _ => 0,
        };
        tokio::spawn(clear_attempts(pools.writer.clone()));
        let groups = Groups::start(&pools.writer, shard, if pools.file.is_some() { 1 } else { COMMITTERS });
        Ok(Self {
            writer: pools.writer,
            reader: pools.reader,
            runtime: Handle::current(),
            shard,
            groups,
            in_flight: InFlight::default(),
        })
    }

    /// Stores a contact, together with all others that are waiting.
    pub(super) async fn insert(
        &self,
        account: AccountId,
        contact: Contact,
        attempt: Option<Attempt>,
    ) -> Result<Created> {
        let attempt = match attempt {
            None => None,
            Some(attempt) => {
                let flight = self.in_flight.begin(account, &attempt)?;
                Some((attempt, flight))
            }
        };
        self.groups.insert(account, contact, attempt).await
    }

    /// Keeps each statement that this handle runs from now on.
    #[must_use]
    pub fn recording(mut self) -> (Self, Statements) {
        let statements = Statements::default();
        for connection in [&mut self.writer, &mut self.reader] {
            let statements = Arc::clone(&statements);
            connection.set_metric_callback(move |info| {
                if let Ok(mut statements) = statements.lock() {
                    statements.push(info.statement.clone());
                }
            });
        }
        (self, statements)
    }

    /// The connection for reading.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Runs a read to its end, whatever becomes of the request that asked for it.
    pub(super) async fn read<T, F, Fut>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(DatabaseConnection) -> Fut,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.run(job(self.reader.clone())).await
    }

    /// Runs a write in one transaction: committed if it succeeds, rolled back if not.
    ///
    /// It runs in a task of its own. A client that goes away drops the handler; a transaction that
    /// is dropped half-way would leak (sqlx issue 4385), and a commit must not be left in doubt.
    pub(super) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        let writer = self.writer.clone();
        self.run(async move {
            let transaction = begin_write(&writer).await?;
            match job(&transaction).await {
                Ok(value) => {
                    transaction.commit().await.map_err(|error| to_domain(&error))?;
                    Ok(value)
                }
                Err(error) => {
                    if let Err(rollback) = transaction.rollback().await {
                        tracing::warn!(reason = %to_domain(&rollback), "rollback failed");
                    }
                    Err(error)
                }
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.runtime.spawn(work).await.map_err(|error| Error::caused_by(Code::Internal, error))?
    }
}

/// Clears away old attempts from time to time.
async fn clear_attempts(writer: DatabaseConnection) {
    let mut clock = tokio::time::interval(CLEAR_EVERY);
    loop {
        clock.tick().await;
        if let Err(error) = attempts::clear(&writer).await {
            tracing::warn!(reason = error.cause(), "old idempotency keys could not be cleared away");
        }
    }
}

/// Begins a transaction that is going to write.
pub(super) async fn begin_write(writer: &DatabaseConnection) -> Result<DatabaseTransaction> {
    // A deferred transaction that reads before it writes fails at once on SQLite when another
    // process has written in between.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    writer.begin_with_options(options).await.map_err(|error| to_domain(&error))
}

#[async_trait]
impl Store for Database {
    fn contacts(&self, account: AccountId) -> Box<dyn ContactRepository> {
        Box::new(SqlContacts::new(self.clone(), account))
    }

    fn keys(&self) -> Box<dyn KeyRepository> {
        Box::new(AccountRepository::new(self.clone()))
    }

    async fn ping(&self) -> Result<()> {
        self.read(async |reader| {
            let backend = reader.get_database_backend();
            reader
                .query_one_raw(Statement::from_string(backend, "SELECT 1"))
                .await
                .map_err(|error| to_domain(&error))?;
            Ok(())
        })
        .await
    }

    async fn close(&self) {
        for connection in [&self.reader, &self.writer] {
            if tokio::time::timeout(CLOSE_TIMEOUT, connection.close_by_ref()).await.is_err() {
                tracing::warn!("the database was still in use when it was closed");
            }
        }
    }
}
