//! Connections to PostgreSQL.
//!
//! **Every wait for the server has a deadline.** Where whatever lies between goes away without closing its
//! connections (a proxy that hangs, a firewall that forgot them), nothing ever arrives on them, and no error
//! either. A connection that missed a deadline is closed here and never used again; nor are those that were opened
//! before it was given up: they lead the same way. (sqlx's own pool asks each connection that comes back for a sign
//! of life, without a deadline, and counts it as in use meanwhile: lost connections stay lost until their peer
//! closes them.)
//!
//! The server has a deadline of its own, a little shorter (`statement_timeout`): a statement that is merely slow is
//! cancelled there, and its connection stays good.

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sea_orm::Statement;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgQueryResult, PgRow, PgSeverity};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Either, Error, Executor as _, PgConnection};
use sea_query_sqlx::SqlxValues;

use super::failover::PoolGeneration;
use crate::storage::fair_semaphore::{FairSemaphore, Owner, Permit};

/// A connection that lay idle for longer is tried before it is used, for so long at most.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that lay idle for longer is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// A connection that is older is closed: a load balancer gets to spread them anew.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How long a commit may take, whatever is set for statements; see `writer::MAX_AGE`.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// The wait for a connection, and the opening of one.
    pub(crate) acquire: Duration,
    /// A statement.
    pub(crate) statement: Duration,
}

/// Connections to one database.
#[derive(Clone)]
pub(crate) struct PostgresPool(Arc<Shared>);

struct Shared {
    options: PgConnectOptions,
    permits: FairSemaphore,
    max_connections: u32,
    /// The last one is used next; the first one may have been idle for too long.
    idle: Mutex<VecDeque<Idle>>,
    timeouts: Timeouts,
    generation: PoolGeneration,
}

struct Idle {
    connection: PgConnection,
    opened: Instant,
    since: Instant,
}

/// What a statement has done, and what it answers.
pub(crate) type StatementResult = (PgQueryResult, Vec<PgRow>);

impl fmt::Debug for PostgresPool {
    /// Without the options, which have the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { max_connections, timeouts, .. } = &*self.0;
        f.debug_struct("PostgresPool")
            .field("max_connections", max_connections)
            .field("timeouts", timeouts)
            .finish_non_exhaustive()
    }
}

impl PostgresPool {
    pub(crate) fn new(
        options: PgConnectOptions,
        max_connections: u32,
        timeouts: Timeouts,
        generation: PoolGeneration,
    ) -> Self {
        let permits = usize::try_from(max_connections).unwrap_or(usize::MAX);
        Self(Arc::new(Shared {
            options,
            permits: FairSemaphore::new(permits),
            max_connections,
            idle: Mutex::default(),
            timeouts,
            generation,
        }))
    }

    /// One of them, for as long as it is needed; in turns by owner.
    pub(crate) async fn acquire(&self, owner: Owner) -> Result<PooledConnection, Error> {
        let shared = &self.0;
        let permit = shared.permits.acquire_within(owner, shared.timeouts.acquire).await?;
        let (connection, opened) = match shared.reuse().await {
            Some(reused) => reused,
            None => (shared.open().await?, Instant::now()),
        };
        Ok(PooledConnection {
            connection: Some(connection),
            opened,
            busy: false,
            shared: Arc::clone(shared),
            _permit: permit,
        })
    }

    /// Waits for those that are in use, and closes all.
    pub(crate) async fn close(&self) {
        self.0.permits.close().await;
        let idle = std::mem::take(&mut *self.0.idle());
        for Idle { connection, .. } in idle {
            // It is of no use any more, whatever it says.
            drop(tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await);
        }
    }
}

impl Shared {
    /// A connection that is open already, and when it was opened.
    async fn reuse(&self) -> Option<(PgConnection, Instant)> {
        loop {
            let idle = self.idle().pop_back()?;
            let Idle { mut connection, opened, since } = idle;
            if !self.is_usable(opened) || since.elapsed() > IDLE_TIMEOUT {
                continue;
            }
            if since.elapsed() <= PING_AFTER_IDLE {
                return Some((connection, opened));
            }
            match with_timeout(PING_TIMEOUT, connection.ping()).await {
                Ok(()) => return Some((connection, opened)),
                Err(_) => self.generation.invalidate(),
            }
        }
    }

    async fn open(&self) -> Result<PgConnection, Error> {
        with_timeout(self.timeouts.acquire, PgConnection::connect_with(&self.options)).await
    }

    fn is_usable(&self, opened: Instant) -> bool {
        let age = opened.elapsed();
        age <= MAX_LIFETIME && self.generation.is_current(age)
    }

    fn release(&self, connection: PgConnection, opened: Instant) {
        if self.permits.is_closed() || !self.is_usable(opened) {
            return;
        }
        let mut idle = self.idle();
        while idle.front().is_some_and(|longest| longest.since.elapsed() > IDLE_TIMEOUT) {
            idle.pop_front();
        }
        idle.push_back(Idle { connection, opened, since: Instant::now() });
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. It goes back when this is dropped; if it was in the middle of something, it is closed.
pub(crate) struct PooledConnection {
    connection: Option<PgConnection>,
    opened: Instant,
    busy: bool,
    shared: Arc<Shared>,
    /// Given back after the connection.
    _permit: Permit,
}

impl fmt::Debug for PooledConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledConnection").field("at_work", &self.busy).finish_non_exhaustive()
    }
}

impl PooledConnection {
    /// Runs a statement.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<StatementResult, Error> {
        let deadline = self.shared.timeouts.statement;
        let work = fetch_all(self.begin_statement()?, statement);
        let outcome = with_timeout(deadline, work).await;
        self.end_statement(outcome)
    }

    /// Runs one statement or several that have no parameters, without preparing them.
    pub(crate) async fn run_unprepared(&mut self, sql: &str) -> Result<PgQueryResult, Error> {
        self.run_simple(sql, self.shared.timeouts.statement).await
    }

    /// Ends a transaction. Where it misses the deadline, nobody knows how.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        let deadline = self.shared.timeouts.statement.min(COMMIT_TIMEOUT);
        self.run_simple("COMMIT", deadline).await.map(drop)
    }

    async fn run_simple(&mut self, sql: &str, deadline: Duration) -> Result<PgQueryResult, Error> {
        let work = self.begin_statement()?.execute(AssertSqlSafe(sql.to_owned()));
        let outcome = with_timeout(deadline, work).await;
        self.end_statement(outcome)
    }

    /// Closes the connection, and with it the transaction that it may be in.
    pub(crate) fn discard(&mut self) {
        self.connection = None;
    }

    fn begin_statement(&mut self) -> Result<&mut PgConnection, Error> {
        // Whoever drops this before the end leaves answers on the wire.
        self.busy = true;
        self.connection.as_mut().ok_or(Error::WorkerCrashed)
    }

    /// What the database says of a statement does no harm to its connection; anything else does.
    fn end_statement<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.busy = false;
        match &outcome {
            Ok(_) => {}
            Err(Error::Database(said)) => {
                let severity = said.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
                if matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic)) {
                    self.discard();
                    self.shared.generation.invalidate();
                }
            }
            Err(error) => {
                self.discard();
                if matches!(error, Error::Io(_) | Error::Tls(_) | Error::Protocol(_)) {
                    self.shared.generation.invalidate();
                }
            }
        }
        outcome
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| !self.busy) {
            self.shared.release(connection, self.opened);
        }
    }
}

/// The outcome of a wait for the server; of one that takes too long, that it did.
async fn with_timeout<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(deadline, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::Io(ErrorKind::TimedOut.into())),
    }
}

async fn fetch_all(connection: &mut PgConnection, statement: Statement) -> Result<StatementResult, Error> {
    let mut answers = connection.fetch_many(query(statement));
    let (mut done, mut rows) = StatementResult::default();
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(one) => done = one,
            Either::Right(row) => rows.push(row),
        }
    }
    Ok((done, rows))
}

fn query(statement: Statement) -> sqlx::query::Query<'static, sqlx::Postgres, SqlxValues> {
    let Statement { sql, values, db_backend: _ } = statement;
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(values.unwrap_or(Values(Vec::new()))))
}
