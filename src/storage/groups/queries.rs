//! Queries for groups. A row without a name is a deleted group; see [`super::sweep`].

use sea_orm::{ConnectionTrait, Order, QueryOrder, QuerySelect};

use crate::domain::group::{Group, GroupId, GroupKey, GroupOffsetQuery, GroupSort};
use crate::domain::pagination::{OffsetPage, OffsetParams, SortDirection};
use crate::domain::{AccountId, Result};
use crate::storage::db::{counters, keyset};
use crate::storage::entity::group::{Column, Entity};
use crate::storage::named::{NamedEntity, find_row};

pub(crate) async fn id_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &GroupKey,
) -> Result<GroupId> {
    Ok(GroupId::from_uuid(find_row::<Entity>(connection, account, key, None).await?.id))
}

/// A page of the list sorted as requested.
pub(super) async fn by_offset(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: GroupOffsetQuery,
) -> Result<OffsetPage<Group>> {
    let GroupOffsetQuery { field, page } = query;
    let select = Entity::in_account(account);
    let rows = match field {
        GroupSort::CreatedOn => {
            keyset::by_offset(connection, select, Column::Id, |row| row.id, &page).await?
        }
        GroupSort::Name => {
            let OffsetParams { direction, offset, limit } = page;
            let order = match direction {
                SortDirection::Ascending => Order::Asc,
                SortDirection::Descending => Order::Desc,
            };
            select.order_by(Column::Name, order).offset(offset).limit(limit).all(connection).await?
        }
    };
    let items = Entity::load(connection, account, rows).await?;
    Ok(OffsetPage { items, total: counters::read(connection, account, counters::GROUPS).await? })
}
