//! Queries for groups. A row without a name is a deleted group; see [`super::sweep`].

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::LockType;
use sea_orm::{ConnectionTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::domain::group::{Group, GroupId, GroupKey};
use crate::domain::named::{NamedOffsetQuery, NamedResource as _};
use crate::domain::pagination::OffsetPage;
use crate::domain::{AccountId, Error, Result};
use crate::storage::db::{counters, json_sql};
use crate::storage::entity::group::{Column, Entity};
use crate::storage::named::{NamedEntity, find_row, rows_by_offset};

pub(crate) async fn id_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &GroupKey,
) -> Result<GroupId> {
    Ok(GroupId::from_uuid(find_row::<Entity>(connection, account, key, None).await?.id))
}

pub(super) fn not_found() -> Error {
    Error::no_such(Group::KIND)
}

/// The groups that have these names.
pub(super) async fn by_names(
    connection: &impl ConnectionTrait,
    account: AccountId,
    names: &BTreeSet<&str>,
) -> Result<HashMap<String, GroupId>> {
    let names: Vec<&str> = names.iter().copied().collect();
    let names = json_sql::texts(connection, &names)?;
    let select = Entity::in_account(account).select_only().columns([Column::Name, Column::Id]);
    let select = select.filter(json_sql::in_query(connection, Column::Name, names));
    let found: Vec<(String, Uuid)> = select.into_tuple().all(connection).await?;
    Ok(found.into_iter().map(|(name, id)| (name, GroupId::from_uuid(id))).collect())
}

/// The groups with these ids that exist, with their names; locked in the order of ids until the transaction ends (on
/// PostgreSQL; SQLite has one writer).
pub(super) async fn lock_by_ids(
    transaction: &impl ConnectionTrait,
    account: AccountId,
    ids: &BTreeSet<GroupId>,
) -> Result<Vec<(GroupId, String)>> {
    let ids: Vec<GroupId> = ids.iter().copied().collect();
    let found: Vec<(Uuid, String)> = Entity::in_account(account)
        .select_only()
        .columns([Column::Id, Column::Name])
        .filter(json_sql::in_query(transaction, Column::Id, json_sql::ids(transaction, &ids)?))
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(found.into_iter().map(|(id, name)| (GroupId::from_uuid(id), name)).collect())
}

/// A page of the list sorted as requested.
pub(super) async fn by_offset(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: NamedOffsetQuery,
) -> Result<OffsetPage<Group>> {
    let rows = rows_by_offset::<Entity>(connection, account, query, |row| row.id).await?;
    let items = Entity::load(connection, account, rows).await?;
    Ok(OffsetPage { items, total: counters::read(connection, account, counters::GROUPS).await? })
}
