//! Connection pool for PostgreSQL.
//!
//! **Every wait for the server has a timeout.** If something in between drops connections without closing
//! them (a hanging proxy, a firewall that lost its state), nothing ever arrives on them, not even an error. A
//! connection that times out is discarded, and so are all that were opened before: they take the same path.
//! (sqlx's own pool pings each returned connection without a timeout and counts it as in use meanwhile: dead
//! connections stay in use until their peer closes them.)
//!
//! The server has a slightly shorter timeout of its own (`statement_timeout`): a merely slow statement is
//! cancelled there, and its connection stays usable.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sea_orm::Statement;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::postgres::{PgDatabaseError, PgQueryResult, PgRow, PgSeverity};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Either, Error, Executor as _, PgConnection};
use sea_query_sqlx::SqlxValues;

use super::deadline::with_timeout;
use super::failover::PoolGeneration;
use super::servers::Servers;
use crate::storage::fair_semaphore::{Claim, FairSemaphore, Permit, Usage};

/// A connection that was idle for longer is pinged before use, with this timeout.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that was idle for longer is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// An older connection is closed, so that a load balancer can redistribute connections.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Timeout of a commit, whatever the statement timeout is; see `writer::MAX_TIMESTAMP_AGE`.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(3);

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// To wait for a connection, and to open one.
    pub(crate) acquire: Duration,
    pub(crate) statement: Duration,
}

#[derive(Clone)]
pub(crate) struct PostgresPool(Arc<Shared>);

struct Shared {
    servers: Servers,
    permits: FairSemaphore,
    max_connections: u32,
    /// Used last in, first out; the front may have exceeded its idle timeout.
    idle: Mutex<VecDeque<Idle>>,
    timeouts: Timeouts,
    generation: PoolGeneration,
}

struct Idle {
    connection: PgConnection,
    opened: Instant,
    since: Instant,
}

/// The result of a statement, and its rows.
pub(crate) type StatementResult = (PgQueryResult, Vec<PgRow>);

impl fmt::Debug for PostgresPool {
    /// Omits the servers, whose options contain the password.
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
        servers: Servers,
        max_connections: u32,
        timeouts: Timeouts,
        generation: PoolGeneration,
    ) -> Self {
        let permits = usize::try_from(max_connections).unwrap_or(usize::MAX);
        Self(Arc::new(Shared {
            servers,
            permits: FairSemaphore::new(permits),
            max_connections,
            idle: Mutex::default(),
            timeouts,
            generation,
        }))
    }

    /// Acquires a connection, fairly between owners.
    pub(in crate::storage) async fn acquire(&self, claim: Claim) -> Result<PooledConnection, Error> {
        let shared = &self.0;
        let permit = shared.permits.acquire_within(claim, shared.timeouts.acquire).await?;
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

    pub(in crate::storage) fn usage(&self) -> Usage {
        self.0.permits.usage()
    }

    /// Waits for connections in use, and closes all.
    pub(crate) async fn close(&self) {
        self.0.permits.close().await;
        let idle = std::mem::take(&mut *self.0.idle());
        for Idle { connection, .. } in idle {
            // No longer needed, whatever the outcome.
            drop(tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await);
        }
    }
}

impl Shared {
    /// An open connection, and when it was opened.
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
        Ok(self.servers.connect(self.timeouts.acquire).await?)
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

/// A connection in use. Returned to the pool when dropped; closed if a statement is in progress.
pub(crate) struct PooledConnection {
    connection: Option<PgConnection>,
    opened: Instant,
    busy: bool,
    shared: Arc<Shared>,
    /// Released after the connection.
    _permit: Permit,
}

impl fmt::Debug for PooledConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledConnection").field("at_work", &self.busy).finish_non_exhaustive()
    }
}

impl PooledConnection {
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<StatementResult, Error> {
        let deadline = self.shared.timeouts.statement;
        let work = fetch_all(self.begin_statement()?, statement);
        let outcome = with_timeout(deadline, work).await;
        self.end_statement(outcome)
    }

    /// Runs one or several statements without parameters, unprepared.
    pub(crate) async fn run_unprepared(&mut self, sql: &str) -> Result<PgQueryResult, Error> {
        self.run_simple(sql, self.shared.timeouts.statement).await
    }

    /// Commits. After a timeout the outcome is unknown.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        let deadline = self.shared.timeouts.statement.min(COMMIT_TIMEOUT);
        self.run_simple("COMMIT", deadline).await.map(drop)
    }

    async fn run_simple(&mut self, sql: &str, deadline: Duration) -> Result<PgQueryResult, Error> {
        let work = self.begin_statement()?.execute(AssertSqlSafe(sql.to_owned()));
        let outcome = with_timeout(deadline, work).await;
        self.end_statement(outcome)
    }

    /// Closes the connection, and with it its open transaction.
    pub(crate) fn discard(&mut self) {
        self.connection = None;
    }

    fn begin_statement(&mut self) -> Result<&mut PgConnection, Error> {
        // If this future is dropped, unread responses remain on the wire.
        self.busy = true;
        self.connection.as_mut().ok_or(Error::WorkerCrashed)
    }

    /// A database error leaves the connection usable, unless it is fatal; any other error does not.
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

async fn fetch_all(connection: &mut PgConnection, statement: Statement) -> Result<StatementResult, Error> {
    let mut replies = connection.fetch_many(query(statement));
    let (mut done, mut rows) = StatementResult::default();
    while let Some(reply) = replies.try_next().await? {
        match reply {
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
