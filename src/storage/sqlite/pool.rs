//! Connection pool for SQLite.
//!
//! An SQLite connection is a thread of its own, and each statement costs a thread hop there and back. sqlx's
//! pool tests each returned connection, which costs a second one: so connections are detached from that pool
//! once they are opened, and idle ones are kept here.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::sqlite::{SqliteConnection, SqliteQueryResult, SqliteRow};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Either, Error, Executor as _};
use sea_orm::{DbBackend, Statement};
use sea_query_sqlx::SqlxValues;

use super::database_file::DatabaseFile;
use crate::storage::fair_semaphore::{Claim, FairSemaphore, Permit, Usage};

/// Connections to one file, opened with the settings of sqlx's pool.
#[derive(Clone, Debug)]
pub(crate) struct SqlitePool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: sqlx::SqlitePool,
    /// One for each connection that may be open.
    permits: FairSemaphore,
    /// Used last in, first out: that connection's page cache is the warmest.
    idle: Mutex<Vec<SqliteConnection>>,
    acquire_timeout: Duration,
    file: Option<DatabaseFile>,
}

/// A statement without parameters.
pub(crate) fn without_parameters(sql: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, sql)
}

/// The result of a statement, and its rows.
pub(crate) type StatementResult = (SqliteQueryResult, Vec<SqliteRow>);

impl SqlitePool {
    /// The limit on connections is that of sqlx's pool.
    pub(crate) fn new(pool: sqlx::SqlitePool, acquire_timeout: Duration, file: Option<DatabaseFile>) -> Self {
        let max_connections = usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX);
        let permits = FairSemaphore::new(max_connections);
        Self(Arc::new(Shared { pool, permits, idle: Mutex::default(), acquire_timeout, file }))
    }

    pub(crate) fn file(&self) -> Option<&DatabaseFile> {
        self.0.file.as_ref()
    }

    /// Acquires a connection, fairly between owners.
    pub(in crate::storage) async fn acquire(&self, claim: Claim) -> Result<PooledConnection, Error> {
        let shared = &self.0;
        let permit = shared.permits.acquire_within(claim, shared.acquire_timeout).await?;
        let idle = shared.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => shared.open().await?,
        };
        Ok(PooledConnection {
            connection: Some(connection),
            busy: false,
            shared: Arc::clone(shared),
            _permit: permit,
        })
    }

    pub(in crate::storage) fn usage(&self) -> Usage {
        self.0.permits.usage()
    }

    /// Waits for connections in use, and closes all.
    pub(crate) async fn close(&self) {
        self.0.permits.close().await;
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            // No longer needed, whatever the outcome.
            drop(connection.close().await);
        }
        self.0.pool.close().await;
    }
}

impl Shared {
    /// Opens a further connection; fails if the file was replaced since the others were opened.
    async fn open(&self) -> Result<SqliteConnection, Error> {
        let connection = self.pool.acquire().await?.detach();
        if self.file.as_ref().is_some_and(|file| !file.is_in_place()) {
            drop(connection.close().await);
            return Err(Error::Io(ErrorKind::NotFound.into()));
        }
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. If the caller is dropped in mid-statement, the connection returns while it is busy:
/// it is used again when no other is idle, and the next statement then waits for the last.
#[derive(Debug)]
pub(crate) struct PooledConnection {
    connection: Option<SqliteConnection>,
    busy: bool,
    shared: Arc<Shared>,
    /// Released after the connection.
    _permit: Permit,
}

impl PooledConnection {
    /// Runs one or several statements; the result is that of the last.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<StatementResult, Error> {
        let connection = self.connection.as_mut().ok_or(Error::WorkerCrashed)?;
        self.busy = true;
        let mut results = connection.fetch_many(query(statement));
        let (mut done, mut rows) = StatementResult::default();
        let outcome = loop {
            match results.try_next().await {
                Ok(Some(Either::Left(one))) => done = one,
                Ok(Some(Either::Right(row))) => rows.push(row),
                Ok(None) => break Ok((done, rows)),
                Err(error) => break Err(error),
            }
        };
        drop(results);
        self.end_statement(outcome)
    }

    /// Runs a statement up to its first row.
    pub(crate) async fn first_row(&mut self, statement: Statement) -> Result<Option<SqliteRow>, Error> {
        let connection = self.connection.as_mut().ok_or(Error::WorkerCrashed)?;
        self.busy = true;
        let outcome = connection.fetch_optional(query(statement)).await;
        self.end_statement(outcome)
    }

    /// A database error leaves the connection usable; any other error does not.
    fn end_statement<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.busy = false;
        if outcome.as_ref().is_err_and(|error| !matches!(error, Error::Database(_))) {
            self.discard();
        }
        outcome
    }

    /// Closes the connection, and with it its open transaction.
    pub(crate) fn discard(&mut self) {
        self.connection = None;
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let mut idle = self.shared.idle();
            let place = if self.busy { 0 } else { idle.len() };
            idle.insert(place, connection);
        }
    }
}

fn query(statement: Statement) -> sqlx::query::Query<'static, sqlx::Sqlite, SqlxValues> {
    let Statement { sql, values, db_backend: _ } = statement;
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(values.unwrap_or(Values(Vec::new()))))
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx::Row as _;
    use sea_orm::sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    #[tokio::test]
    async fn a_busy_connection_is_reused_last() {
        let folder = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
        let pool = SqlitePoolOptions::new().max_connections(2).connect(&url).await.unwrap();
        let pool = SqlitePool::new(pool, Duration::from_millis(100), None);
        let (mut one, mut two) =
            (pool.acquire(Claim::OWN).await.unwrap(), pool.acquire(Claim::OWN).await.unwrap());
        assert!(matches!(pool.acquire(Claim::OWN).await, Err(Error::PoolTimedOut)));
        one.run(without_parameters("PRAGMA cache_size = 111")).await.unwrap();
        two.run(without_parameters("PRAGMA cache_size = 222")).await.unwrap();
        drop(two);
        drop(one);
        let which = async |acquire: &mut PooledConnection| -> i64 {
            acquire.first_row(without_parameters("PRAGMA cache_size")).await.unwrap().unwrap().get(0)
        };

        let mut one = pool.acquire(Claim::OWN).await.unwrap();
        assert_eq!(which(&mut one).await, 111, "the last one returned is reused first");
        let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) \
                    SELECT count(*) FROM n";
        let left = tokio::time::timeout(Duration::from_millis(1), one.run(without_parameters(slow))).await;
        assert!(left.is_err());
        drop(one);
        let mut two = pool.acquire(Claim::OWN).await.unwrap();
        assert_eq!(which(&mut two).await, 222);
        let mut one = pool.acquire(Claim::OWN).await.unwrap();
        assert_eq!(
            which(&mut one).await,
            111,
            "the abandoned statement has ended, and the new one is answered"
        );
    }
}
