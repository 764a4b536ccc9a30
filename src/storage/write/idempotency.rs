//! Idempotency keys: reserved and recorded within the transaction that creates the resource.
//!
//! A key is recorded if and only if its resource is committed; concurrent requests with the same key wait for
//! its row, or fail while it is in flight in this process.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Order, QueryFilter, QuerySelect, Set};

use crate::domain::idempotency::IdempotentRequest;
use crate::domain::in_flight;
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp};
use crate::storage::db::json_sql::in_query;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::{ActiveModel, Column, Entity, Model, Reference};

pub(crate) enum Reservation {
    /// The first request with its key.
    Reserved,
    /// An earlier request created this.
    Replay(Reference),
}

/// The outcome of a create.
pub(crate) enum Creation<M> {
    New(M),
    /// An earlier request created this.
    Replayed(Reference),
}

/// Runs `store`, unless an earlier request with the key did. If it fails, the reservation is rolled back with
/// it.
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

/// Reserves a request's key, with what it creates if that is known. A key older than `ttl` is reused.
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
    // Keys without a resource are those of an earlier version of this program, which recorded conflicts.
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

/// Records the resource of a reserved key.
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

/// Frees a request's key.
pub(crate) async fn delete(
    transaction: &Transaction,
    account: AccountId,
    request: &IdempotentRequest,
) -> Result<()> {
    delete_by_key(transaction, account.get(), request.operation, request.key.as_str()).await
}

/// Frees the key of another process's request.
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

/// Whether [`delete_expired`] has anything to do.
pub(crate) async fn has_expired(reader: &impl ConnectionTrait, ttl: Duration) -> Result<bool> {
    let select = Entity::find().select_only().column(Column::CreatedAt).filter(is_expired(ttl)).limit(1);
    let found = select.into_tuple::<i64>().one(reader).await;
    Ok(found?.is_some())
}

/// Deletes up to `limit` expired keys, oldest first; returns their number. Rows that another instance has
/// locked are skipped.
pub(crate) async fn delete_expired(
    connection: &impl ConnectionTrait,
    ttl: Duration,
    limit: u64,
) -> Result<u64> {
    // By row address: the primary key contains a text of up to 255 characters, and is a further index to
    // search.
    let row = if connection.get_database_backend() == DbBackend::Sqlite { "rowid" } else { "ctid" };
    let oldest = Query::select()
        .column(row)
        .from(Entity)
        .and_where(is_expired(ttl))
        .order_by(Column::CreatedAt, Order::Asc)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let deleted = Entity::delete_many().filter(in_query(connection, row, oldest)).exec(connection).await?;
    Ok(deleted.rows_affected)
}

fn is_expired(ttl: Duration) -> Expr {
    Column::CreatedAt.lt(Timestamp::now().before(ttl).millis())
}

type InFlightKey = (AccountId, &'static str, String);

/// The requests in progress in this process.
pub(crate) type InFlight = in_flight::InFlight<InFlightKey>;

pub(crate) type InFlightGuard = in_flight::InFlightGuard<InFlightKey>;

/// Fails while a request with the same key is in progress.
pub(crate) fn begin(
    in_flight: &InFlight,
    account: AccountId,
    request: &IdempotentRequest,
) -> Result<InFlightGuard> {
    let key = (account, request.operation, request.key.as_str().to_owned());
    in_flight.begin(key).ok_or_else(|| ErrorCode::IdempotencyKeyInUse.into())
}
