//! What statements run on: PostgreSQL's pool as it is, or connections to SQLite that are kept.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::database_file::DatabaseFile;
use super::error::{not_answered, not_executed, unavailable};
use super::kept::{Kept, Lease, plain};
use super::transaction::Transaction;

/// Every statement that a database has run, with its values: for tests that look at query plans.
pub type Statements = Arc<Mutex<Vec<Statement>>>;

/// Runs each statement on one of the connections to a database.
#[derive(Clone, Debug)]
pub struct Connection {
    connections: Connections,
    record: Option<Statements>,
}

#[derive(Clone, Debug)]
enum Connections {
    Postgres(DatabaseConnection),
    Sqlite(Kept),
}

impl Connection {
    pub(super) fn postgres(pool: DatabaseConnection) -> Self {
        Self { connections: Connections::Postgres(pool), record: None }
    }

    pub(super) fn sqlite(kept: Kept) -> Self {
        Self { connections: Connections::Sqlite(kept), record: None }
    }

    /// The file of an SQLite database.
    pub(super) fn file(&self) -> Option<&DatabaseFile> {
        match &self.connections {
            Connections::Postgres(_) => None,
            Connections::Sqlite(kept) => kept.file(),
        }
    }

    /// Keeps each statement from now on.
    pub(super) fn record(&mut self, statements: Statements) {
        if let Connections::Postgres(pool) = &mut self.connections {
            let statements = Arc::clone(&statements);
            pool.set_metric_callback(move |info| note(Some(&statements), info.statement));
        }
        self.record = Some(statements);
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction, DbErr> {
        match &self.connections {
            Connections::Postgres(pool) => Transaction::postgres(pool).await,
            Connections::Sqlite(kept) => {
                let lease = kept.lease().await.map_err(unavailable)?;
                Transaction::sqlite(lease, self.record.clone()).await
            }
        }
    }

    /// One of those to SQLite, for a statement.
    async fn lease(&self, kept: &Kept, statement: &Statement) -> Result<Lease, DbErr> {
        note(self.record.as_ref(), statement);
        kept.lease().await.map_err(unavailable)
    }

    /// Waits for those that are in use, and closes all.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        match &self.connections {
            Connections::Postgres(pool) => pool.close_by_ref().await,
            Connections::Sqlite(kept) => {
                kept.close().await;
                Ok(())
            }
        }
    }
}

pub(super) fn note(statements: Option<&Statements>, statement: &Statement) {
    if let Some(Ok(mut statements)) = statements.map(|statements| statements.lock()) {
        statements.push(statement.clone());
    }
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        match &self.connections {
            Connections::Postgres(pool) => pool.get_database_backend(),
            Connections::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.connections {
            Connections::Postgres(pool) => pool.execute_raw(statement).await,
            Connections::Sqlite(kept) => {
                let mut lease = self.lease(kept, &statement).await?;
                let (done, _) = lease.run(statement).await.map_err(not_executed)?;
                Ok(done.into())
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.connections {
            Connections::Postgres(pool) => pool.execute_unprepared(sql).await,
            Connections::Sqlite(_) => self.execute_raw(plain(sql)).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.connections {
            Connections::Postgres(pool) => pool.query_one_raw(statement).await,
            Connections::Sqlite(kept) => {
                let mut lease = self.lease(kept, &statement).await?;
                Ok(lease.first_row(statement).await.map_err(not_answered)?.map(QueryResult::from))
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.connections {
            Connections::Postgres(pool) => pool.query_all_raw(statement).await,
            Connections::Sqlite(kept) => {
                let mut lease = self.lease(kept, &statement).await?;
                let (_, rows) = lease.run(statement).await.map_err(not_answered)?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }
}
