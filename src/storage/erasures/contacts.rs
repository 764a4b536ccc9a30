//! Deletes the contacts of a person, with what is found by their ids.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::contact::{ContactId, ContactKey};
use crate::domain::erasure::{ErasurePlace, Traces};
use crate::domain::precondition::Precondition;
use crate::domain::{AccountId, Contact, RequestContext, Result};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::contacts::commands::{self, Edit, EditKind};
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_lookup, contact_rows, json_sql};
use crate::storage::entity::contact::Column;
use crate::storage::entity::{audience_entry, field_value};

/// Contacts that are deleted in one transaction. Seldom do more have the same number.
pub(super) const BATCH: u64 = 100;

/// What was erased from a place.
pub(super) type Count = (ErasurePlace, u64);

/// Contacts with one of the person's numbers, or, where others share it, with number and username.
pub(super) async fn find(
    transaction: &Transaction,
    account: AccountId,
    traces: &Traces,
) -> Result<Vec<Contact>> {
    let in_account = || contact_lookup::in_account(account).limit(BATCH);
    let mut found = Vec::new();
    for phone in traces.phones() {
        let select = in_account().filter(Column::Phone.eq(phone)).order_by_asc(Column::Id);
        found.extend(contact_rows::fetch_contacts(transaction, select).await?);
    }
    for (handle, phone) in traces.sharing() {
        let select = in_account().filter(Column::Handle.eq(handle));
        let contacts = contact_rows::fetch_contacts(transaction, select).await?;
        found.extend(contacts.into_iter().filter(|contact| contact.phone.as_str() == phone));
    }
    Ok(found)
}

/// Deletes contacts. Returns them as they were at last, and what was erased with them.
pub(super) async fn delete(
    transaction: &Transaction,
    context: &Arc<RequestContext>,
    cache: Option<&ContactCache>,
    contacts: BTreeSet<ContactId>,
    change_set: &mut ChangeSet,
) -> Result<(Vec<Arc<Contact>>, Vec<Count>)> {
    if contacts.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let account = context.account().get();
    let ids: Vec<ContactId> = contacts.iter().copied().collect();
    let values = field_value::Entity::find()
        .filter(field_value::Column::AccountId.eq(account))
        .filter(json_sql::in_query(
            transaction,
            field_value::Column::ContactId,
            json_sql::ids(transaction, &ids)?,
        ))
        .count(transaction)
        .await?;
    let entries = audience_entry::Entity::find()
        .filter(audience_entry::Column::AccountId.eq(account))
        .filter(json_sql::in_query(
            transaction,
            audience_entry::Column::ContactId,
            json_sql::ids(transaction, &ids)?,
        ))
        .count(transaction)
        .await?;
    let keys: Vec<ContactKey> = contacts.into_iter().map(ContactKey::Id).collect();
    let precondition = Precondition::None;
    let edit = |key| Edit { context, key, precondition: &precondition, kind: EditKind::Delete };
    let edits: Vec<Edit<'_>> = keys.iter().map(edit).collect();
    // One that another request has just deleted is as good as deleted here.
    commands::edit(transaction, &edits, cache, change_set).await?;
    let (mut deleted, mut memberships) = (Vec::new(), 0);
    for change in &change_set.changes {
        match &change.kind {
            ChangeKind::ContactDeleted(contact) => deleted.push(Arc::clone(contact)),
            ChangeKind::MembershipEnded { .. } => memberships += 1,
            _ => {}
        }
    }
    let counts = vec![
        (ErasurePlace::Contacts, deleted.len() as u64),
        (ErasurePlace::GroupMemberships, memberships),
        (ErasurePlace::FieldValues, values),
        (ErasurePlace::AudienceEntries, entries),
    ];
    Ok((deleted, counts))
}
