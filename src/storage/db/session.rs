//! A connection in use, to either database. Each statement of the repositories is executed here, and logged at
//! the level `trace` under [`LOG_TARGET`]: its text alone, since its values are personal data.

use sea_orm::sqlx::Error;
use sea_orm::{DbBackend, ExecResult, QueryResult, Statement};

use crate::storage::postgres;
use crate::storage::sqlite::pool::{self as sqlite, without_parameters};

const LOG_TARGET: &str = "addressbook::sql";

fn log(sql: &str) {
    tracing::trace!(target: LOG_TARGET, sql, "statement");
}

/// Returned to its pool when dropped.
#[derive(Debug)]
pub(crate) enum Session {
    Postgres(postgres::PooledConnection),
    Sqlite(sqlite::PooledConnection),
}

impl Session {
    pub(crate) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    /// Runs a statement (several on SQLite: the result is that of the last).
    pub(crate) async fn run(
        &mut self,
        statement: Statement,
    ) -> Result<(ExecResult, Vec<QueryResult>), Error> {
        log(&statement.sql);
        match self {
            Self::Postgres(connection) => {
                let (done, rows) = connection.run(statement).await?;
                Ok((done.into(), rows.into_iter().map(QueryResult::from).collect()))
            }
            Self::Sqlite(connection) => {
                let (done, rows) = connection.run(statement).await?;
                Ok((done.into(), rows.into_iter().map(QueryResult::from).collect()))
            }
        }
    }

    /// Runs a statement up to its first row.
    pub(crate) async fn first_row(&mut self, statement: Statement) -> Result<Option<QueryResult>, Error> {
        log(&statement.sql);
        match self {
            Self::Postgres(connection) => {
                let (_, rows) = connection.run(statement).await?;
                Ok(rows.into_iter().next().map(QueryResult::from))
            }
            Self::Sqlite(connection) => Ok(connection.first_row(statement).await?.map(QueryResult::from)),
        }
    }

    /// Runs one or several statements without parameters.
    pub(crate) async fn run_unprepared(&mut self, sql: &str) -> Result<ExecResult, Error> {
        log(sql);
        match self {
            Self::Postgres(connection) => Ok(connection.run_unprepared(sql).await?.into()),
            Self::Sqlite(connection) => Ok(connection.run(without_parameters(sql)).await?.0.into()),
        }
    }

    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        log("COMMIT");
        match self {
            Self::Postgres(connection) => connection.commit().await,
            Self::Sqlite(connection) => connection.run(without_parameters("COMMIT")).await.map(drop),
        }
    }

    /// Closes the connection, and with it its open transaction.
    pub(crate) fn discard(&mut self) {
        match self {
            Self::Postgres(connection) => connection.discard(),
            Self::Sqlite(connection) => connection.discard(),
        }
    }
}
