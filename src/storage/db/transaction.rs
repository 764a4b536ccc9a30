//! Write transactions.
//!
//! On SQLite each statement costs a thread hop to the connection while the next write waits; so the last
//! statements, whose results no caller needs, are sent together with COMMIT. (BEGIN is not sent with the first statement: if
//! a prepared statement cannot be prepared again, because its table has been dropped, sqlx panics unless it is the first
//! of its batch, and the connection is lost with the transaction open.)

use async_trait::async_trait;
use sea_orm::Values;
use sea_orm::sqlx::Error as SqlxError;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use super::session::Session;
use crate::storage::error::{exec_error, query_error};

/// Ended by [`Self::commit`] or [`Self::rollback`]; dropped before, it is rolled back with its connection.
#[derive(Debug)]
pub(crate) struct Transaction {
    backend: DbBackend,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    session: Session,
    /// Begun, and neither committed nor rolled back.
    open: bool,
    /// Executed with the commit, in this order; SQLite only.
    deferred: Vec<Statement>,
}

/// On SQLite the write lock is taken at once: a deferred transaction that reads first fails if another
/// process has written in between.
fn begin(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" }
}

impl Transaction {
    pub(crate) async fn begin(session: Session) -> Result<Self, DbErr> {
        let backend = session.backend();
        // Open before the database confirms: if the caller is dropped now, the transaction may have begun.
        let mut inner = Inner { session, open: true, deferred: Vec::new() };
        if let Err(error) = inner.session.run_unprepared(begin(backend)).await {
            inner.open = false;
            return Err(exec_error(error));
        }
        Ok(Self { backend, inner: Mutex::new(inner) })
    }

    /// Executes a statement whose result the caller does not need, on SQLite together with COMMIT. If another
    /// statement follows after all, it runs before that.
    pub(crate) async fn execute_at_commit(&self, statement: Statement) -> Result<(), DbErr> {
        let mut inner = self.inner.lock().await;
        if self.backend != DbBackend::Sqlite {
            return inner.run(statement).await.map(drop).map_err(exec_error);
        }
        inner.deferred.push(statement);
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        self.inner.into_inner().commit().await.map_err(exec_error)
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        self.inner.into_inner().rollback().await.map_err(exec_error)
    }
}

impl Inner {
    async fn run(&mut self, statement: Statement) -> Result<(ExecResult, Vec<QueryResult>), SqlxError> {
        self.flush_deferred().await?;
        self.session.run(statement).await
    }

    /// Executes the deferred statements before another one.
    async fn flush_deferred(&mut self) -> Result<(), SqlxError> {
        for deferred in std::mem::take(&mut self.deferred) {
            self.session.run(deferred).await?;
        }
        Ok(())
    }

    async fn commit(mut self) -> Result<(), SqlxError> {
        let deferred = std::mem::take(&mut self.deferred);
        let committed = if !deferred.is_empty() {
            self.session.run(with_commit(deferred)).await.map(drop)
        } else {
            self.session.commit().await
        };
        if let Err(error) = committed {
            // Some errors leave the transaction open, others end it.
            drop(self.rollback().await);
            return Err(error);
        }
        self.open = false;
        Ok(())
    }

    async fn rollback(mut self) -> Result<(), SqlxError> {
        match self.session.run_unprepared("ROLLBACK").await {
            // Some errors, a full disk for one, have ended it already.
            Ok(_) | Err(SqlxError::Database(_)) => self.open = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// SQLite statements and COMMIT as one batch. Their parameters are anonymous (`?`): each statement takes as many of the
/// values as it has, from where the one before it ended.
fn with_commit(statements: Vec<Statement>) -> Statement {
    let (mut sql, mut all) = (String::new(), Vec::new());
    for Statement { sql: one, values, db_backend: _ } in statements {
        sql += &one;
        sql += "; ";
        all.extend(values.map(|Values(values)| values).unwrap_or_default());
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, sql + "COMMIT", all)
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.open {
            self.session.discard();
        }
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let (done, _) = self.inner.lock().await.run(statement).await.map_err(exec_error)?;
        Ok(done)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.backend, sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (_, rows) = self.inner.lock().await.run(statement).await.map_err(query_error)?;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::FromQueryResult;
    use tempfile::TempDir;

    use super::*;
    use crate::domain::{Error, ErrorCode};
    use crate::storage::Options;
    use crate::storage::db::connect::{self, Pools};
    use crate::storage::db::connection::Connection;
    use crate::storage::sqlite::pool::without_parameters;

    async fn table() -> (TempDir, Pools) {
        let folder = TempDir::new().unwrap();
        let pools = open(&folder).await;
        pools.writer.execute_unprepared("CREATE TABLE numbers (n INTEGER UNIQUE)").await.unwrap();
        (folder, pools)
    }

    async fn open(folder: &TempDir) -> Pools {
        let options = Options {
            url: format!("sqlite://{}", folder.path().join("test.db").display()),
            connections: 2,
            acquire_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(1),
            write_queue: 1,
            contact_cache: 0,
            search_cache: 0,
            contact_quota: None,
            idempotency_ttl: Duration::from_secs(1),
            audience_ttl: Duration::from_secs(1),
            change_retention: Duration::from_secs(1),
            backup_retention: None,
            instruments: None,
        };
        connect::open(&options).await.unwrap()
    }

    fn put(numbers: &[i64]) -> Statement {
        let rows: Vec<&str> = numbers.iter().map(|_| "(?)").collect();
        let sql = format!("INSERT INTO numbers VALUES {}", rows.join(", "));
        Statement::from_sql_and_values(DbBackend::Sqlite, sql, numbers.iter().map(|n| (*n).into()))
    }

    #[derive(FromQueryResult)]
    struct Sum {
        sum: i64,
    }

    async fn sum(connection: &impl ConnectionTrait) -> i64 {
        let sum = without_parameters("SELECT coalesce(sum(n), 0) AS sum FROM numbers");
        Sum::find_by_statement(sum).one(connection).await.unwrap().unwrap().sum
    }

    #[tokio::test]
    async fn only_committed_writes_are_visible() {
        let (_folder, Pools { writer, reader, .. }) = table().await;
        let transaction = writer.begin().await.unwrap();
        assert_eq!(transaction.execute_raw(put(&[1, 2])).await.unwrap().rows_affected(), 2);
        transaction.execute_at_commit(put(&[4])).await.unwrap();
        assert_eq!(sum(&reader).await, 0);
        transaction.commit().await.unwrap();
        assert_eq!(sum(&reader).await, 7);

        // The count is that of this statement, not of one before it.
        let transaction = writer.begin().await.unwrap();
        let nothing = without_parameters("DELETE FROM numbers WHERE n = 3");
        assert_eq!(transaction.execute_raw(nothing).await.unwrap().rows_affected(), 0);
        transaction.execute_raw(put(&[8])).await.unwrap();
        transaction.rollback().await.unwrap();
        let transaction = writer.begin().await.unwrap();
        transaction.execute_raw(put(&[8])).await.unwrap();
        transaction.execute_at_commit(put(&[16])).await.unwrap();
        drop(transaction);
        assert_eq!((sum(&reader).await, sum(&writer).await), (7, 7));
    }

    #[tokio::test]
    async fn a_deferred_statement_is_visible_to_later_ones() {
        let (_folder, Pools { writer, reader, .. }) = table().await;
        let transaction = writer.begin().await.unwrap();
        transaction.execute_at_commit(put(&[1])).await.unwrap();
        assert_eq!(sum(&transaction).await, 1);
        transaction.execute_at_commit(put(&[2])).await.unwrap();
        transaction.execute_at_commit(put(&[4])).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(sum(&reader).await, 7);
    }

    #[tokio::test]
    async fn a_failed_transaction_leaves_the_connection_usable() {
        let (_folder, Pools { writer, reader, .. }) = table().await;
        writer.execute_raw(put(&[1])).await.unwrap();
        let transaction = writer.begin().await.unwrap();
        transaction.execute_raw(put(&[2])).await.unwrap();
        transaction.execute_raw(put(&[1])).await.unwrap_err();
        transaction.rollback().await.unwrap();
        let transaction = writer.begin().await.unwrap();
        transaction.execute_raw(put(&[4])).await.unwrap();
        transaction.execute_at_commit(put(&[1])).await.unwrap();
        transaction.commit().await.unwrap_err();
        assert_eq!(sum(&reader).await, 1);

        // SQLite has rolled this one back itself.
        let transaction = writer.begin().await.unwrap();
        transaction.execute_raw(put(&[8])).await.unwrap();
        transaction.execute_unprepared("INSERT OR ROLLBACK INTO numbers VALUES (1)").await.unwrap_err();
        transaction.rollback().await.unwrap();
        let transaction = writer.begin().await.unwrap();
        transaction.execute_raw(put(&[16])).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(sum(&reader).await, 17);
    }

    #[tokio::test]
    async fn a_locked_file_is_unavailable() {
        let (folder, Pools { writer, .. }) = table().await;
        let Pools { writer: other, .. } = open(&folder).await;
        other.execute_unprepared("PRAGMA busy_timeout = 0").await.unwrap();
        let transaction = writer.begin().await.unwrap();
        transaction.execute_raw(put(&[1])).await.unwrap();
        for _ in 0..3 {
            let error = other.begin().await.unwrap_err();
            assert_eq!(Error::from(error).code(), ErrorCode::Unavailable);
        }
        transaction.commit().await.unwrap();
        let late = other.begin().await.unwrap();
        late.execute_raw(put(&[2])).await.unwrap();
        late.commit().await.unwrap();
        assert_eq!(sum(&writer).await, 3);
    }

    #[tokio::test]
    async fn acquire_times_out_and_close_waits() {
        let (_folder, Pools { writer, .. }) = table().await;
        let transaction = writer.begin().await.unwrap();
        transaction.execute_raw(put(&[1])).await.unwrap();
        let timed_out = writer.begin().await.unwrap_err();
        assert!(matches!(timed_out, DbErr::ConnectionAcquire(_)), "{timed_out:?}");
        let (closer, closed): (Connection, Connection) = (writer.clone(), writer.clone());
        let closing = tokio::spawn(async move { closer.close().await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!closing.is_finished());
        transaction.commit().await.unwrap();
        closing.await.unwrap();
        assert!(matches!(closed.begin().await.unwrap_err(), DbErr::ConnectionAcquire(_)));
    }
}
