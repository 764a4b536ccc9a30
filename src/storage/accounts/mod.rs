//! Accounts, their keys, and the keys of operators.

mod key_uses;
pub(super) mod keys;
pub(super) mod operators;
pub(super) mod purge;
pub(super) mod repository;

use futures_util::future::BoxFuture;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::change_set::ChangeSet;
use super::database::handle::Database;
use super::db::transaction::Transaction;
use crate::domain::api_key::{KeyId, SecretHash};
use crate::domain::{Error, ErrorCode, Result, Timestamp};

/// A write of none of an account's contents: it publishes no changes.
async fn write<T, F>(database: &Database, job: F) -> Result<T>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<T>> + Clone + Send + 'static,
{
    database
        .write(move |transaction| {
            Box::pin(async move { Ok((job(transaction).await?, ChangeSet::default())) })
        })
        .await
}

/// Revokes a key of either kind; returns whether it exists. The first revocation counts: a second one keeps its time.
async fn first_revocation<E: EntityTrait>(
    transaction: &Transaction,
    id: E::Column,
    revoked_at: E::Column,
    key: KeyId,
    now: Timestamp,
) -> Result<bool> {
    let first = Expr::case(revoked_at.is_null(), now.millis()).finally(Expr::col(revoked_at));
    let done = E::update_many()
        .col_expr(revoked_at, first.into())
        .filter(id.eq(key.as_str()))
        .exec(transaction)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Sets the expiry of a key of either kind.
async fn expire<E: EntityTrait>(
    transaction: &Transaction,
    id: E::Column,
    expires_at: E::Column,
    key: &KeyId,
    end: Timestamp,
) -> Result<()> {
    E::update_many()
        .col_expr(expires_at, Expr::value(end.millis()))
        .filter(id.eq(key.as_str()))
        .exec(transaction)
        .await?;
    Ok(())
}

fn secret_hash(stored: &[u8]) -> Result<SecretHash> {
    SecretHash::from_stored(stored)
        .ok_or_else(|| Error::caused_by(ErrorCode::Internal, "a stored hash has another length"))
}
