//! Idempotency keys: looked up first in the transaction of the request, and recorded last.
//!
//! **Invariant: a key is recorded if and only if what the request did is committed.** Of concurrent requests with the same key,
//! one is carried out: within a process the others fail while it is in flight; across instances the record of the second
//! conflicts with that of the first, and its transaction is run again, which then finds the record.

use std::collections::HashMap;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, Iterable, Order, QueryFilter,
    QuerySelect,
};

use crate::domain::idempotency::IdempotentRequest;
use crate::domain::in_flight;
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp};
use crate::storage::change_set::IdempotencyRecord;
use crate::storage::db::json_sql::{self, Type, in_query};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::{Column, Entity, Model, Recorded, Reference};
use crate::storage::error::idempotency_conflict;

/// The outcome of a write that is carried out once per idempotency key.
pub(crate) enum Once<T> {
    Done(T),
    /// What is recorded of an earlier request.
    Replayed(Recorded),
}

impl Recorded {
    /// Of a create.
    pub(crate) fn into_resource(self) -> Result<Reference> {
        match self {
            Self::Resource(reference) => Ok(reference),
            Self::Result(_) => Err(unreadable()),
        }
    }

    /// Of a request that did more than create a resource.
    pub(crate) fn into_result(self) -> Result<Vec<u8>> {
        match self {
            Self::Result(result) => Ok(result),
            Self::Resource(_) => Err(unreadable()),
        }
    }
}

pub(crate) fn unreadable() -> Error {
    Error::caused_by(ErrorCode::Internal, "a stored idempotency record cannot be read")
}

/// What earlier requests with the same keys did.
#[derive(Debug, Default)]
pub(crate) struct EarlierRequests(HashMap<Key, Model>);

/// The message about a key whose record was erased with a person: the request is not carried out again, which could bring the
/// person back.
const ERASED: &str = "What the first request with this idempotency key did has been erased";

/// Account, operation, idempotency key.
type Key = (i64, String, String);

impl EarlierRequests {
    /// Looks up the keys of several requests; keys older than `ttl` are ignored.
    pub(crate) async fn find(
        transaction: &Transaction,
        requests: &[(AccountId, &IdempotentRequest)],
        ttl: Duration,
    ) -> Result<Self> {
        if requests.is_empty() {
            return Ok(Self::default());
        }
        let keys: Vec<_> = requests
            .iter()
            .map(|(account, request)| (account.get(), request.operation, request.key.as_str()))
            .collect();
        let key =
            [(Column::AccountId, Type::Integer), (Column::Operation, Type::Text), (Column::Key, Type::Text)];
        let mut select = json_sql::with_keys(transaction, Entity, &keys, &key)?;
        select.columns(Column::iter().map(|column| (Entity, column)));
        let not_before = Timestamp::now().before(ttl).millis();
        select.and_where(Expr::col((Entity, Column::CreatedAt)).gte(not_before));
        let found = transaction.query_all(&select).await?;
        let mut earlier = HashMap::new();
        for row in &found {
            let row = Model::from_query_result(row, "")?;
            earlier.insert((row.account_id, row.operation.clone(), row.key.clone()), row);
        }
        Ok(Self(earlier))
    }

    /// Whether all are the first with their keys.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is recorded of an earlier request with the key; `None` if this is the first.
    ///
    /// # Errors
    /// [`ErrorCode::IdempotencyKeyReused`] if that was another request.
    pub(crate) fn replay(&self, account: AccountId, request: &IdempotentRequest) -> Result<Option<Recorded>> {
        let IdempotentRequest { operation, key, fingerprint } = request;
        let key = (account.get(), (*operation).to_owned(), key.as_str().to_owned());
        let Some(earlier) = self.0.get(&key) else { return Ok(None) };
        if earlier.fingerprint.is_empty() {
            return Err(Error::with_message(ErrorCode::IdempotencyKeyReused, ERASED));
        }
        if earlier.fingerprint != fingerprint {
            return Err(ErrorCode::IdempotencyKeyReused.into());
        }
        if let Some(result) = &earlier.result {
            return Ok(Some(Recorded::Result(result.clone())));
        }
        // Keys without either are those of an earlier version of this program, which recorded conflicts.
        let resource = earlier.resource.as_ref().ok_or(ErrorCode::IdempotencyKeyInUse)?;
        let resource = serde_json::from_str(resource).map_err(|_| unreadable())?;
        Ok(Some(Recorded::Resource(resource)))
    }
}

/// Records what requests did; expired records of their keys are replaced.
///
/// # Errors
/// A conflict, if another instance has recorded one of the keys in the meantime.
pub(super) async fn record(
    transaction: &Transaction,
    records: &[IdempotencyRecord],
    ttl: Duration,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let now = Timestamp::now();
    let mut rows = Vec::new();
    for IdempotencyRecord { account, request, recorded } in records {
        let IdempotentRequest { operation, key, fingerprint } = request;
        let fingerprint = HEXLOWER.encode(fingerprint);
        let (resource, result) = match recorded {
            Recorded::Resource(resource) => {
                let resource = serde_json::to_string(resource);
                (Some(resource.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?), None)
            }
            Recorded::Result(result) => (None, Some(HEXLOWER.encode(result))),
        };
        rows.push((account.get(), *operation, key.as_str(), fingerprint, resource, result, now.millis()));
    }
    // In the order of keys: in different orders, transactions would deadlock.
    rows.sort_unstable();
    let columns = [
        ("account_id", Type::Integer),
        ("operation", Type::Text),
        ("key", Type::Text),
        ("fingerprint", Type::Bytes),
        ("resource", Type::Text),
        ("result", Type::Bytes),
        ("created_at", Type::Integer),
    ];
    let values = json_sql::records(transaction, &rows, &columns)?;
    let columns = [
        Column::AccountId,
        Column::Operation,
        Column::Key,
        Column::Fingerprint,
        Column::Resource,
        Column::Result,
        Column::CreatedAt,
    ];
    let mut insert = json_sql::insert_from(Entity, columns, values)?;
    insert.on_conflict(
        OnConflict::columns([Column::AccountId, Column::Operation, Column::Key])
            .update_columns([Column::Fingerprint, Column::Resource, Column::Result, Column::CreatedAt])
            .action_and_where(Expr::col((Entity, Column::CreatedAt)).lt(now.before(ttl).millis()))
            .to_owned(),
    );
    if transaction.get_database_backend() == DbBackend::Sqlite {
        // There is one writer: no key has been recorded since it was looked up.
        let statement = DbBackend::Sqlite.build(&insert);
        return Ok(transaction.execute_at_commit(statement).await?);
    }
    let recorded = transaction.execute(&insert).await?.rows_affected();
    if usize::try_from(recorded) == Ok(rows.len()) { Ok(()) } else { Err(idempotency_conflict()) }
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
