//! The first transaction of an erasure.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{contacts, opt_outs, stored};
use crate::domain::contact::ContactId;
use crate::domain::erasure::{ErasureId, ErasurePlace, Places, Subject, Traces};
use crate::domain::{AccountId, Contact, RequestContext, Result};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::change_set::ChangeSet;
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_lookup, contact_rows};
use crate::storage::entity::{contact, erasure};
use crate::storage::write::field_values::FieldCache;
use crate::storage::write::writer::WriteOutput;

/// Deletes the person's contacts, and stores what is needed to find the rest.
pub(super) async fn begin(
    transaction: &Transaction,
    context: &Arc<RequestContext>,
    cache: Option<&ContactCache>,
    fields: &FieldCache,
    subject: &Subject,
) -> Result<WriteOutput<ErasureId>> {
    let account = context.account();
    let mut traces = Traces::default();
    let found = match subject {
        Subject::Contact(id) => {
            traces.add_id(*id);
            find(transaction, account, contact::Column::Id.eq(id.as_uuid())).await?
        }
        Subject::Handle(handle) => {
            traces.add_handle(handle);
            find(transaction, account, contact::Column::Handle.eq(handle.as_str())).await?
        }
        Subject::Phone(phone) => {
            traces.add_phone(phone);
            contacts::find(transaction, account, &traces).await?
        }
    };
    let ids: BTreeSet<ContactId> = found.iter().map(|contact| contact.id).collect();
    let mut change_set = ChangeSet::default();
    let (deleted, counts) = contacts::delete(transaction, context, cache, ids, &mut change_set).await?;
    // As they were at last: a contact may have been changed since it was found.
    for contact in found.iter().chain(deleted.iter().map(Arc::as_ref)) {
        let shares_number = match subject {
            Subject::Phone(_) => false,
            Subject::Contact(_) | Subject::Handle(_) => {
                is_number_shared(transaction, account, contact).await?
            }
        };
        traces.add_contact(contact, shares_number);
    }
    let mut places = Places::default();
    for (place, erased) in counts {
        places.add(place, erased, 0);
    }
    // The number is not to be written to, whoever is erased.
    opt_outs::suppress(transaction, context, fields, &mut traces, &mut change_set).await?;
    places.add(ErasurePlace::OptOuts, 0, opt_outs::count_suppressed(transaction, context, &traces).await?);
    let (id, row) = stored::new_row(context, subject.selected_by(), &traces, &places)?;
    erasure::Entity::insert(row.into_active_model()).exec_without_returning(transaction).await?;
    Ok((id, change_set))
}

async fn find(transaction: &Transaction, account: AccountId, which: Expr) -> Result<Vec<Contact>> {
    contact_rows::fetch_contacts(transaction, contact_lookup::in_account(account).filter(which)).await
}

/// Whether another contact has the number of a contact that is deleted.
async fn is_number_shared(transaction: &Transaction, account: AccountId, contact: &Contact) -> Result<bool> {
    let others = contact_lookup::in_account(account)
        .select_only()
        .column(contact::Column::Id)
        .filter(contact::Column::Phone.eq(contact.phone.as_str()))
        .filter(contact::Column::Id.ne(contact.id.as_uuid()))
        .limit(1);
    Ok(others.into_tuple::<Uuid>().one(transaction).await?.is_some())
}
