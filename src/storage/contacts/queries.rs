//! Reads of contacts. Each is a scan of one index that begins with the account: no sort, and no row
//! of another account, at any size.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};

use uuid::Uuid;

use crate::domain::contact::{ContactOffsetQuery, ContactQuery, ContactSort};
use crate::domain::pagination::{Cursor, CursorPage, OffsetPage, SortDirection};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, Error, ErrorCode, Result};
use crate::storage::cache::seek_points::Anchor;
use crate::storage::db::contact_rows::{self, Key};
use crate::storage::db::json_sql::{self, Words};
use crate::storage::db::keyset;
use crate::storage::entity::contact::{Column, Entity, Model};
use crate::storage::entity::contact_count;
use crate::storage::error::to_domain;
use crate::storage::groups;

fn of(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get()))
}

/// One contact. `lock` keeps others from changing it until the transaction ends (on PostgreSQL; on
/// SQLite there is one writer anyway).
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &ContactKey,
    lock: bool,
) -> Result<Contact> {
    let select = match key {
        ContactKey::Id(id) => of(account).filter(Column::Id.eq(id.as_uuid())),
        // The second one would make the first ambiguous.
        ContactKey::Phone(phone) => of(account).filter(Column::Phone.eq(phone.as_str())).limit(2),
        ContactKey::Handle(handle) => of(account).filter(Column::Handle.eq(handle.as_str())),
    };
    let select = if lock { select.lock_exclusive() } else { select };
    let mut found = contact_rows::contacts(connection, select).await?;
    match (found.pop(), found.is_empty()) {
        (Some(contact), true) => Ok(contact),
        (Some(_), false) => Err(ErrorCode::PhoneAmbiguous.into()),
        (None, _) => Err(ErrorCode::NotFound.into()),
    }
}

/// A page of the list that is ordered from the newest on.
pub(crate) async fn cursor_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: ContactQuery,
) -> Result<CursorPage<Contact>> {
    let ContactQuery { cursor, limit, handle, phone, updated_since, group } = query;
    let group = match group {
        Some(group) => Some(groups::id_of(connection, account, &group).await?),
        None => None,
    };
    if let (Some(group), None, None, None) = (group, &handle, &phone, updated_since) {
        return groups::cursor_page(connection, account, group, cursor, limit).await;
    }
    let by_change = updated_since.is_some() && handle.is_none() && phone.is_none();
    if let (Some(group), Some(since), true) = (group, updated_since, by_change)
        && groups::is_sortable(connection, account, group).await?
    {
        let place = changes_between(connection, account, &cursor).await?;
        return groups::changed_page(connection, account, group, since, place, cursor, limit).await;
    }
    let order = keyset::order(&cursor);

    let mut select = of(account);
    // At most one contact has the handle, and the planner need not be told of an order.
    let at_most_one = handle.is_some();
    if let Some(handle) = handle {
        select = select.filter(Column::Handle.eq(handle.as_str()));
    }
    if let Some(phone) = phone {
        select = select.filter(Column::Phone.eq(phone.as_str()));
    }
    if let Some(since) = updated_since {
        select = select.filter(Column::UpdatedAt.gte(since.millis()));
    }
    if let Some(group) = group {
        select = select.filter(groups::includes(account, group));
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

    // One more than asked for tells whether there is more.
    let contacts = contact_rows::contacts(connection, select.limit(limit + 1)).await?;
    Ok(CursorPage::of(contacts, &cursor, limit))
}

/// The ids of the contacts between cursors, as [`cursor_page`] finds them.
pub(crate) async fn ids(
    connection: &impl ConnectionTrait,
    account: AccountId,
    cursor: Cursor<ContactId>,
    limit: u64,
) -> Result<Vec<Uuid>> {
    let select = keyset::between(of(account), Column::Id, &cursor).select_only().column(Column::Id);
    contact_rows::ids(connection, select.order_by(Column::Id, keyset::order(&cursor)).limit(limit)).await
}

/// What lies where a cursor says, in the order of changes.
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

/// Where a contact stands in the order of changes.
async fn changed_at(connection: &impl ConnectionTrait, account: AccountId, id: ContactId) -> Result<i64> {
    let found = of(account)
        .filter(Column::Id.eq(id.as_uuid()))
        .one(connection)
        .await
        .map_err(|error| to_domain(&error))?;
    let gone = "The contact of the cursor has been deleted, and with it its position in the order of changes";
    Ok(found.ok_or_else(|| Error::with_message(ErrorCode::NotFound, gone))?.updated_at)
}

/// A page of the list that is ordered as asked for. From an anchor on, where there is one before it.
pub(crate) async fn offset_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: ContactOffsetQuery,
    anchor: Option<Anchor>,
) -> Result<OffsetPage<Contact>> {
    let ContactOffsetQuery { field, direction, offset, limit } = query;
    let order = match direction {
        SortDirection::Ascending => Order::Asc,
        SortDirection::Descending => Order::Desc,
    };
    let select = match field {
        // Ids are in the order of creation.
        ContactSort::CreatedOn => of(account).order_by(Column::Id, order),
        ContactSort::Handle => of(account).order_by(Column::Handle, order),
        ContactSort::Phone => of(account).order_by(Column::Phone, order.clone()).order_by(Column::Id, order),
    };
    let (select, skipped) = match anchor {
        Some(anchor) => (select.filter(from(account, query, anchor.id)), offset - anchor.position),
        None => (select, offset),
    };
    // First the ids: what is left out at the beginning is left out in an index, without a look at the
    // contacts themselves.
    let ids = select.select_only().column(Column::Id).offset(skipped).limit(limit);
    let ids = contact_rows::ids(connection, ids).await?;
    let items = by_ids(connection, account, &ids).await?;
    Ok(OffsetPage { items, total: total(connection, account).await? })
}

/// Where in the order that is asked for a contact and those behind it stand.
fn from(account: AccountId, query: ContactOffsetQuery, id: ContactId) -> Expr {
    let its = |column| {
        Expr::from(of(account).filter(Column::Id.eq(id.as_uuid())).select_only().column(column).into_query())
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

/// These contacts, in this order; without those that have gone in the meantime.
pub(crate) async fn by_ids(
    connection: &impl ConnectionTrait,
    account: AccountId,
    ids: &[Uuid],
) -> Result<Vec<Contact>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Key> = ids.iter().map(|id| (account, ContactId::from_uuid(*id))).collect();
    let found = contact_rows::these(connection, &keys).await?;
    let mut by_id: HashMap<Uuid, Model> = found.into_iter().map(|row| (row.id, row)).collect();
    ids.iter().filter_map(|id| by_id.remove(id)).map(Contact::try_from).collect()
}

/// Whose a number or a handle is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    None,
    One(ContactId),
    Several,
}

/// Whose values in an indexed column are. Of a number that many share, two contacts are looked at.
pub(crate) async fn whose(
    connection: &impl ConnectionTrait,
    account: AccountId,
    column: &str,
    texts: BTreeSet<&str>,
) -> Result<HashMap<String, Whose>> {
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let words = Words::of(connection);
    // Numbers lie in the order of ids; a handle is one contact's, and the planner need not be told of an
    // order.
    let order = if column == "phone" { "ORDER BY id" } else { "" };
    let nth = |n: u8| {
        format!(
            "(SELECT id FROM contacts WHERE account_id = $1 AND {column} = value \
             {order} LIMIT 1 OFFSET {n})"
        )
    };
    let item = format!("{}(value, {}, {})", words.array, words.shown("first"), words.shown("second"));
    let from = format!(
        "(SELECT value, {} AS first, {} AS second FROM {}) AS found",
        nth(0),
        nth(1),
        words.each("$2")
    );
    let texts: Vec<&str> = texts.into_iter().collect();
    let values = [account.get().into(), json_sql::list(&texts)?];
    let found: Vec<(String, Option<String>, Option<String>)> =
        words.rows(connection, &item, &from, values).await?;
    let read = |id: Option<String>| id.and_then(|id| Uuid::try_parse(&id).ok()).map(ContactId::from_uuid);
    let outcome = |first, second| match (read(first), read(second)) {
        (None, _) => Whose::None,
        (Some(id), None) => Whose::One(id),
        (Some(_), Some(_)) => Whose::Several,
    };
    Ok(found.into_iter().map(|(text, first, second)| (text, outcome(first, second))).collect())
}

pub(crate) async fn total(connection: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
    let counters = contact_count::Entity::find()
        .filter(contact_count::Column::AccountId.eq(account.get()))
        .all(connection)
        .await
        .map_err(|error| to_domain(&error))?;
    let total: i64 = counters.iter().map(|counter| counter.contacts).sum();
    Ok(u64::try_from(total).unwrap_or(0))
}
