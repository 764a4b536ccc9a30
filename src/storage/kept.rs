//! Connections to SQLite that stay with us.
//!
//! A connection to SQLite is a thread of its own, and whatever it is asked is a way there and back. A pool
//! tries each connection that comes back to it, which is the same way a second time: so connections leave
//! the pool that opened them, once, and wait here for the next statement.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteQueryResult, SqliteRow};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Either, Error, Executor as _};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections to one file, with the settings of the pool that they come from.
#[derive(Clone, Debug)]
pub(super) struct Kept(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: SqlitePool,
    /// A permit for each connection that there may be.
    permits: Arc<Semaphore>,
    most: u32,
    /// Those that nobody uses.
    idle: Mutex<Vec<SqliteConnection>>,
    /// How long one is waited for.
    patience: Duration,
}

/// What a statement has done, and what it answers.
pub(super) type Outcome = (SqliteQueryResult, Vec<SqliteRow>);

impl Kept {
    /// At most so many as the pool would have opened.
    pub(super) fn new(pool: SqlitePool, patience: Duration) -> Self {
        let most = pool.options().get_max_connections();
        let permits = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared { pool, permits, most, idle: Mutex::default(), patience }))
    }

    /// One of them, for as long as it is needed.
    pub(super) async fn lease(&self) -> Result<Lease, Error> {
        let shared = &self.0;
        let permit = tokio::time::timeout(shared.patience, Arc::clone(&shared.permits).acquire_owned())
            .await
            .map_err(|_| Error::PoolTimedOut)?
            .map_err(|_| Error::PoolClosed)?;
        let idle = shared.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => shared.pool.acquire().await?.detach(),
        };
        Ok(Lease { connection: Some(connection), shared: Arc::clone(shared), _permit: permit })
    }

    /// Waits for those that are in use, and closes all.
    pub(super) async fn close(&self) {
        let all = self.0.permits.acquire_many(self.0.most).await;
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            // It is of no use any more, whatever it says.
            drop(connection.close().await);
        }
        drop(all);
        self.0.pool.close().await;
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. Whoever goes away in the middle of a read leaves it to the next one, whose statement
/// waits until SQLite is through with the last.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<SqliteConnection>,
    shared: Arc<Shared>,
    /// Given back after the connection.
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Runs one statement or several. What is done is what the last one has done.
    pub(super) async fn run(&mut self, sql: String, values: Option<Values>) -> Result<Outcome, Error> {
        let connection = self.connection.as_mut().ok_or(Error::WorkerCrashed)?;
        let mut answers = connection.fetch_many(query(sql, values));
        let (mut done, mut rows) = Outcome::default();
        let failed = loop {
            match answers.try_next().await {
                Ok(Some(Either::Left(one))) => done = one,
                Ok(Some(Either::Right(row))) => rows.push(row),
                Ok(None) => return Ok((done, rows)),
                Err(error) => break error,
            }
        };
        drop(answers);
        Err(self.unless_broken(failed))
    }

    /// Runs one statement up to its first row.
    pub(super) async fn first_row(
        &mut self,
        sql: String,
        values: Option<Values>,
    ) -> Result<Option<SqliteRow>, Error> {
        let connection = self.connection.as_mut().ok_or(Error::WorkerCrashed)?;
        connection.fetch_optional(query(sql, values)).await.map_err(|error| self.unless_broken(error))
    }

    /// What the database says does no harm to a connection; anything else does.
    fn unless_broken(&mut self, error: Error) -> Error {
        if !matches!(error, Error::Database(_)) {
            self.discard();
        }
        error
    }

    /// Closes the connection, and with it the transaction that it may be in.
    pub(super) fn discard(&mut self) {
        self.connection = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.shared.idle().push(connection);
        }
    }
}

fn query(sql: String, values: Option<Values>) -> sqlx::query::Query<'static, sqlx::Sqlite, SqlxValues> {
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(values.unwrap_or(Values(Vec::new()))))
}
