//! Queries for groups. A row without a name is a deleted group; see [`super::sweep`].

use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::domain::group::{Group, GroupId, GroupKey, GroupName, GroupOffsetQuery, GroupQuery, GroupSort};
use crate::domain::pagination::{CursorPage, OffsetPage, OffsetParams, SortDirection};
use crate::domain::{AccountId, Error, Result};
use crate::storage::db::{counters, keyset};
use crate::storage::entity::group::{Column, Entity, Model};

fn in_account(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get())).filter(Column::Name.is_not_null())
}

pub(super) fn not_found() -> Error {
    Error::no_such("group")
}

/// The row of a group. A lock lasts until the transaction ends (on PostgreSQL; SQLite has one writer).
pub(super) async fn find_row(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &GroupKey,
    lock: Option<LockType>,
) -> Result<Model> {
    let one = async |condition: Expr| {
        let select = in_account(account).filter(condition);
        let select = match lock {
            Some(lock) => select.lock(lock),
            None => select,
        };
        select.one(connection).await.map_err(Error::from)
    };
    let with_id = |id: &GroupId| Column::Id.eq(id.as_uuid());
    let with_name = |name: &GroupName| Column::Name.eq(name.as_str());
    let found = match key {
        GroupKey::Id(id) => one(with_id(id)).await?,
        GroupKey::Name(name) => one(with_name(name)).await?,
        // Two statements, each of which uses one index.
        GroupKey::IdOrName(id, name) => match one(with_id(id)).await? {
            Some(found) => Some(found),
            None => one(with_name(name)).await?,
        },
    };
    found.ok_or_else(not_found)
}

pub(crate) async fn id_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &GroupKey,
) -> Result<GroupId> {
    Ok(GroupId::from_uuid(find_row(connection, account, key, None).await?.id))
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &GroupKey,
) -> Result<Group> {
    let row = find_row(connection, account, key, None).await?;
    let member_count = counters::read(connection, account, row.id).await?;
    row.into_group(member_count)
}

/// A page of the list ordered by id, newest first.
pub(super) async fn by_cursor(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: GroupQuery,
) -> Result<CursorPage<Group>> {
    let GroupQuery { page, name } = query;
    let mut select = in_account(account);
    let at_most_one = name.is_some();
    if let Some(name) = name {
        select = select.filter(Column::Name.eq(name.as_str()));
    }
    let CursorPage { items, has_more } =
        keyset::by_cursor(connection, select, Column::Id, at_most_one, &page).await?;
    Ok(CursorPage { items: with_member_counts(connection, account, items).await?, has_more })
}

/// A page of the list sorted as requested.
pub(super) async fn by_offset(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: GroupOffsetQuery,
) -> Result<OffsetPage<Group>> {
    let GroupOffsetQuery { field, page } = query;
    let rows = match field {
        GroupSort::CreatedOn => {
            keyset::by_offset(connection, in_account(account), Column::Id, |row| row.id, &page).await?
        }
        GroupSort::Name => {
            let OffsetParams { direction, offset, limit } = page;
            let order = match direction {
                SortDirection::Ascending => Order::Asc,
                SortDirection::Descending => Order::Desc,
            };
            let select = in_account(account).order_by(Column::Name, order).offset(offset).limit(limit);
            select.all(connection).await?
        }
    };
    let items = with_member_counts(connection, account, rows).await?;
    Ok(OffsetPage { items, total: counters::read(connection, account, counters::GROUPS).await? })
}

/// Adds the member counts, with one query for all groups.
async fn with_member_counts(
    connection: &impl ConnectionTrait,
    account: AccountId,
    rows: Vec<Model>,
) -> Result<Vec<Group>> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let counts = counters::read_each(connection, account, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let member_count = counts.get(&row.id).copied().unwrap_or_default();
            row.into_group(member_count)
        })
        .collect()
}
