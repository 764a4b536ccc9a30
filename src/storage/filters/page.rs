//! Pages of contacts that match, in the order of ids.

use std::ops::Bound;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, JoinType, Order, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Iterable, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::matcher::{Matcher, Node};
use super::probe::{Probe, needs_row, weight};
use super::source::{self, ID, NO_LIMIT, Plan, Purpose, intersection};
use crate::domain::filter::KeyRange;
use crate::domain::pagination::{Cursor, CursorPage};
use crate::domain::{AccountId, Contact, ContactId, Result};
use crate::storage::changes;
use crate::storage::db::{contact_lookup, contact_rows, json_sql, keyset};
use crate::storage::entity::contact::{Column, Entity};

/// How many contacts a request probes at most for one simple condition, and of several in proportion.
const MAX_PROBED: u64 = 20_000;
/// And at least, however costly the conditions are.
const MIN_PROBED: u64 = 400;

pub(super) const PROBED: &str = "probed";

/// By so many contacts a source may have grown since it was counted. (A count that is an estimate can be some seconds old:
/// then a page may read what the account has added since, too.)
pub(super) const GROWTH: u64 = 1_000;

/// A page of the list ordered by id.
pub(in crate::storage) async fn cursor_page(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    cursor: Cursor<ContactId>,
    limit: u64,
) -> Result<CursorPage<Contact>> {
    let plan = source::plan(connection, matcher, Purpose::Page).await?;
    let order = keyset::order(&cursor);
    let ids = intersection(plan.ids.clone(), between(&cursor));
    let max_probed = max_probed(&plan.rest);
    let is_bounded = plan.count.is_none_or(|count| count + GROWTH > max_probed);

    let probed =
        plan.source.clone().ordered(&ids, order.clone(), if is_bounded { max_probed } else { NO_LIMIT });
    let found = matching(connection, matcher.account, &plan, probed, &order, limit).await?;
    let mut page = CursorPage::from_rows(found, &cursor, limit);
    if is_bounded && !page.has_more {
        // Where probing ended. The page is read again up to there: contacts may have been created and deleted between the
        // two statements, and a page that ended elsewhere than it says would miss contacts, or repeat them.
        let last = plan.source.clone().ordered(&ids, order.clone(), 1).offset(max_probed - 1).to_owned();
        let last: Option<Uuid> = json_sql::fetch(connection, &last, "hex(id)").await?.into_iter().next();
        let up_to = match (last, cursor.forward()) {
            (None, _) => KeyRange { lower: Bound::Unbounded, upper: Bound::Unbounded },
            (Some(last), true) => KeyRange { lower: Bound::Included(last), upper: Bound::Unbounded },
            (Some(last), false) => KeyRange { lower: Bound::Unbounded, upper: Bound::Excluded(next(last)) },
        };
        let probed = plan.source.clone().ordered(&intersection(ids, up_to), order.clone(), NO_LIMIT);
        let found = matching(connection, matcher.account, &plan, probed, &order, limit).await?;
        page = CursorPage::from_rows(found, &cursor, limit);
        if !page.has_more {
            page.has_more = last.is_some();
            page.resume_at = last;
        }
    }
    matcher.check_current(connection).await?;
    Ok(page)
}

/// How many contacts one request probes at most.
pub(super) fn max_probed(rest: &Node) -> u64 {
    Ord::max(MAX_PROBED / (1 + weight(rest)), MIN_PROBED)
}

/// Those of the probed contacts that match, in their order, up to one more than the limit: it says that there are more.
async fn matching(
    connection: &impl ConnectionTrait,
    account: AccountId,
    plan: &Plan,
    probed: SelectStatement,
    order: &Order,
    limit: u64,
) -> Result<Vec<Contact>> {
    let mut select = matching_rows(connection, account, &plan.rest, probed)?;
    QuerySelect::query(&mut select).order_by((Alias::new(PROBED), ID), order.clone()).limit(limit + 1);
    contact_rows::fetch_contacts(connection, select).await
}

/// The id behind one.
fn next(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}

/// The ids between cursors.
fn between(Cursor { after, before }: &Cursor<ContactId>) -> KeyRange<Uuid> {
    KeyRange {
        lower: before.map_or(Bound::Unbounded, |before| Bound::Included(next(before.as_uuid()))),
        upper: after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_uuid())),
    }
}

/// The rows of the contacts that are probed, and match.
pub(super) fn matching_rows(
    connection: &impl ConnectionTrait,
    account: AccountId,
    rest: &Node,
    probed: SelectStatement,
) -> Result<Select<Entity>> {
    let mut select = Entity::find().select_only().columns(Column::iter());
    let query = QuerySelect::query(&mut select);
    query.from_clear().from_subquery(probed, Alias::new(PROBED));
    join_rows(connection, account, query);
    query.and_where(Probe { connection, account, id: probed_id() }.holds(rest)?);
    Ok(select)
}

pub(super) fn probed_id() -> Expr {
    Expr::col((Alias::new(PROBED), ID))
}

/// Adds the rows of the contacts that are probed, each by a look-up of its key.
fn join_rows(connection: &impl ConnectionTrait, account: AccountId, query: &mut SelectStatement) {
    let contact = |column| Expr::col((Entity, column));
    let is_probed = contact(Column::AccountId).eq(account.get()).and(contact(Column::Id).eq(probed_id()));
    match connection.get_database_backend() {
        // SQLite joins in the order of a cross join.
        DbBackend::Sqlite => {
            query.cross_join(Entity).and_where(is_probed);
        }
        // LIMIT rules out a scan of the whole table.
        _ => {
            let row =
                Query::select().columns(Column::iter()).from(Entity).and_where(is_probed).limit(1).to_owned();
            query.join_lateral(JoinType::InnerJoin, row, Entity, Expr::cust("TRUE"));
        }
    }
}

/// All contacts that match, newest first; `None` if they are more than `max`.
pub(in crate::storage) async fn find_all(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    max: usize,
) -> Result<Option<Vec<Contact>>> {
    let (mut found, mut cursor) = (Vec::new(), Cursor::default());
    loop {
        let limit = u64::try_from(max - found.len() + 1).unwrap_or(u64::MAX);
        let CursorPage { items, has_more, resume_at } =
            cursor_page(connection, matcher, cursor, limit).await?;
        let last = items.last().map(|contact| contact.id);
        found.extend(items);
        if found.len() > max {
            return Ok(None);
        }
        cursor.after = resume_at.map(ContactId::from_uuid).or(last).filter(|_| has_more);
        if cursor.after.is_none() {
            return Ok(Some(found));
        }
    }
}

/// All contacts that match, newest first, if a condition shows that they are few.
pub(in crate::storage) async fn few(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    max: usize,
) -> Result<Option<Vec<Contact>>> {
    let plan = source::plan(connection, matcher, Purpose::Page).await?;
    if plan.count.is_some_and(|count| count <= max as u64) {
        find_all(connection, matcher, max).await
    } else {
        Ok(None)
    }
}

/// Those of some contacts that match, in any order.
pub(in crate::storage) async fn among(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    ids: &[ContactId],
) -> Result<Vec<Contact>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let probe = Probe { connection, account: matcher.account, id: Expr::col((Entity, Column::Id)) };
    let select = contact_lookup::in_account(matcher.account)
        .filter(json_sql::in_query(connection, (Entity, Column::Id), json_sql::ids(connection, &ids)?))
        .filter(probe.holds(&matcher.predicate)?);
    contact_rows::fetch_contacts(connection, select).await
}

/// The ids of all contacts that match, newest first; `None` if they are more than `max`.
pub(in crate::storage) async fn find_ids(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    max: usize,
) -> Result<Option<Vec<ContactId>>> {
    let plan = source::plan(connection, matcher, Purpose::Page).await?;
    let mut ids = matching_ids(connection, matcher, &plan)?;
    // One more than the maximum says that there are more, whichever they are: only what is returned is sorted.
    ids.limit(u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1));
    let mut ids: Vec<Uuid> = json_sql::fetch(connection, &ids, "hex(id)").await?;
    matcher.check_current(connection).await?;
    if ids.len() > max {
        return Ok(None);
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Some(ids.into_iter().map(ContactId::from_uuid).collect()))
}

/// The contacts that match behind one, oldest first; none only if there are no more.
pub(in crate::storage) async fn next_after(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    after: Option<ContactId>,
    limit: u64,
) -> Result<Vec<Contact>> {
    // Backward from the end of the list, which is its oldest contact.
    let newer_than = after.unwrap_or_else(|| ContactId::from_uuid(Uuid::nil()));
    let cursor = Cursor { after: None, before: Some(newer_than) };
    let mut items = next_items(connection, matcher, cursor, limit).await?;
    items.reverse();
    Ok(items)
}

/// The contacts that match before one, newest first; none only if there are no more.
pub(in crate::storage) async fn next_before(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    before: Option<ContactId>,
    limit: u64,
) -> Result<Vec<Contact>> {
    next_items(connection, matcher, Cursor { after: before, before: None }, limit).await
}

/// Those of the first page from a cursor on that has any.
async fn next_items(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    mut cursor: Cursor<ContactId>,
    limit: u64,
) -> Result<Vec<Contact>> {
    loop {
        let CursorPage { items, has_more: _, resume_at } =
            cursor_page(connection, matcher, cursor, limit).await?;
        let Some(resume_at) = resume_at.filter(|_| items.is_empty()).map(ContactId::from_uuid) else {
            return Ok(items);
        };
        let end = if cursor.forward() { &mut cursor.after } else { &mut cursor.before };
        *end = Some(resume_at);
    }
}

/// How many contacts match.
pub(in crate::storage) async fn count(connection: &impl ConnectionTrait, matcher: &Matcher) -> Result<u64> {
    let count = async {
        let plan = source::plan(connection, matcher, Purpose::Counting).await?;
        let count = count_planned(connection, matcher, &plan).await?;
        matcher.check_current(connection).await?;
        Ok(count)
    };
    let position = changes::last(connection, matcher.account).await?;
    matcher.counts.at(position, matcher.count_key(), count).await
}

async fn count_planned(connection: &impl ConnectionTrait, matcher: &Matcher, plan: &Plan) -> Result<u64> {
    let mut query = matching_ids(connection, matcher, plan)?;
    query.clear_selects().expr(Expr::cust("count(*)"));
    let row = connection.query_one(&query).await?;
    let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The ids of all that match, in any order.
pub(super) fn matching_ids(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    plan: &Plan,
) -> Result<SelectStatement> {
    let probed = plan.source.clone().unordered(&plan.ids);
    ids_of(connection, matcher.account, probed, &plan.rest)
}

/// The ids of those of the probed contacts that match, in any order.
pub(super) fn ids_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    probed: SelectStatement,
    rest: &Node,
) -> Result<SelectStatement> {
    let mut query = Query::select();
    query.expr_as(probed_id(), ID).from_subquery(probed, Alias::new(PROBED));
    if needs_row(rest) {
        join_rows(connection, account, &mut query);
    }
    query.and_where(Probe { connection, account, id: probed_id() }.holds(rest)?);
    Ok(query)
}
