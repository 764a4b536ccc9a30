//! Pages of contacts in the order of a property or a declared field.
//!
//! If a condition shows that few contacts match, they are read and sorted. Otherwise the index that has the order is read
//! from the position of the page on, and its contacts are probed, not more of them at a time than for a page in the order of
//! ids. The contacts without a value come behind, in the order of ids.

use std::collections::HashSet;

use sea_orm::sea_query::{Alias, Order, SelectStatement};
use sea_orm::{ConnectionTrait, QuerySelect};
use uuid::Uuid;

use super::matcher::{Leaf, Matcher, Node, needs_fields};
use super::order_index::{Key, Ordering, Position};
use super::page::{self, GROWTH, PROBED, ids_of, matching_ids, matching_rows, max_probed, probed_id};
use super::source::{self, ID, NO_LIMIT, Purpose};
use crate::domain::contact::{ContactFilter, OrderCursor, OrderedOffsetQuery, OrderedPage, OrderedQuery};
use crate::domain::field::FieldContent;
use crate::domain::filter::{ContactOrder, KeyRange, OrderKey, OrderPlace, declared};
use crate::domain::pagination::{Cursor, CursorPage, OffsetPage};
use crate::domain::{AccountId, Contact, ContactId, Error, ErrorCode, Result};
use crate::storage::cache::counts::CountCache;
use crate::storage::db::{contact_lookup, contact_rows, counters, json_sql};
use crate::storage::entity::contact::Column;
use crate::storage::fields;

/// # Errors
/// As [`Matcher::resolve`], and those of [`declared`].
async fn resolve(
    connection: &impl ConnectionTrait,
    counts: &CountCache,
    account: AccountId,
    filter: &ContactFilter,
    order: &ContactOrder,
) -> Result<(Matcher, Ordering)> {
    let fields = if needs_fields(filter) || matches!(order.key(), OrderKey::Meta(_)) {
        fields::definitions(connection, account).await?
    } else {
        Vec::new()
    };
    let matcher = Matcher::resolve_with(connection, counts, account, filter, &fields).await?;
    let key = match order.key() {
        OrderKey::CreatedAt => Key::Id,
        OrderKey::UpdatedAt => Key::Column(Column::UpdatedAt),
        OrderKey::Handle => Key::Column(Column::Handle),
        OrderKey::Phone => Key::Column(Column::Phone),
        OrderKey::DisplayName => Key::DisplayName,
        OrderKey::Meta(key) => Key::Field(declared(&fields, key)?.clone()),
    };
    let backend = connection.get_database_backend();
    Ok((matcher, Ordering { backend, account, key, direction: order.direction() }))
}

/// A page by cursor.
pub(in crate::storage) async fn page(
    connection: &impl ConnectionTrait,
    counts: &CountCache,
    account: AccountId,
    OrderedQuery { order, filter, after, limit }: OrderedQuery,
) -> Result<OrderedPage> {
    let (matcher, ordering) = resolve(connection, counts, account, &filter, &order).await?;
    let after = match after {
        Some(cursor) => Some(ordering.position(connection, cursor).await?),
        None => None,
    };
    let Some(present) = ordering.present() else {
        return ordering.page_of_present(connection, &matcher, &matcher, after, limit).await;
    };

    let mut page = OrderedPage { items: Vec::new(), next: None };
    let mut behind = Cursor::default();
    match after {
        Some(Position { value: None, id }) => behind.after = Some(ContactId::from_uuid(id)),
        after => {
            let with_value = matcher.and(present.clone());
            page = ordering.page_of_present(connection, &matcher, &with_value, after, limit).await?;
            if page.next.is_some() {
                return Ok(page);
            }
        }
    }
    let without_value = matcher.and(Node::Not(Box::new(present)));
    let limit = limit - page.items.len() as u64;
    let CursorPage { items, has_more, resume_at } =
        page::cursor_page(connection, &without_value, behind, limit).await?;
    let last = resume_at.map(ContactId::from_uuid).or(items.last().map(|contact| contact.id));
    let last = match last {
        Some(id) => Some(OrderCursor { id, place: Some(OrderPlace::NoValue) }),
        None => page.items.last().map(|contact| ordering.cursor_of(contact)),
    };
    page.items.extend(items);
    page.next = last.filter(|_| has_more);
    Ok(page)
}

/// A page by offset, and how many contacts match.
pub(in crate::storage) async fn offset_page(
    connection: &impl ConnectionTrait,
    counts: &CountCache,
    account: AccountId,
    OrderedOffsetQuery { order, filter, offset, limit }: OrderedOffsetQuery,
) -> Result<OffsetPage<Contact>> {
    let (matcher, ordering) = resolve(connection, counts, account, &filter, &order).await?;
    let present = ordering.present();
    let with_value = present.clone().map_or_else(|| matcher.clone(), |present| matcher.and(present));

    let (keyed, rest) = if matcher.is_all() {
        (ordering.of_index(None, None, 0, offset + limit), Node::And(Vec::new()))
    } else {
        let plan = source::plan(connection, &with_value, Purpose::Sorting).await?;
        (ordering.of_plan(&plan), plan.rest)
    };
    let mut query = ids_of(connection, account, keyed, &rest)?;
    ordering.sort(&mut query, ordering.probed_key(), probed_id());
    query.offset(offset).limit(limit);
    let mut ids: Vec<Uuid> = json_sql::fetch(connection, &query, "hex(id)").await?;

    if let Some(present) = present
        && (ids.len() as u64) < limit
    {
        let skipped = match ids.is_empty() {
            true => offset.saturating_sub(page::count(connection, &with_value).await?),
            false => 0,
        };
        let without_value = matcher.and(Node::Not(Box::new(present)));
        let plan = source::plan(connection, &without_value, Purpose::Page).await?;
        let mut behind = matching_ids(connection, &without_value, &plan)?;
        behind.order_by((Alias::new(PROBED), ID), Order::Desc);
        behind.offset(skipped).limit(limit - ids.len() as u64);
        ids.extend(json_sql::fetch::<Uuid>(connection, &behind, "hex(id)").await?);
        // Those that got a value between the two statements are in both.
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
    }
    with_value.check_current(connection).await?;
    let total = match matcher.is_all() {
        true => counters::read(connection, account, counters::CONTACTS).await?,
        false => page::count(connection, &matcher).await?,
    };
    Ok(OffsetPage { items: contact_lookup::by_ids(connection, account, &ids).await?, total })
}

impl Ordering {
    /// The condition that a contact has a value; `None` if each has one.
    fn present(&self) -> Option<Node> {
        match &self.key {
            Key::Field(field) => Some(Node::Leaf(Leaf::Field(field.number, vec![KeyRange::all()]))),
            Key::Id | Key::Column(_) | Key::DisplayName => None,
        }
    }

    /// The place of a contact that was read in this order: its index and its row agree in each statement.
    fn place_of(&self, contact: &Contact) -> OrderPlace {
        match &self.key {
            Key::Id => OrderPlace::NoValue,
            Key::Column(Column::UpdatedAt) => OrderPlace::Millis(contact.updated_at.millis()),
            Key::Column(Column::Handle) => OrderPlace::Text(contact.handle.as_str().to_owned()),
            Key::Column(_) => OrderPlace::Text(contact.phone.as_str().to_owned()),
            Key::DisplayName => OrderPlace::Text(contact.shown_name().to_owned()),
            Key::Field(field) => match FieldContent::of(field.field_type, &field.key, &contact.meta.to_map())
            {
                FieldContent::Value(value) => OrderPlace::Text(value.into_string()),
                FieldContent::Absent | FieldContent::Mismatch => OrderPlace::NoValue,
            },
        }
    }

    fn cursor_of(&self, contact: &Contact) -> OrderCursor {
        OrderCursor { id: contact.id, place: Some(self.place_of(contact)) }
    }

    /// The position that a cursor stands for.
    async fn position(&self, connection: &impl ConnectionTrait, cursor: OrderCursor) -> Result<Position> {
        let OrderCursor { id, place } = cursor;
        let place = match (place, &self.key) {
            (Some(place), _) => place,
            (None, Key::Id) => OrderPlace::NoValue,
            (None, Key::Column(_) | Key::DisplayName | Key::Field(_)) => {
                let found = contact_lookup::by_ids(connection, self.account, &[id.as_uuid()]).await?;
                let lost = || {
                    let message =
                        "The contact of the cursor was deleted, and with it its position in the order";
                    Error::with_message(ErrorCode::NotFound, message)
                };
                self.place_of(found.first().ok_or_else(lost)?)
            }
        };
        Ok(Position::new(&place, id.as_uuid()))
    }

    /// A page of the contacts that have a value: of `present`, which are those of `matcher` with one.
    async fn page_of_present(
        &self,
        connection: &impl ConnectionTrait,
        matcher: &Matcher,
        present: &Matcher,
        after: Option<Position>,
        limit: u64,
    ) -> Result<OrderedPage> {
        let after = after.as_ref();
        let page = if matcher.is_all() {
            let keyed = self.of_index(after, None, 0, limit + 1);
            self.read(connection, keyed, &matcher.predicate, None, limit).await?
        } else {
            let plan = source::plan(connection, present, Purpose::Sorting).await?;
            if plan.count.is_some_and(|count| count + GROWTH <= max_probed(&plan.rest)) {
                let keyed = self.of_plan(&plan);
                self.read(connection, keyed, &plan.rest, after, limit).await?
            } else {
                self.probe_index(connection, matcher, after, limit).await?
            }
        };
        present.check_current(connection).await?;
        Ok(page)
    }

    /// Reads the index from a position on, and probes its contacts.
    async fn probe_index(
        &self,
        connection: &impl ConnectionTrait,
        matcher: &Matcher,
        after: Option<&Position>,
        limit: u64,
    ) -> Result<OrderedPage> {
        let max_probed = max_probed(&matcher.predicate);
        let keyed = self.of_index(after, None, 0, max_probed);
        let page = self.read(connection, keyed, &matcher.predicate, None, limit).await?;
        if page.next.is_some() {
            return Ok(page);
        }
        // As for a page in the order of ids: where probing ended, up to which the page is read again.
        let last = self.of_index(after, None, max_probed - 1, 1);
        let Some(row) = connection.query_one(&last).await? else { return Ok(page) };
        let id: Uuid = row.try_get_by_index(0)?;
        let place = match &self.key {
            Key::Id => OrderPlace::NoValue,
            Key::Column(Column::UpdatedAt) => OrderPlace::Millis(row.try_get_by_index(1)?),
            Key::Column(_) | Key::DisplayName | Key::Field(_) => OrderPlace::Text(row.try_get_by_index(1)?),
        };
        let last = Position::new(&place, id);
        let keyed = self.of_index(after, Some(&last), 0, NO_LIMIT);
        let mut page = self.read(connection, keyed, &matcher.predicate, None, limit).await?;
        if page.next.is_none() {
            page.next = Some(OrderCursor { id: ContactId::from_uuid(id), place: Some(place) });
        }
        Ok(page)
    }

    /// Those of the contacts with keys that match, and come after a position.
    async fn read(
        &self,
        connection: &impl ConnectionTrait,
        keyed: SelectStatement,
        rest: &Node,
        after: Option<&Position>,
        limit: u64,
    ) -> Result<OrderedPage> {
        let mut select = matching_rows(connection, self.account, rest, keyed)?;
        let query = QuerySelect::query(&mut select);
        if let Some(after) = after {
            query.and_where(self.is_behind(self.probed_key(), probed_id(), after));
        }
        self.sort(query, self.probed_key(), probed_id());
        query.limit(limit + 1);
        let mut items = contact_rows::fetch_contacts(connection, select).await?;
        let has_more = items.len() as u64 > limit;
        items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = items.last().filter(|_| has_more).map(|contact| self.cursor_of(contact));
        Ok(OrderedPage { items, next })
    }
}
