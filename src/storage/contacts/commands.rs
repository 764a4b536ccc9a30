//! Writes of contacts, each within its caller's transaction.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::domain::contact::fields::Handle;
use crate::domain::precondition::Precondition;
use crate::domain::{AccountId, Contact, ContactKey, ContactPatch, ErrorCode, Result, Timestamp};
use crate::storage::audiences::snapshots;
use crate::storage::db::contact_lookup::find;
use crate::storage::db::counters;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::contact::{Column, Entity, Row};
use crate::storage::error::handle_conflict;
use crate::storage::groups;

/// Returns the old handle and the updated contact; no handle if nothing has changed.
pub(crate) async fn update(
    transaction: &Transaction,
    account: AccountId,
    key: ContactKey,
    patch: ContactPatch,
    precondition: &Precondition,
    now: Timestamp,
) -> Result<(Option<Handle>, Contact)> {
    let before = find(transaction, account, &key, true).await?;
    check_precondition(&before, precondition)?;
    // Waiting for the row lock may have taken long; see `writer::MAX_TIMESTAMP_AGE`.
    let now = now.max(Timestamp::now());
    let after = before.patched(patch, now)?;
    if after.version != before.version {
        Entity::update_many()
            .set(Row::new(account, &after).into_change())
            .filter(Column::AccountId.eq(account.get()))
            .filter(Column::Id.eq(after.id.as_uuid()))
            .exec(transaction)
            .await
            .map_err(handle_conflict)?;
        return Ok((Some(before.handle), after));
    }
    Ok((None, after))
}

/// Returns the handle that the deletion frees.
pub(crate) async fn delete(
    transaction: &Transaction,
    account: AccountId,
    shard: i16,
    key: ContactKey,
    precondition: &Precondition,
) -> Result<Handle> {
    let contact = find(transaction, account, &key, true).await?;
    check_precondition(&contact, precondition)?;
    groups::remove_from_all(transaction, account, shard, contact.id).await?;
    Entity::delete_by_id((account.get(), contact.id.as_uuid())).exec(transaction).await?;
    snapshots::remove_contact(transaction, account, contact.id).await?;
    counters::add_contacts(transaction, account, shard, -1).await?;
    Ok(contact.handle)
}

fn check_precondition(contact: &Contact, precondition: &Precondition) -> Result<()> {
    if precondition.allows(contact.version) { Ok(()) } else { Err(ErrorCode::PreconditionFailed.into()) }
}
