//! Writes of contacts, each within the transaction of its caller.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Set};

use super::queries::find;
use crate::domain::contact::fields::Handle;
use crate::domain::precondition::Precondition;
use crate::domain::{AccountId, Contact, ContactKey, ContactPatch, ErrorCode, Result, Timestamp};
use crate::storage::audiences::snapshots;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::contact::{Column, Entity, Row};
use crate::storage::entity::contact_count;
use crate::storage::error::{to_domain, to_domain_of_handle};
use crate::storage::groups;

/// Answers the handle before, and the contact after; no handle where nothing has changed.
pub(crate) async fn update(
    transaction: &Transaction,
    account: AccountId,
    key: ContactKey,
    patch: ContactPatch,
    precondition: &Precondition,
    now: Timestamp,
) -> Result<(Option<Handle>, Contact)> {
    let before = find(transaction, account, &key, true).await?;
    check(&before, precondition)?;
    // The wait for the row is over: see `writer::MAX_AGE`.
    let now = now.max(Timestamp::now());
    let after = before.patched(patch, now)?;
    if after.version != before.version {
        Entity::update_many()
            .set(Row::new(account, &after).into_change())
            .filter(Column::AccountId.eq(account.get()))
            .filter(Column::Id.eq(after.id.as_uuid()))
            .exec(transaction)
            .await
            .map_err(|error| to_domain_of_handle(&error))?;
        return Ok((Some(before.handle), after));
    }
    Ok((None, after))
}

/// Answers the handle that is free now.
pub(crate) async fn delete(
    transaction: &Transaction,
    account: AccountId,
    shard: i16,
    key: ContactKey,
    precondition: &Precondition,
) -> Result<Handle> {
    let contact = find(transaction, account, &key, true).await?;
    check(&contact, precondition)?;
    groups::leave_all(transaction, account, shard, contact.id).await?;
    Entity::delete_by_id((account.get(), contact.id.as_uuid()))
        .exec(transaction)
        .await
        .map_err(|error| to_domain(&error))?;
    snapshots::remove_contact(transaction, account, contact.id).await?;
    count(transaction, account, shard, -1).await?;
    Ok(contact.handle)
}

fn check(contact: &Contact, precondition: &Precondition) -> Result<()> {
    if precondition.allows(contact.version) { Ok(()) } else { Err(ErrorCode::PreconditionFailed.into()) }
}

/// Adds to one of the account's counters, on PostgreSQL, where the counter is locked from here to the commit:
/// it comes last in a transaction. (On SQLite triggers do it, and a create is then one statement.)
pub(crate) async fn count(transaction: &Transaction, account: AccountId, shard: i16, by: i64) -> Result<()> {
    use contact_count::{ActiveModel, Column, Entity};
    if transaction.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let counter = ActiveModel { account_id: Set(account.get()), shard: Set(shard), contacts: Set(by) };
    let add = Entity::insert(counter).on_conflict(
        OnConflict::columns([Column::AccountId, Column::Shard])
            .value(Column::Contacts, Expr::col((Entity, Column::Contacts)).add(by))
            .to_owned(),
    );
    add.exec_without_returning(transaction).await.map_err(|error| to_domain(&error))?;
    Ok(())
}
