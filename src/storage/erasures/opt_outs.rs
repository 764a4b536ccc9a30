//! Suppresses the numbers of a person that have opted out: a hash stays in place of the number.

use std::sync::Arc;

use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::contact::fields::Phone;
use crate::domain::erasure::Traces;
use crate::domain::{OptOut, RequestContext, Result};
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::suppressions::SuppressionKey;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::opt_out::{Column, Entity};
use crate::storage::write::field_values::FieldCache;

/// How many of the person's numbers are suppressed.
pub(super) async fn count_suppressed(
    transaction: &Transaction,
    context: &RequestContext,
    traces: &Traces,
) -> Result<u64> {
    let Some(key) = SuppressionKey::find(transaction, context.account()).await? else { return Ok(0) };
    let phones = phones(traces);
    let suppressed = key.find_suppressed(transaction, &phones.iter().collect::<Vec<_>>()).await?;
    Ok(suppressed.len() as u64)
}

fn phones(traces: &Traces) -> Vec<Phone> {
    traces.phones().map(|phone| Phone::from_stored(phone.to_owned())).collect()
}

/// Turns the opt-outs of the person's numbers into suppressions, and adds their ids to the traces. Returns how many there were.
pub(super) async fn suppress(
    transaction: &Transaction,
    context: &Arc<RequestContext>,
    fields: &FieldCache,
    traces: &mut Traces,
    change_set: &mut ChangeSet,
) -> Result<u64> {
    let account = context.account();
    let phones = phones(traces);
    let opt_outs = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Phone.is_in(phones.iter().map(Phone::as_str)))
        .order_by_asc(Column::Phone)
        .lock(LockType::Update)
        .all(transaction)
        .await?;
    if opt_outs.is_empty() {
        return Ok(0);
    }
    let key = match SuppressionKey::find(transaction, account).await? {
        Some(key) => key,
        None => {
            // From now on, every write looks for suppressed numbers.
            fields.advance_version(transaction, account).await?;
            SuppressionKey::create(transaction, account).await?
        }
    };
    let suppressed = opt_outs.len() as u64;
    for opt_out in opt_outs.into_iter().map(OptOut::from) {
        key.suppress(transaction, &opt_out).await?;
        traces.add_opt_out(opt_out.id.as_uuid());
        Entity::delete_by_id((account.get(), opt_out.phone.as_str().to_owned())).exec(transaction).await?;
        change_set.push(context, ChangeKind::OptOutDeleted(opt_out.id));
    }
    Ok(suppressed)
}
