//! Attempts to create under an idempotency key, within the transaction that creates.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Set};

use crate::domain::idempotency::IdempotentRequest;
use crate::domain::in_flight;
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp};
use crate::storage::db::json_sql::JsonSql;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::{ActiveModel, Column, Entity, Model, Reference};

/// What an attempt finds.
pub(crate) enum Reservation {
    /// It is the first of its key, and noted down.
    Reserved,
    /// An earlier one made this.
    Replay(Reference),
}

/// What came of a create.
pub(crate) enum Creation<M> {
    /// It was made just now.
    New(M),
    /// An earlier attempt made this.
    Replayed(Reference),
}

/// Carries out an attempt, unless an earlier one with its key did. One that fails is not remembered: it is rolled
/// back with all that it did.
pub(crate) async fn run_once<M, F>(
    transaction: &Transaction,
    account: AccountId,
    request: Option<IdempotentRequest>,
    ttl: Duration,
    store: F,
) -> Result<Creation<M>>
where
    F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<Option<(Reference, M)>>>,
{
    if let Some(request) = &request
        && let Reservation::Replay(reference) = reserve(transaction, account, request, None, ttl).await?
    {
        return Ok(Creation::Replayed(reference));
    }
    let (reference, resource) = store(transaction).await?.ok_or_else(Error::name_taken)?;
    if let Some(request) = &request {
        record_resource(transaction, account, request, reference).await?;
    }
    Ok(Creation::New(resource))
}

/// Notes an attempt down, with what it makes, unless there is one under its key already. One that is
/// older than `ttl` gives its place away.
pub(crate) async fn reserve(
    transaction: &Transaction,
    account: AccountId,
    request: &IdempotentRequest,
    resource: Option<Reference>,
    ttl: Duration,
) -> Result<Reservation> {
    let IdempotentRequest { operation, key, fingerprint } = request;
    let now = Timestamp::now();
    let row = ActiveModel {
        account_id: Set(account.get()),
        operation: Set((*operation).to_owned()),
        key: Set(key.as_str().to_owned()),
        fingerprint: Set(fingerprint.to_vec()),
        resource: Set(resource.as_ref().map(to_json).transpose()?),
        created_at: Set(now.millis()),
    };
    let inserted = Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::AccountId, Column::Operation, Column::Key])
                .update_columns([Column::Fingerprint, Column::Resource, Column::CreatedAt])
                .action_and_where(Expr::col((Entity, Column::CreatedAt)).lt(now.before(ttl).millis()))
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    if inserted > 0 {
        return Ok(Reservation::Reserved);
    }
    let earlier = find(transaction, account, request).await?;
    if earlier.fingerprint != fingerprint {
        return Err(ErrorCode::IdempotencyKeyReused.into());
    }
    // One without is of an earlier version of this program, which remembered conflicts.
    let resource = earlier.resource.ok_or(ErrorCode::IdempotencyKeyInUse)?;
    let resource = serde_json::from_str(&resource)
        .map_err(|_| Error::caused_by(ErrorCode::Internal, "a stored idempotency record cannot be read"))?;
    Ok(Reservation::Replay(resource))
}

fn to_json(resource: &Reference) -> Result<String> {
    serde_json::to_string(resource).map_err(|error| Error::caused_by(ErrorCode::Internal, error))
}

async fn find(transaction: &Transaction, account: AccountId, request: &IdempotentRequest) -> Result<Model> {
    let id = (account.get(), request.operation.to_owned(), request.key.as_str().to_owned());
    Entity::find_by_id(id).one(transaction).await?.ok_or_else(|| {
        Error::caused_by(ErrorCode::Unavailable, "an idempotency record was deleted while in use")
    })
}

/// Notes down what a noted attempt made.
async fn record_resource(
    transaction: &Transaction,
    account: AccountId,
    request: &IdempotentRequest,
    resource: Reference,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Resource, Expr::value(to_json(&resource)?))
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Operation.eq(request.operation))
        .filter(Column::Key.eq(request.key.as_str()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Forgets an attempt: it can be made again.
pub(crate) async fn delete(
    transaction: &Transaction,
    account: AccountId,
    request: &IdempotentRequest,
) -> Result<()> {
    delete_by_key(transaction, account.get(), request.operation, request.key.as_str()).await
}

/// The same of an attempt that another process has made.
pub(crate) async fn delete_by_key(
    transaction: &Transaction,
    account: i64,
    operation: &str,
    key: &str,
) -> Result<()> {
    let id = (account, operation.to_owned(), key.to_owned());
    Entity::delete_by_id(id).exec(transaction).await?;
    Ok(())
}

/// Whether there is anything that [`delete_expired`] would delete.
pub(crate) async fn has_expired(reader: &impl ConnectionTrait, ttl: Duration) -> Result<bool> {
    let select = Entity::find().select_only().column(Column::CreatedAt).filter(is_expired(ttl)).limit(1);
    let found = select.into_tuple::<i64>().one(reader).await;
    Ok(found?.is_some())
}

/// Deletes attempts that are not remembered any more, the oldest first and no more than `limit`; answers how
/// many. Those that another instance is deleting are left to it.
pub(crate) async fn delete_expired(
    connection: &impl ConnectionTrait,
    ttl: Duration,
    limit: u64,
) -> Result<u64> {
    let json = JsonSql::of(connection);
    // By the row's address: the primary key has a text of 255 characters, and is another index to search.
    let row = if connection.get_database_backend() == DbBackend::Sqlite { "rowid" } else { "ctid" };
    let oldest = format!(
        "SELECT {row} FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 {}",
        json.lock_clause("FOR UPDATE SKIP LOCKED")
    );
    let delete = format!("DELETE FROM idempotency_keys WHERE {row} {}", json.in_query(&oldest));
    json.execute(connection, delete, [expired_before(ttl).into(), limit.into()]).await
}

fn is_expired(ttl: Duration) -> Expr {
    Column::CreatedAt.lt(expired_before(ttl))
}

fn expired_before(ttl: Duration) -> i64 {
    Timestamp::now().before(ttl).millis()
}

type InFlightKey = (AccountId, &'static str, String);

/// The attempts that this process is at work on.
pub(crate) type InFlight = in_flight::InFlight<InFlightKey>;

/// One of them.
pub(crate) type InFlightGuard = in_flight::InFlightGuard<InFlightKey>;

/// Begins work on an attempt.
pub(crate) fn begin(
    in_flight: &InFlight,
    account: AccountId,
    request: &IdempotentRequest,
) -> Result<InFlightGuard> {
    let key = (account, request.operation, request.key.as_str().to_owned());
    in_flight.begin(key).ok_or_else(|| ErrorCode::IdempotencyKeyInUse.into())
}
