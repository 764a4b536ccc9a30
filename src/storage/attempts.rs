//! Attempts to create under an idempotency key, within the transaction that creates.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Set};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entity::idempotency_key::{ActiveModel, Column, Entity, Model};
use super::error::to_domain;
use super::json::Words;
use super::transaction::Transaction;
use crate::domain::idempotency::{Attempt, Created};
use crate::domain::{AccountId, Code, Error, Result, Timestamp};

/// What an attempt finds.
pub(super) enum Found {
    /// It is the first of its key, and noted down.
    First,
    /// An earlier one made this; see [`read`].
    Made(String),
    /// An earlier one found the name taken.
    Taken,
}

/// Carries out an attempt that is the first of its key, and gives the answer of the first to all
/// others. The inner error is an answer, too: it is to be committed.
pub(super) async fn once<M, F>(
    transaction: &Transaction,
    account: AccountId,
    attempt: Option<Attempt>,
    ttl: Duration,
    store: F,
) -> Result<Result<Created<M>>>
where
    M: Serialize + DeserializeOwned + Send + Sync,
    F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Option<M>>>,
{
    if let Some(attempt) = &attempt {
        match note::<M>(transaction, account, attempt, None, ttl).await? {
            Found::First => {}
            Found::Made(made) => return Ok(Ok(Created { made: read(&made)?, replayed: true })),
            Found::Taken => return Ok(Err(Error::name_taken())),
        }
    }
    let made = store(transaction).await?;
    if let (Some(attempt), Some(made)) = (&attempt, &made) {
        note_outcome(transaction, account, attempt, Some(made)).await?;
    }
    Ok(made.map(|made| Created { made, replayed: false }).ok_or_else(Error::name_taken))
}

/// Notes an attempt down, with what it makes, unless there is one under its key already. One that is
/// older than `ttl` gives its place away.
pub(super) async fn note<M: Serialize>(
    transaction: &Transaction,
    account: AccountId,
    attempt: &Attempt,
    made: Option<&M>,
    ttl: Duration,
) -> Result<Found> {
    let Attempt { operation, key, fingerprint } = attempt;
    let now = Timestamp::now();
    let row = ActiveModel {
        account_id: Set(account.get()),
        operation: Set((*operation).to_owned()),
        key: Set(key.as_str().to_owned()),
        fingerprint: Set(fingerprint.to_vec()),
        made: Set(made.map(write).transpose()?),
        created_at: Set(now.millis()),
    };
    let noted = Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::AccountId, Column::Operation, Column::Key])
                .update_columns([Column::Fingerprint, Column::Made, Column::CreatedAt])
                .action_and_where(Expr::col((Entity, Column::CreatedAt)).lt(now.before(ttl).millis()))
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await
        .map_err(|error| to_domain(&error))?;
    if noted > 0 {
        return Ok(Found::First);
    }
    let earlier = find(transaction, account, attempt).await?;
    if earlier.fingerprint != fingerprint {
        return Err(Code::AttemptMismatch.into());
    }
    Ok(earlier.made.map_or(Found::Taken, Found::Made))
}

fn write(made: &impl Serialize) -> Result<String> {
    serde_json::to_string(made).map_err(|error| Error::caused_by(Code::Internal, error))
}

/// Reads what an earlier attempt made.
pub(super) fn read<M: DeserializeOwned>(made: &str) -> Result<M> {
    serde_json::from_str(made).map_err(|_| Error::caused_by(Code::Internal, "a stored answer"))
}

async fn find(transaction: &Transaction, account: AccountId, attempt: &Attempt) -> Result<Model> {
    let id = (account.get(), attempt.operation.to_owned(), attempt.key.as_str().to_owned());
    Entity::find_by_id(id)
        .one(transaction)
        .await
        .map_err(|error| to_domain(&error))?
        .ok_or_else(|| Error::caused_by(Code::Unavailable, "an attempt was cleared away while it was read"))
}

/// Notes down what a noted attempt made, or that the name was taken.
pub(super) async fn note_outcome<M: Serialize>(
    transaction: &Transaction,
    account: AccountId,
    attempt: &Attempt,
    made: Option<&M>,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Made, Expr::value(made.map(write).transpose()?))
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Operation.eq(attempt.operation))
        .filter(Column::Key.eq(attempt.key.as_str()))
        .exec(transaction)
        .await
        .map_err(|error| to_domain(&error))?;
    Ok(())
}

/// Forgets an attempt: it can be made again.
pub(super) async fn forget(transaction: &Transaction, account: AccountId, attempt: &Attempt) -> Result<()> {
    forget_by(transaction, account.get(), attempt.operation, attempt.key.as_str()).await
}

/// The same of an attempt that another process has made.
pub(super) async fn forget_by(
    transaction: &Transaction,
    account: i64,
    operation: &str,
    key: &str,
) -> Result<()> {
    let id = (account, operation.to_owned(), key.to_owned());
    Entity::delete_by_id(id).exec(transaction).await.map_err(|error| to_domain(&error))?;
    Ok(())
}

/// Whether there is anything that [`clear_some`] would delete.
pub(super) async fn any_expired(reader: &impl ConnectionTrait, ttl: Duration) -> Result<bool> {
    let select = Entity::find().select_only().column(Column::CreatedAt).filter(is_expired(ttl)).limit(1);
    let found = select.into_tuple::<i64>().one(reader).await;
    Ok(found.map_err(|error| to_domain(&error))?.is_some())
}

/// Deletes attempts that are not remembered any more, the oldest first and no more than `limit`; answers how
/// many. Those that another instance is deleting are left to it.
pub(super) async fn clear_some(connection: &impl ConnectionTrait, ttl: Duration, limit: u64) -> Result<u64> {
    let words = Words::of(connection);
    // By the row's address: the primary key has a text of 255 characters, and is another index to search.
    let row = if connection.get_database_backend() == DbBackend::Sqlite { "rowid" } else { "ctid" };
    let oldest = format!(
        "SELECT {row} FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 {}",
        words.lock("FOR UPDATE SKIP LOCKED")
    );
    let delete = format!("DELETE FROM idempotency_keys WHERE {row} {}", words.one_of(&oldest));
    words.execute(connection, delete, [expired_before(ttl).into(), limit.into()]).await
}

fn is_expired(ttl: Duration) -> Expr {
    Column::CreatedAt.lt(expired_before(ttl))
}

fn expired_before(ttl: Duration) -> i64 {
    Timestamp::now().before(ttl).millis()
}

type Name = (AccountId, &'static str, String);

/// The attempts that this process is at work on.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<Name>>>);

/// One of them; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    all: InFlight,
    name: Name,
}

impl InFlight {
    /// Begins work on an attempt.
    pub(super) fn begin(&self, account: AccountId, attempt: &Attempt) -> Result<Flight> {
        let name = (account, attempt.operation, attempt.key.as_str().to_owned());
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.insert(name.clone()) {
            Ok(Flight { all: self.clone(), name })
        } else {
            Err(Code::AttemptInFlight.into())
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
