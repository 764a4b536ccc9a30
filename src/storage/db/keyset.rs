//! Keyset and offset pagination of lists ordered by id, of any entity.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect,
    Select,
};
use uuid::Uuid;

use crate::domain::Result;
use crate::domain::id::Id;
use crate::domain::pagination::{Cursor, CursorPage, CursorParams, OffsetParams, SortDirection};

/// A page of a query's rows, newest first. With `unique`, a filter leaves one row at most: without an order
/// the planner chooses that filter's index.
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
    // One more than requested, to learn whether there are more.
    let found = select.limit(limit + 1).all(connection).await;
    Ok(CursorPage::from_rows(found?, cursor, *limit))
}

/// Newest first if the cursor goes forward, else oldest first.
pub(crate) fn order<I>(cursor: &Cursor<I>) -> Order {
    if cursor.forward() { Order::Desc } else { Order::Asc }
}

/// The query's rows between cursors. (An id has a position even if its row was deleted.)
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

/// A page of a query's rows at an offset.
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
    // Ids first: skipping the offset then reads the index alone, not the rows.
    let ids = select.clone().select_only().column(id).order_by(id, order).offset(offset).limit(limit);
    let mut ids: Vec<Uuid> = ids.into_tuple().all(connection).await?;
    let Some(last) = ids.last().copied() else { return Ok(Vec::new()) };
    // Padded to a power of two: each connection caches its prepared statements.
    ids.resize(ids.len().next_power_of_two(), last);
    let mut found = select.filter(id.is_in(ids)).all(connection).await?;
    found.sort_by_key(id_of);
    if direction == SortDirection::Descending {
        found.reverse();
    }
    Ok(found)
}
