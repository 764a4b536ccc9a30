//! A suppressed number that a contact gets is opted out in clear, in the transaction that gives it; see
//! [`crate::storage::db::suppressions`].

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, IntoActiveModel};

use super::field_values::FieldsByAccount;
use crate::domain::contact::fields::Phone;
use crate::domain::{AccountId, OptOut, OptOutId, RequestContext, Result};
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::opt_out::{Column, Entity, Model};

/// Opts out the numbers that the changes give to contacts and that are suppressed. Nothing is read for an account without
/// suppressions.
pub(super) async fn opt_out_again(
    transaction: &Transaction,
    change_set: &mut ChangeSet,
    fields: &FieldsByAccount,
) -> Result<()> {
    let mut given: BTreeMap<AccountId, Vec<(Arc<RequestContext>, Phone)>> = BTreeMap::new();
    for change in &change_set.changes {
        let phone = match &change.kind {
            ChangeKind::ContactCreated(contact) => &contact.phone,
            ChangeKind::ContactUpdated { before, after } if before.phone != after.phone => &after.phone,
            _ => continue,
        };
        let account = change.account();
        if fields.get(&account).is_some_and(|of_account| of_account.suppression_key().is_some()) {
            given.entry(account).or_default().push((Arc::clone(&change.context), phone.clone()));
        }
    }
    for (account, given) in given {
        let Some(key) = fields.get(&account).and_then(|of_account| of_account.suppression_key()) else {
            continue;
        };
        let phones: Vec<&Phone> = given.iter().map(|(_, phone)| phone).collect();
        for suppressed in key.find_suppressed(transaction, &phones).await? {
            let (id, created_at) = OptOutId::generate();
            let opt_out = OptOut { id, created_at, ..suppressed };
            key.release(transaction, &opt_out.phone).await?;
            let context = given.iter().find(|(_, phone)| *phone == opt_out.phone).map(|(context, _)| context);
            let there = OnConflict::columns([Column::AccountId, Column::Phone]).do_nothing().to_owned();
            let insert = Entity::insert(Model::new(account, opt_out).into_active_model()).on_conflict(there);
            let inserted = insert.exec_without_returning(transaction).await?;
            if let (1, Some(context)) = (inserted, context) {
                change_set.push(context, ChangeKind::OptOutCreated(id));
            }
        }
    }
    Ok(())
}
