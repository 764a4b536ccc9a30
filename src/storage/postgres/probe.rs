//! Whether the database can be written to: asked on a connection of its own.
//!
//! Not on one of the pool's: those may all be in use, which is no reason to send requests elsewhere; and
//! one of them may still lead to a server that takes no writes any more when new ones lead to another.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, Connection as _, Error, PgConnection};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long all of it may take: less than whoever asks waits.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// How long the connection of the last time may take. There is time left for a new one then.
const REUSE_DEADLINE: Duration = Duration::from_millis(500);

/// Why the database is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReady {
    /// It does not answer, or refuses the connection.
    Unreachable,
    /// A standby, or a server or database that was set to read-only.
    ReadOnly,
}

pub(crate) struct Probe {
    options: PgConnectOptions,
    /// The connection of the last time. Who asks meanwhile waits: one is enough.
    connection: Mutex<Option<PgConnection>>,
}

impl Probe {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: Mutex::new(None) }
    }

    /// To be called in a task of its own: a connection that is dropped in the middle is lost.
    pub(crate) async fn check(&self) -> Result<(), NotReady> {
        timeout(DEADLINE, self.check_connection()).await.unwrap_or(Err(NotReady::Unreachable))
    }

    async fn check_connection(&self) -> Result<(), NotReady> {
        let mut connection_slot = self.connection.lock().await;
        if let Some(mut connection) = connection_slot.take()
            && let Ok(Ok(true)) = timeout(REUSE_DEADLINE, is_writable(&mut connection)).await
        {
            *connection_slot = Some(connection);
            return Ok(());
        }
        // Whatever it says of an old connection, a new one may lead to another server.
        let connected = PgConnection::connect_with(&self.options).await;
        let mut connection = connected.map_err(|error| unreachable(&error))?;
        if !is_writable(&mut connection).await.map_err(|error| unreachable(&error))? {
            return Err(NotReady::ReadOnly);
        }
        *connection_slot = Some(connection);
        Ok(())
    }
}

fn unreachable(error: &Error) -> NotReady {
    // Its own words may have the address of the database.
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    tracing::debug!(%code, "the database is not ready");
    NotReady::Unreachable
}

async fn is_writable(connection: &mut PgConnection) -> Result<bool, Error> {
    let is_writable =
        "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean";
    // Not prepared under a name: a pooler in between may give each transaction another session.
    sqlx::query_scalar(is_writable).persistent(false).fetch_one(connection).await
}
