//! Pages of lists that are ordered by id, whatever they are lists of.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect,
    Select,
};
use uuid::Uuid;

use crate::domain::Result;
use crate::domain::id::Id;
use crate::domain::pagination::{Cursor, CursorPage, CursorParams, OffsetParams, SortDirection};

/// A page of what a query selects, from the newest on. `unique` says that a filter leaves one row at
/// most: the planner then need not be told of an order.
pub(crate) async fn by_cursor<E, I>(
    connection: &impl ConnectionTrait,
    select: Select<E>,
    id: E::Column,
    unique: bool,
    query: &CursorParams<I>,
) -> Result<CursorPage<E::Model>>
where
    E: EntityTrait<Model: FromQueryResult + Sized + Send + Sync>,
    I: Id,
{
    let CursorParams { cursor, limit } = query;
    let mut select = between(select, id, cursor);
    if !unique {
        select = select.order_by(id, order(cursor));
    }
    // One more than asked for tells whether there is more.
    let found = select.limit(limit + 1).all(connection).await;
    Ok(CursorPage::of(found?, cursor, *limit))
}

/// From the newest on where a cursor goes forward, else from the oldest.
pub(crate) fn order<I>(cursor: &Cursor<I>) -> Order {
    if cursor.forward() { Order::Desc } else { Order::Asc }
}

/// What a query selects, as far as it lies where a cursor says. (An id says where it stands whether or not what
/// it named still exists.)
pub(crate) fn between<E: EntityTrait, I: Id>(
    mut select: Select<E>,
    id: impl ColumnTrait,
    cursor: &Cursor<I>,
) -> Select<E> {
    let Cursor { after, before } = cursor;
    if let Some(after) = after {
        select = select.filter(id.lt(after.as_uuid()));
    }
    if let Some(before) = before {
        select = select.filter(id.gt(before.as_uuid()));
    }
    select
}

/// A page of what a query selects, with some left out at the beginning.
pub(crate) async fn by_offset<E>(
    connection: &impl ConnectionTrait,
    select: Select<E>,
    id: E::Column,
    id_of: fn(&E::Model) -> Uuid,
    query: &OffsetParams,
) -> Result<Vec<E::Model>>
where
    E: EntityTrait<Model: FromQueryResult + Sized + Send + Sync>,
{
    let OffsetParams { direction, offset, limit } = *query;
    let order = match direction {
        SortDirection::Ascending => Order::Asc,
        SortDirection::Descending => Order::Desc,
    };
    // First the ids: what is left out at the beginning is left out in an index, without a look at the
    // rows themselves.
    let ids = select.clone().select_only().column(id).order_by(id, order).offset(offset).limit(limit);
    let mut ids: Vec<Uuid> = ids.into_tuple().all(connection).await?;
    let Some(last) = ids.last().copied() else { return Ok(Vec::new()) };
    // Lists of a few lengths only: a connection keeps its prepared statements.
    ids.resize(ids.len().next_power_of_two(), last);
    let mut found = select.filter(id.is_in(ids)).all(connection).await?;
    found.sort_by_key(id_of);
    if direction == SortDirection::Descending {
        found.reverse();
    }
    Ok(found)
}
