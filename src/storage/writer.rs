//! The way that every write takes: one transaction, and then the cache, before anybody is answered.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use tokio::sync::{Mutex, MutexGuard};

use super::cache::{Change, ContactCache};
use super::connection::Connection;
use super::error::{is_refused, to_domain};
use super::transaction::Transaction;
use super::trust::Trust;
use crate::domain::{Code, Error, Result};

/// Writes to one database.
#[derive(Clone)]
pub(super) struct Writer {
    connection: Connection,
    cached: Option<Cached>,
    patience: Duration,
    trust: Trust,
}

/// What a write has to keep true beside the database.
#[derive(Clone)]
struct Cached {
    cache: ContactCache,
    /// Held from the beginning of a transaction until the cache is up to date: writes reach the cache
    /// in the order in which they reach the database.
    order: Arc<Mutex<()>>,
}

/// How far a write got before it failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was stored.
    BeforeCommit(Error),
    /// The database did not say whether everything was stored: not to be tried again.
    AtCommit(Error),
}

impl Failure {
    /// Of a statement that is a transaction by itself.
    pub(super) fn of_statement(error: &DbErr) -> Self {
        let failure = if is_refused(error) { Self::BeforeCommit } else { Self::AtCommit };
        failure(to_domain(error))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (Failure::BeforeCommit(error) | Failure::AtCommit(error)) = failure;
        error
    }
}

/// What a job gives back: its answer, and what the cache has to know.
pub(super) type Done<T> = (T, Vec<Change>);

impl Writer {
    /// Over a connection pool; `patience` is how long a write waits for the one before it.
    pub(super) fn new(
        connection: Connection,
        cache: Option<ContactCache>,
        patience: Duration,
        trust: Trust,
    ) -> Self {
        let cached = cache.map(|cache| Cached { cache, order: Arc::default() });
        Self { connection, cached, patience, trust }
    }

    /// Runs a job in one transaction: committed if it succeeds, rolled back if not.
    ///
    /// To be called in a task of its own. A client that goes away drops the handler; a transaction
    /// that is dropped half-way would leak (sqlx issue 4385), and a commit must not be left in doubt.
    pub(super) async fn transact<T, F>(&self, job: F) -> std::result::Result<T, Failure>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>>,
    {
        let Some(Cached { cache, order }) = &self.cached else {
            let (transaction, (answer, _)) = self.prepare(job).await?;
            transaction.commit().await.map_err(|error| Failure::AtCommit(to_domain(&error)))?;
            return Ok(answer);
        };
        let _turn = self.turn(order).await?;
        let (transaction, (answer, changes)) = self.prepare(job).await?;
        cache.begin(&changes);
        match transaction.commit().await {
            Ok(()) => cache.end(changes),
            Err(error) => {
                cache.forget();
                return Err(Failure::AtCommit(to_domain(&error)));
            }
        }
        Ok(answer)
    }

    /// Runs what is a transaction by itself. Of what it may change memory is told before.
    ///
    /// To be called in a task of its own, as [`Self::transact`].
    pub(super) async fn at_once<T>(
        &self,
        announced: &[Change],
        job: impl Future<Output = std::result::Result<Done<T>, Failure>>,
    ) -> std::result::Result<T, Failure> {
        let Some(Cached { cache, order }) = &self.cached else { return Ok(job.await?.0) };
        let _turn = self.turn(order).await?;
        cache.begin(announced);
        match job.await {
            Ok((answer, changes)) => {
                cache.end(changes);
                Ok(answer)
            }
            Err(failure @ Failure::BeforeCommit(_)) => {
                cache.end([]);
                Err(failure)
            }
            Err(failure @ Failure::AtCommit(_)) => {
                cache.forget();
                Err(failure)
            }
        }
    }

    async fn turn<'o>(&self, order: &'o Mutex<()>) -> std::result::Result<MutexGuard<'o, ()>, Failure> {
        tokio::time::timeout(self.patience, order.lock()).await.map_err(|_| {
            Failure::BeforeCommit(Error::caused_by(Code::Unavailable, "another write takes too long"))
        })
    }

    /// What it writes to.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Everything up to the commit.
    async fn prepare<T, F>(&self, job: F) -> std::result::Result<(Transaction, Done<T>), Failure>
    where
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Done<T>>>,
    {
        let transaction =
            self.connection.begin().await.map_err(|error| Failure::BeforeCommit(to_domain(&error)))?;
        match job(&transaction).await {
            Ok(done) => Ok((transaction, done)),
            Err(error) => {
                if error.code() == Code::Unavailable {
                    self.trust.lose();
                }
                if let Err(rollback) = transaction.rollback().await {
                    tracing::warn!(reason = to_domain(&rollback).cause(), "rollback failed");
                }
                Err(Failure::BeforeCommit(error))
            }
        }
    }
}
