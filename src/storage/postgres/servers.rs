//! The servers that a database URL names. Of several, one is the primary, and a failover makes it another one: connections are
//! opened to the one that can be written to.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Error, PgConnection, Row as _};

use super::deadline::with_timeout;
use crate::storage::error::{OpenError, acquire_error};

/// SQL for whether a session can write: to a standby, or while the server or the database is set to read-only, it cannot.
pub(super) const IS_WRITABLE: &str =
    "NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean";

#[derive(Clone)]
pub(crate) struct Servers {
    /// How each of them is reached; at least one.
    options: Vec<PgConnectOptions>,
    /// Whether those that cannot be written to are passed over.
    must_be_writable: bool,
    /// The index of the one that a connection was opened to last, which is tried first. Clones share it.
    last: Arc<AtomicUsize>,
}

/// Why no connection was opened.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Failed(Error),
    /// Servers respond, and none of them can be written to.
    ReadOnly,
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Failed(error) => error,
            // It passes when a standby has been promoted.
            ConnectError::ReadOnly => Self::Io(ErrorKind::HostUnreachable.into()),
        }
    }
}

impl From<ConnectError> for OpenError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Failed(error) => Self::unreachable(acquire_error(error)),
            ConnectError::ReadOnly => Self::NoPrimary,
        }
    }
}

impl Servers {
    pub(crate) fn new(options: Vec<PgConnectOptions>, must_be_writable: bool) -> Self {
        Self { options, must_be_writable, last: Arc::default() }
    }

    /// The same servers, with other options for a session.
    pub(crate) fn map(&self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        let Self { options, must_be_writable, last } = self.clone();
        Self { options: options.into_iter().map(change).collect(), must_be_writable, last }
    }

    pub(crate) async fn connect(&self, deadline: Duration) -> Result<PgConnection, ConnectError> {
        self.find(deadline).await.map(|(_, connection)| connection)
    }

    /// How the server is reached that a connection can be opened to at the moment.
    pub(crate) async fn current(&self, deadline: Duration) -> Result<PgConnectOptions, ConnectError> {
        if let ([only], false) = (&*self.options, self.must_be_writable) {
            return Ok(only.clone());
        }
        let (options, connection) = self.find(deadline).await?;
        // It has said what it was opened for, whatever the outcome.
        drop(with_timeout(deadline, connection.close()).await);
        Ok(options.clone())
    }

    async fn find(&self, deadline: Duration) -> Result<(&PgConnectOptions, PgConnection), ConnectError> {
        let began = Instant::now();
        let first = self.last.load(Ordering::Relaxed);
        let order = self.options.iter().enumerate().cycle().skip(first).take(self.options.len());
        let mut failure = ConnectError::Failed(Error::Io(ErrorKind::TimedOut.into()));
        for (remaining, (index, options)) in (1..=self.options.len()).rev().zip(order) {
            // Shared out, so that a machine that is lost leaves time for the others.
            let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
            let share = deadline.saturating_sub(began.elapsed()) / remaining;
            match with_timeout(share, self.open(options)).await {
                Ok(Some(connection)) => {
                    self.last.store(index, Ordering::Relaxed);
                    return Ok((options, connection));
                }
                Ok(None) => failure = ConnectError::ReadOnly,
                Err(error) if matches!(failure, ConnectError::Failed(_)) => {
                    failure = ConnectError::Failed(error);
                }
                Err(_) => {}
            }
        }
        Err(failure)
    }

    /// `None` if the server cannot be written to and has to be.
    async fn open(&self, options: &PgConnectOptions) -> Result<Option<PgConnection>, Error> {
        let mut connection = PgConnection::connect_with(options).await?;
        if self.must_be_writable {
            let state = sqlx::raw_sql(AssertSqlSafe(format!("SELECT {IS_WRITABLE}")));
            if !state.fetch_one(&mut connection).await?.try_get::<bool, _>(0)? {
                drop(connection.close().await);
                return Ok(None);
            }
        }
        Ok(Some(connection))
    }
}
