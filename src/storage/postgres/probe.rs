//! Readiness probe: whether the database is writable, on a connection of its own.
//!
//! Not on one of the pool's: all of those may be in use, which is no reason to route requests elsewhere; or
//! one may still lead to a demoted primary while new ones lead to the current one.

use std::time::Duration;

use sea_orm::sqlx::{self, AssertSqlSafe, Error, PgConnection, Row as _};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::servers::{ConnectError, IS_WRITABLE, Servers};

/// Total timeout: shorter than that of the readiness request.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// Timeout of the previous connection, which leaves time for a new one.
const REUSE_DEADLINE: Duration = Duration::from_millis(500);

/// Why the database is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReady {
    /// It does not respond, or rejects the connection.
    Unreachable,
    /// A standby, or a server or database set to read-only.
    ReadOnly,
    /// Another instance, of a newer release, has migrated it since this one was started.
    NewerSchema,
}

pub(crate) struct Probe {
    servers: Servers,
    /// The previous connection. Concurrent probes wait for each other: one connection is enough.
    connection: Mutex<Option<PgConnection>>,
}

impl Probe {
    pub(crate) fn new(servers: Servers) -> Self {
        Self { servers, connection: Mutex::new(None) }
    }

    /// To be called in a task of its own: a connection dropped in mid-query is lost.
    /// `knows` says whether this program knows a migration.
    pub(crate) async fn check(&self, knows: fn(&str) -> bool) -> Result<(), NotReady> {
        timeout(DEADLINE, self.check_connection(knows)).await.unwrap_or(Err(NotReady::Unreachable))
    }

    async fn check_connection(&self, knows: fn(&str) -> bool) -> Result<(), NotReady> {
        let mut connection_slot = self.connection.lock().await;
        if let Some(mut connection) = connection_slot.take()
            && let Ok(Ok(())) = timeout(REUSE_DEADLINE, examine(&mut connection, knows)).await
        {
            *connection_slot = Some(connection);
            return Ok(());
        }
        // Whatever the old connection says, a new one may lead to another server.
        let connected = self.servers.connect(DEADLINE - REUSE_DEADLINE).await;
        let mut connection = connected.map_err(|error| match error {
            ConnectError::ReadOnly => NotReady::ReadOnly,
            ConnectError::Failed(error) => unreachable(&error),
        })?;
        examine(&mut connection, knows).await?;
        *connection_slot = Some(connection);
        Ok(())
    }
}

fn unreachable(error: &Error) -> NotReady {
    // The message may contain the database's address.
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    tracing::debug!(%code, "the database is not ready");
    NotReady::Unreachable
}

/// Whether the database can be written to, and this program knows what its schema asks of programs.
async fn examine(connection: &mut PgConnection, knows: fn(&str) -> bool) -> Result<(), NotReady> {
    let state = format!("SELECT {IS_WRITABLE}, (SELECT oldest_migration FROM schema_compatibility)");
    // Unprepared: behind a pooler each transaction may run in another session.
    let row = sqlx::raw_sql(AssertSqlSafe(state)).fetch_one(connection).await;
    let state = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let (is_writable, oldest_migration): (bool, String) = state.map_err(|error| unreachable(&error))?;
    match (is_writable, knows(&oldest_migration)) {
        (false, _) => Err(NotReady::ReadOnly),
        (true, false) => Err(NotReady::NewerSchema),
        (true, true) => Ok(()),
    }
}
