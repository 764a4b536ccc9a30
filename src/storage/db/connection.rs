//! The connection pools behind sea-orm's `ConnectionTrait`.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::session::Session;
use super::transaction::Transaction;
use crate::storage::error::{acquire_error, exec_error, query_error};
use crate::storage::fair_semaphore::{Claim, Usage};
use crate::storage::postgres::PostgresPool;
use crate::storage::spans;
use crate::storage::sqlite::database_file::DatabaseFile;
use crate::storage::sqlite::pool::SqlitePool;
use crate::trace::if_waiting;

/// Runs each statement on a connection of the pool.
#[derive(Clone, Debug)]
pub struct Connection {
    connections: Connections,
    /// On whose behalf connections are acquired, and what for.
    claim: Claim,
}

#[derive(Clone, Debug)]
enum Connections {
    Postgres(PostgresPool),
    Sqlite(SqlitePool),
}

impl Connection {
    pub(crate) fn postgres(pool: PostgresPool) -> Self {
        Self { connections: Connections::Postgres(pool), claim: Claim::OWN }
    }

    pub(crate) fn sqlite(pool: SqlitePool) -> Self {
        Self { connections: Connections::Sqlite(pool), claim: Claim::OWN }
    }

    /// The same pool, for somebody.
    pub(in crate::storage) fn claimed_by(&self, claim: Claim) -> Self {
        Self { claim, ..self.clone() }
    }

    /// SQLite only.
    pub(crate) fn file(&self) -> Option<&DatabaseFile> {
        match &self.connections {
            Connections::Postgres(_) => None,
            Connections::Sqlite(pool) => pool.file(),
        }
    }

    /// A write transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        Transaction::begin(self.session().await?).await
    }

    async fn session(&self) -> Result<Session, DbErr> {
        let acquire = async {
            match &self.connections {
                Connections::Postgres(pool) => pool.acquire(self.claim).await.map(Session::Postgres),
                Connections::Sqlite(pool) => pool.acquire(self.claim).await.map(Session::Sqlite),
            }
        };
        if_waiting(acquire, spans::wait_for_connection).await.map_err(acquire_error)
    }

    /// Of its pool, whoever uses it.
    pub(in crate::storage) fn usage(&self) -> Usage {
        match &self.connections {
            Connections::Postgres(pool) => pool.usage(),
            Connections::Sqlite(pool) => pool.usage(),
        }
    }

    /// Waits for connections in use, and closes all.
    pub(crate) async fn close(&self) {
        match &self.connections {
            Connections::Postgres(pool) => pool.close().await,
            Connections::Sqlite(pool) => pool.close().await,
        }
    }
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        match &self.connections {
            Connections::Postgres(_) => DbBackend::Postgres,
            Connections::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut session = self.session().await?;
        let (done, _) = session.run(statement).await.map_err(exec_error)?;
        Ok(done)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut session = self.session().await?;
        session.run_unprepared(sql).await.map_err(exec_error)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut session = self.session().await?;
        session.first_row(statement).await.map_err(query_error)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut session = self.session().await?;
        let (_, rows) = session.run(statement).await.map_err(query_error)?;
        Ok(rows)
    }
}
