//! Attempts to create under an idempotency key, within the transaction that creates.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set, Value};

use super::entity::idempotency_key::{ActiveModel, Column, Entity, Model, Snapshot};
use super::error::to_domain;
use crate::domain::idempotency::Attempt;
use crate::domain::{AccountId, Code, Contact, Error, Result, Timestamp};

/// What an attempt finds.
pub(super) enum Found {
    /// It is the first of its key, and noted down as one that makes the contact.
    First,
    /// An earlier one made this contact.
    Made(Box<Contact>),
    /// An earlier one found the handle taken.
    Taken,
}

/// Notes an attempt down, unless there is one under its key already. One that is older than
/// `ttl` gives its place away.
pub(super) async fn note(
    transaction: &DatabaseTransaction,
    account: AccountId,
    attempt: &Attempt,
    contact: &Contact,
    ttl: Duration,
) -> Result<Found> {
    let Attempt { operation, key, fingerprint } = attempt;
    let now = Timestamp::now();
    let snapshot = serde_json::to_string(&Snapshot::from(contact))
        .map_err(|error| Error::caused_by(Code::Internal, error))?;
    let row = ActiveModel {
        account_id: Set(account.get()),
        operation: Set((*operation).to_owned()),
        key: Set(key.as_str().to_owned()),
        fingerprint: Set(fingerprint.to_vec()),
        contact: Set(Some(snapshot)),
        created_at: Set(now.millis()),
    };
    let noted = Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::AccountId, Column::Operation, Column::Key])
                .update_columns([Column::Fingerprint, Column::Contact, Column::CreatedAt])
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
    let Some(snapshot) = earlier.contact else { return Ok(Found::Taken) };
    let snapshot: Snapshot =
        serde_json::from_str(&snapshot).map_err(|_| Error::caused_by(Code::Internal, "a stored snapshot"))?;
    Ok(Found::Made(Box::new(snapshot.try_into()?)))
}

async fn find(transaction: &DatabaseTransaction, account: AccountId, attempt: &Attempt) -> Result<Model> {
    let id = (account.get(), attempt.operation.to_owned(), attempt.key.as_str().to_owned());
    Entity::find_by_id(id)
        .one(transaction)
        .await
        .map_err(|error| to_domain(&error))?
        .ok_or_else(|| Error::caused_by(Code::Unavailable, "an attempt was cleared away while it was read"))
}

/// Notes down that the handle was taken.
pub(super) async fn note_taken(
    transaction: &DatabaseTransaction,
    account: AccountId,
    attempt: &Attempt,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Contact, Expr::value(Value::String(None)))
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Operation.eq(attempt.operation))
        .filter(Column::Key.eq(attempt.key.as_str()))
        .exec(transaction)
        .await
        .map_err(|error| to_domain(&error))?;
    Ok(())
}

/// Clears away what is not remembered any more.
pub(super) async fn clear(connection: &impl ConnectionTrait, ttl: Duration) -> Result<()> {
    let oldest = Timestamp::now().before(ttl).millis();
    Entity::delete_many()
        .filter(Column::CreatedAt.lt(oldest))
        .exec(connection)
        .await
        .map_err(|error| to_domain(&error))?;
    Ok(())
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
