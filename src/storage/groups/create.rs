//! Groups that come into being with their first members.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::queries;
use crate::domain::group::{Group, GroupId, GroupName, NewGroup};
use crate::domain::named::NamedResource as _;
use crate::domain::{Error, ErrorCode, RequestContext, Result};
use crate::storage::change_set::ChangeSet;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::group::Entity;
use crate::storage::named;

/// The groups with these names; those that do not exist are created, in the order of names.
pub(crate) async fn find_or_create<'n>(
    transaction: &Transaction,
    context: &Arc<RequestContext>,
    names: &BTreeSet<&'n str>,
    change_set: &mut ChangeSet,
) -> Result<HashMap<&'n str, GroupId>> {
    let account = context.account();
    let mut found: HashMap<&str, GroupId> = HashMap::new();
    let known = queries::by_names(transaction, account, names).await?;
    for name in names {
        if let Some(id) = known.get(*name) {
            found.insert(name, *id);
            continue;
        }
        let group =
            Group::new(NewGroup { name: GroupName::from_stored((*name).to_owned()), description: None });
        let id = match named::create::<Entity>(transaction, account, &group).await? {
            Some(change) => {
                change_set.push(context, change);
                group.id
            }
            // Another transaction was first, and has committed.
            None => {
                let created = queries::by_names(transaction, account, &BTreeSet::from([*name])).await?;
                let vanished = || Error::caused_by(ErrorCode::Unavailable, "a group came and went");
                created.get(*name).copied().ok_or_else(vanished)?
            }
        };
        found.insert(name, id);
    }
    Ok(found)
}
