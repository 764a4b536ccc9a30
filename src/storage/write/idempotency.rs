//! Attempts to create under an idempotency key, within the transaction that creates.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Set};

use crate::domain::idempotency::IdempotentRequest;
use crate::domain::in_flight::{self, InFlightGuard};
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp};
use crate::storage::db::json_sql::Words;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::{ActiveModel, Column, Entity, Model, Reference};
use crate::storage::error::to_domain;

/// What an attempt finds.
pub(crate) enum Found {
    /// It is the first of its key, and noted down.
    First,
    /// An earlier one made this.
    Made(Reference),
}

/// What came of a create.
pub(crate) enum Made<M> {
    /// It was made just now.
    Now(M),
    /// An earlier attempt made this.
    Earlier(Reference),
}

/// Carries out an attempt, unless an earlier one with its key did. One that fails is not remembered: it is rolled
/// back with all that it did.
pub(crate) async fn once<M, F>(
    transaction: &Transaction,
    account: AccountId,
    attempt: Option<IdempotentRequest>,
    ttl: Duration,
    store: F,
) -> Result<Made<M>>
where
    F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Option<(Reference, M)>>>,
{
    if let Some(attempt) = &attempt
        && let Found::Made(reference) = note(transaction, account, attempt, None, ttl).await?
    {
        return Ok(Made::Earlier(reference));
    }
    let (reference, made) = store(transaction).await?.ok_or_else(Error::name_taken)?;
    if let Some(attempt) = &attempt {
        note_outcome(transaction, account, attempt, reference).await?;
    }
    Ok(Made::Now(made))
}

/// Notes an attempt down, with what it makes, unless there is one under its key already. One that is
/// older than `ttl` gives its place away.
pub(crate) async fn note(
    transaction: &Transaction,
    account: AccountId,
    attempt: &IdempotentRequest,
    made: Option<Reference>,
    ttl: Duration,
) -> Result<Found> {
    let IdempotentRequest { operation, key, fingerprint } = attempt;
    let now = Timestamp::now();
    let row = ActiveModel {
        account_id: Set(account.get()),
        operation: Set((*operation).to_owned()),
        key: Set(key.as_str().to_owned()),
        fingerprint: Set(fingerprint.to_vec()),
        made: Set(made.as_ref().map(json).transpose()?),
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
        return Err(ErrorCode::IdempotencyKeyReused.into());
    }
    // One without is of an earlier version of this program, which remembered conflicts.
    let made = earlier.made.ok_or(ErrorCode::IdempotencyKeyInUse)?;
    let made = serde_json::from_str(&made)
        .map_err(|_| Error::caused_by(ErrorCode::Internal, "a stored idempotency record cannot be read"))?;
    Ok(Found::Made(made))
}

fn json(made: &Reference) -> Result<String> {
    serde_json::to_string(made).map_err(|error| Error::caused_by(ErrorCode::Internal, error))
}

async fn find(transaction: &Transaction, account: AccountId, attempt: &IdempotentRequest) -> Result<Model> {
    let id = (account.get(), attempt.operation.to_owned(), attempt.key.as_str().to_owned());
    Entity::find_by_id(id).one(transaction).await.map_err(|error| to_domain(&error))?.ok_or_else(|| {
        Error::caused_by(ErrorCode::Unavailable, "an idempotency record was deleted while in use")
    })
}

/// Notes down what a noted attempt made.
async fn note_outcome(
    transaction: &Transaction,
    account: AccountId,
    attempt: &IdempotentRequest,
    made: Reference,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Made, Expr::value(json(&made)?))
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Operation.eq(attempt.operation))
        .filter(Column::Key.eq(attempt.key.as_str()))
        .exec(transaction)
        .await
        .map_err(|error| to_domain(&error))?;
    Ok(())
}

/// Forgets an attempt: it can be made again.
pub(crate) async fn forget(
    transaction: &Transaction,
    account: AccountId,
    attempt: &IdempotentRequest,
) -> Result<()> {
    forget_by(transaction, account.get(), attempt.operation, attempt.key.as_str()).await
}

/// The same of an attempt that another process has made.
pub(crate) async fn forget_by(
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
pub(crate) async fn any_expired(reader: &impl ConnectionTrait, ttl: Duration) -> Result<bool> {
    let select = Entity::find().select_only().column(Column::CreatedAt).filter(is_expired(ttl)).limit(1);
    let found = select.into_tuple::<i64>().one(reader).await;
    Ok(found.map_err(|error| to_domain(&error))?.is_some())
}

/// Deletes attempts that are not remembered any more, the oldest first and no more than `limit`; answers how
/// many. Those that another instance is deleting are left to it.
pub(crate) async fn clear_some(connection: &impl ConnectionTrait, ttl: Duration, limit: u64) -> Result<u64> {
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
pub(crate) type InFlight = in_flight::InFlight<Name>;

/// One of them.
pub(crate) type Flight = InFlightGuard<Name>;

/// Begins work on an attempt.
pub(crate) fn begin(in_flight: &InFlight, account: AccountId, attempt: &IdempotentRequest) -> Result<Flight> {
    let name = (account, attempt.operation, attempt.key.as_str().to_owned());
    in_flight.begin(name).ok_or_else(|| ErrorCode::IdempotencyKeyInUse.into())
}
