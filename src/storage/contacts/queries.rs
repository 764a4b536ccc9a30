//! Queries for contacts. Each scans one index that begins with the account: no sort, and no row of another
//! account, at any size.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::contact::{ContactFilter, ContactOffsetQuery, ContactQuery, ContactSort};
use crate::domain::group::GroupId;
use crate::domain::pagination::{Cursor, CursorPage, OffsetPage, SortDirection};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, Error, ErrorCode, Result};
use crate::storage::cache::counts::CountCache;
use crate::storage::cache::seek_points::SeekPoint;
use crate::storage::db::contact_lookup::{KeyMatch, KeyMatches, by_ids, in_account};
use crate::storage::db::{contact_rows, counters, keyset};
use crate::storage::entity::contact::{Column, Entity};
use crate::storage::filters::{self, Matcher};
use crate::storage::groups;

/// The contact of each key, if there is one.
pub(crate) async fn find_many(
    connection: &impl ConnectionTrait,
    account: AccountId,
    keys: &[ContactKey],
) -> Result<Vec<Option<Contact>>> {
    let matches = KeyMatches::find(connection, account, keys.iter()).await?;
    let id = |key: &ContactKey| match matches.get(key) {
        KeyMatch::One(id) => Some(id),
        KeyMatch::None | KeyMatch::Several => None,
    };
    let ids: BTreeSet<Uuid> = keys.iter().filter_map(id).map(ContactId::as_uuid).collect();
    let found = by_ids(connection, account, &ids.into_iter().collect::<Vec<_>>()).await?;
    let found: HashMap<ContactId, Contact> = found.into_iter().map(|contact| (contact.id, contact)).collect();
    // A name or number may have changed between the two queries.
    let contact = |key| found.get(&id(key)?).filter(|contact| contact.has_key(key)).cloned();
    Ok(keys.iter().map(contact).collect())
}

/// A page of the list ordered by id, newest first, or by last change.
pub(crate) async fn cursor_page(
    connection: &impl ConnectionTrait,
    counts: &CountCache,
    account: AccountId,
    query: ContactQuery,
) -> Result<CursorPage<Contact>> {
    let ContactQuery { cursor, limit, filter } = query;
    if filter.expression.is_some() {
        let matcher = Matcher::resolve(connection, counts, account, &filter).await?;
        return filters::page::cursor_page(connection, &matcher, cursor, limit).await;
    }
    let ContactFilter { handle, phone, updated_since, group, expression: _ } = filter;
    let group = match group {
        Some(group) => Some(groups::id_of(connection, account, &group).await?),
        None => None,
    };
    if let (Some(group), None, None, None) = (group, &handle, &phone, updated_since) {
        return groups::cursor_page(connection, account, group, cursor, limit).await;
    }
    let by_change = updated_since.is_some() && handle.is_none() && phone.is_none();
    if let (Some(group), Some(since), true) = (group, updated_since, by_change)
        && groups::is_small(connection, account, group).await?
    {
        let seek = changes_between(connection, account, &cursor).await?;
        return groups::updated_page(connection, account, group, since, seek, cursor, limit).await;
    }
    let order = keyset::order(&cursor);

    let mut select = matching(account, handle.as_ref(), phone.as_ref(), group);
    // The handle is unique: without an order the planner chooses its index.
    let at_most_one = handle.is_some();
    if let Some(since) = updated_since {
        select = select.filter(Column::UpdatedAt.gte(since.millis()));
    }
    if by_change {
        select = select.filter(changes_between(connection, account, &cursor).await?);
        select = select.order_by(Column::UpdatedAt, order.clone());
    } else {
        select = keyset::between(select, Column::Id, &cursor);
    }
    if !at_most_one {
        select = select.order_by(Column::Id, order);
    }

    // One more than requested, to learn whether there are more.
    let contacts = contact_rows::fetch_contacts(connection, select.limit(limit + 1)).await?;
    Ok(CursorPage::from_rows(contacts, &cursor, limit))
}

/// The contacts with this handle, this number and in this group, as far as they are given.
pub(super) fn matching(
    account: AccountId,
    handle: Option<&Handle>,
    phone: Option<&Phone>,
    group: Option<GroupId>,
) -> Select<Entity> {
    let mut select = in_account(account);
    if let Some(handle) = handle {
        select = select.filter(Column::Handle.eq(handle.as_str()));
    }
    if let Some(phone) = phone {
        select = select.filter(Column::Phone.eq(phone.as_str()));
    }
    if let Some(group) = group {
        select = select.filter(groups::contains(account, group));
    }
    select
}

/// The range between cursors, in the order of changes.
async fn changes_between(
    connection: &impl ConnectionTrait,
    account: AccountId,
    cursor: &Cursor<ContactId>,
) -> Result<Condition> {
    let mut between = Condition::all();
    for (id, newer) in [(cursor.after, false), (cursor.before, true)] {
        let Some(id) = id else { continue };
        let changed_at = changed_at(connection, account, id).await?;
        let here = [Column::UpdatedAt, Column::Id].map(|column| Expr::col((Entity, column)));
        let (here, there) = (Expr::tuple(here), Expr::tuple([changed_at.into(), id.as_uuid().into()]));
        between = between.add(if newer { here.gt(there) } else { here.lt(there) });
    }
    Ok(between)
}

/// A cursor's position in the order of changes.
async fn changed_at(connection: &impl ConnectionTrait, account: AccountId, id: ContactId) -> Result<i64> {
    let found = in_account(account).filter(Column::Id.eq(id.as_uuid())).one(connection).await?;
    let message =
        "The contact of the cursor has been deleted, and with it its position in the order of changes";
    Ok(found.ok_or_else(|| Error::with_message(ErrorCode::NotFound, message))?.updated_at)
}

/// A page of the list sorted as requested, read from a seek point if there is one.
pub(crate) async fn offset_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: ContactOffsetQuery,
    seek_point: Option<SeekPoint>,
) -> Result<OffsetPage<Contact>> {
    let ContactOffsetQuery { field, direction, offset, limit } = query;
    let order = match direction {
        SortDirection::Ascending => Order::Asc,
        SortDirection::Descending => Order::Desc,
    };
    let select = match field {
        // Ids are ordered by creation.
        ContactSort::CreatedOn => in_account(account).order_by(Column::Id, order),
        ContactSort::Handle => in_account(account).order_by(Column::Handle, order),
        ContactSort::Phone => {
            in_account(account).order_by(Column::Phone, order.clone()).order_by(Column::Id, order)
        }
    };
    let (select, skipped) = match seek_point {
        Some(seek_point) => {
            (select.filter(at_or_after(account, query, seek_point.id)), offset - seek_point.position)
        }
        None => (select, offset),
    };
    // Ids first: skipping the offset then reads the index alone, not the rows.
    let ids = select.select_only().column(Column::Id).offset(skipped).limit(limit);
    let ids = contact_rows::fetch_ids(connection, ids).await?;
    let items = by_ids(connection, account, &ids).await?;
    Ok(OffsetPage { items, total: counters::read(connection, account, counters::CONTACTS).await? })
}

/// The contact's position and all behind it, in the requested order.
fn at_or_after(account: AccountId, query: ContactOffsetQuery, id: ContactId) -> Expr {
    let its = |column| {
        Expr::from(
            in_account(account).filter(Column::Id.eq(id.as_uuid())).select_only().column(column).into_query(),
        )
    };
    let (here, there) = match query.field {
        ContactSort::CreatedOn => (Expr::col(Column::Id), Expr::value(id.as_uuid())),
        ContactSort::Handle => (Expr::col(Column::Handle), its(Column::Handle)),
        ContactSort::Phone => (
            Expr::tuple([Expr::col(Column::Phone), Expr::col(Column::Id)]),
            Expr::tuple([its(Column::Phone), id.as_uuid().into()]),
        ),
    };
    match query.direction {
        SortDirection::Ascending => here.gte(there),
        SortDirection::Descending => here.lte(there),
    }
}
