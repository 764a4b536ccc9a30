//! What a connection pooler (PgBouncer) between the service and the server takes away is found out at start. Afterwards it would
//! show as errors, or as the result of another statement.
//!
//! A pooler in transaction mode runs each transaction of a connection in whichever session is free. Our transactions keep nothing
//! in a session but prepared statements; a pooler that does not know of them executes, by its name, what another connection has
//! prepared there.

use std::time::Duration;

use sea_orm::sqlx::{self, AssertSqlSafe, Error, Executor as _, PgConnection, Row as _};

use super::deadline::with_timeout;
use super::servers::Servers;
use crate::storage::error::{OpenError, acquire_error};

/// What sessions are opened with; a pooler can be told to ignore it.
const TIMEOUTS: [&str; 2] = ["statement_timeout", "idle_in_transaction_session_timeout"];

/// PostgreSQL's `invalid_sql_statement_name` and `duplicate_prepared_statement`.
const FOREIGN_STATEMENT: [&str; 2] = ["26000", "42P05"];

/// The session of a transaction.
const SESSION: &str = "SELECT pg_backend_pid()";

/// Rejects a pooler behind which the service does not work.
pub(crate) async fn check(servers: &Servers, deadline: Duration) -> Result<(), OpenError> {
    let mut connection = servers.connect(deadline).await?;
    for name in TIMEOUTS {
        let setting = sqlx::raw_sql(AssertSqlSafe(format!("SELECT current_setting('{name}')")));
        let setting = with_timeout(deadline, setting.fetch_one(&mut connection)).await;
        let setting = setting.and_then(|row| row.try_get::<String, _>(0));
        if setting.map_err(|error| OpenError::unreachable(acquire_error(error)))? == "0" {
            return Err(OpenError::NoTimeout { name });
        }
    }
    let outcome = async {
        let mut other = servers.connect(deadline).await?;
        with_timeout(deadline, keeps_statements(&mut connection, &mut other)).await
    };
    match outcome.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::StatementsLost),
        // No reason not to start: the last connection may have been taken by another instance.
        Err(error) => {
            tracing::warn!(%error, "it could not be found out whether a connection pooler keeps prepared statements");
            Ok(())
        }
    }
}

/// Whether two connections execute the statements that they have prepared, in whichever session.
async fn keeps_statements(mut one: &mut PgConnection, mut other: &mut PgConnection) -> Result<bool, Error> {
    // The driver numbers statements: the same number must not mean the same one.
    let mut is_first = true;
    for is_reversed in [false, false, true] {
        // Sessions are given out last in, first out, or first in, first out: of the second and the third round, one exchanges
        // those of the two connections.
        if is_reversed {
            std::mem::swap(&mut one, &mut other);
        }
        one.execute("BEGIN").await?;
        other.execute("BEGIN").await?;
        if std::mem::take(&mut is_first) {
            sqlx::query("SELECT 0").execute(&mut *other).await?;
        }
        if !executes_own_statement(one).await? || !executes_own_statement(other).await? {
            return Ok(false);
        }
        one.execute("COMMIT").await?;
        other.execute("COMMIT").await?;
    }
    Ok(true)
}

async fn executes_own_statement(connection: &mut PgConnection) -> Result<bool, Error> {
    let session: i32 = {
        let row = sqlx::raw_sql(SESSION).fetch_one(&mut *connection).await?;
        row.try_get(0)?
    };
    match sqlx::query_scalar::<_, i32>(SESSION).fetch_one(connection).await {
        Ok(prepared) => Ok(prepared == session),
        Err(Error::Database(error))
            if error.code().is_some_and(|code| FOREIGN_STATEMENT.contains(&&*code)) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
