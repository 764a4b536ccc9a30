//! Group members.
//!
//! **Lock order**, so that transactions do not deadlock: the group, its contacts by id, members, counters. A
//! change of members locks their contacts first, as a deletion of a contact does: conflicts arise there,
//! never between member rows.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect,
    Select, Statement,
};
use uuid::Uuid;

use super::queries;
use crate::domain::group::{
    GroupId, GroupKey, GroupName, GroupRef, MAX_SHOWN, MemberChange, MemberOp, MemberOutcome, MembersChanged,
    Membership, apply,
};
use crate::domain::pagination::{Cursor, CursorPage, OffsetPage};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, Result, Timestamp};
use crate::storage::db::contact_lookup::{self, KeyMatch};
use crate::storage::db::json_sql::{JsonSql, to_parameter};
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_rows, counters, keyset};
use crate::storage::entity::member::{Column, Entity};
use crate::storage::entity::{contact, group};
use crate::storage::named::find_row;

/// Up to so many members, a page of changed ones is sorted from the members.
const MAX_SMALL_GROUP: u64 = 20_000;

fn in_group(account: AccountId, group: GroupId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get())).filter(Column::GroupId.eq(group.as_uuid()))
}

/// The contacts of a group. SQLite joins in the order of a cross join: members first, which are in list
/// order.
fn contacts_in_group(account: AccountId, group: GroupId) -> Select<Entity> {
    let mut select = in_group(account, group).select_only().columns(contact::Column::iter());
    QuerySelect::query(&mut select).cross_join(contact::Entity);
    let contact = |column| Expr::col((contact::Entity, column));
    select
        .filter(contact(contact::Column::AccountId).eq(Expr::col((Entity, Column::AccountId))))
        .filter(contact(contact::Column::Id).eq(Expr::col((Entity, Column::ContactId))))
}

/// A page of a group's contacts, newest first.
pub(crate) async fn cursor_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: GroupId,
    cursor: Cursor<ContactId>,
    limit: u64,
) -> Result<CursorPage<Contact>> {
    let select = keyset::between(contacts_in_group(account, group), Column::ContactId, &cursor);
    let select = select.order_by(Column::ContactId, keyset::order(&cursor)).limit(limit + 1);
    Ok(CursorPage::of(contact_rows::fetch_contacts(connection, select).await?, &cursor, limit))
}

/// Whether the members are few enough to be sorted by change. In a larger group, enough changed members are
/// soon found in the index of changes.
pub(crate) async fn is_small(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: GroupId,
) -> Result<bool> {
    Ok(counters::read(connection, account, group.as_uuid()).await? <= MAX_SMALL_GROUP)
}

/// A page of a small group's changed contacts, last change first; `seek` is the cursor's range.
///
/// The sort key is an expression, which keeps the planner from scanning the index of changes through all
/// contacts of the account for members of the group.
pub(crate) async fn updated_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: GroupId,
    since: Timestamp,
    seek: Condition,
    cursor: Cursor<ContactId>,
    limit: u64,
) -> Result<CursorPage<Contact>> {
    let contact = |column| Expr::col((contact::Entity, column));
    let order = keyset::order(&cursor);
    let select = contacts_in_group(account, group)
        .filter(contact(contact::Column::UpdatedAt).gte(since.millis()))
        .filter(seek)
        .order_by(contact(contact::Column::UpdatedAt).add(0), order.clone())
        .order_by(contact(contact::Column::Id), order)
        .limit(limit + 1);
    Ok(CursorPage::of(contact_rows::fetch_contacts(connection, select).await?, &cursor, limit))
}

/// A page of a group's contacts at an offset, newest first.
pub(super) async fn offset_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &GroupKey,
    offset: u64,
    limit: u64,
) -> Result<OffsetPage<Contact>> {
    let group = queries::id_of(connection, account, key).await?;
    // Ids first, as for the list of all contacts.
    let ids = in_group(account, group)
        .select_only()
        .column_as(Column::ContactId, "id")
        .order_by_desc(Column::ContactId)
        .offset(offset)
        .limit(limit);
    let ids = contact_rows::fetch_ids(connection, ids).await?;
    let items = contact_lookup::by_ids(connection, account, &ids).await?;
    Ok(OffsetPage { items, total: counters::read(connection, account, group.as_uuid()).await? })
}

/// Whether a row's contact is in a group, for queries driven by another index. (Not EXISTS: a planner may
/// turn that into a join and sort its result.)
pub(crate) fn contains(account: AccountId, group: GroupId) -> Expr {
    let contact = Expr::col((contact::Entity, contact::Column::Id));
    let member = Query::select()
        .column(Column::ContactId)
        .from(Entity)
        .and_where(Column::AccountId.eq(account.get()))
        .and_where(Column::GroupId.eq(group.as_uuid()))
        .and_where(Expr::col((Entity, Column::ContactId)).eq(contact))
        .limit(1)
        .to_owned();
    Expr::SubQuery(None, Box::new(member.into())).is_not_null()
}

/// Adds contacts to a group, and removes others.
pub(super) async fn change(
    transaction: &Transaction,
    account: AccountId,
    shard: i16,
    key: &GroupKey,
    changes: Vec<MemberChange>,
) -> Result<MembersChanged> {
    // Serialises changes within a group: the members read stay current.
    let group = find_row::<group::Entity>(transaction, account, key, Some(LockType::NoKeyUpdate)).await?.id;
    let resolved = resolve_keys(transaction, account, changes).await?;
    let wanted: BTreeSet<ContactId> = resolved.iter().filter_map(|(_, contact)| contact.ok()).collect();
    let mut members = lock_memberships(transaction, account, group, &wanted).await?;
    let outcomes = apply(&resolved, &mut members);

    let changed = |joins: bool| -> Vec<ContactId> {
        let changed = |contact: &&ContactId| {
            members.get(contact).is_some_and(|is| is.before != is.after && is.after == joins)
        };
        wanted.iter().filter(changed).copied().collect()
    };
    let (joined, left) = (changed(true), changed(false));
    let json = JsonSql::of(transaction);
    let ids = json.ids("$3");
    for (contacts, sql) in [
        (
            &joined,
            format!(
                "INSERT INTO members (account_id, group_id, contact_id) SELECT $1, $2, id FROM ({ids}) AS ids"
            ),
        ),
        (
            &left,
            format!(
                "DELETE FROM members WHERE account_id = $1 AND group_id = $2 AND contact_id {}",
                json.in_query(&ids)
            ),
        ),
    ] {
        if !contacts.is_empty() {
            let values = [account.get().into(), group.into(), to_parameter(contacts)?];
            json.execute(transaction, sql, values).await?;
        }
    }
    let count = |contacts: &[ContactId]| i64::try_from(contacts.len()).unwrap_or(i64::MAX);
    let by = count(&joined) - count(&left);
    if by != 0 {
        counters::add(transaction, account, group, shard, by).await?;
    }
    Ok(MembersChanged { member_count: counters::read(transaction, account, group).await?, outcomes })
}

/// The contacts' ids, by the keys in the request.
async fn resolve_keys(
    transaction: &Transaction,
    account: AccountId,
    changes: Vec<MemberChange>,
) -> Result<Vec<(MemberOp, Result<ContactId, MemberOutcome>)>> {
    let (mut phones, mut handles) = (BTreeSet::new(), BTreeSet::new());
    for MemberChange { verb: _, contact } in &changes {
        match contact {
            ContactKey::Id(_) => {}
            ContactKey::Phone(phone) => drop(phones.insert(phone.as_str())),
            ContactKey::Handle(handle) => drop(handles.insert(handle.as_str())),
        }
    }
    let phones = contact_lookup::match_unique(transaction, account, "phone", phones).await?;
    let handles = contact_lookup::match_unique(transaction, account, "handle", handles).await?;
    let found = |all: &HashMap<String, KeyMatch>, text: &str| match all.get(text) {
        None | Some(KeyMatch::None) => Err(MemberOutcome::NoSuchContact),
        Some(KeyMatch::One(id)) => Ok(*id),
        Some(KeyMatch::Several) => Err(MemberOutcome::Ambiguous),
    };
    let id = |contact: &ContactKey| match contact {
        ContactKey::Id(id) => Ok(*id),
        ContactKey::Phone(phone) => found(&phones, phone.as_str()),
        ContactKey::Handle(handle) => found(&handles, handle.as_str()),
    };
    Ok(changes.iter().map(|MemberChange { verb, contact }| (*verb, id(contact))).collect())
}

/// Which of the contacts exist, and whether they are in the group. Locks them until the transaction ends.
async fn lock_memberships(
    transaction: &Transaction,
    account: AccountId,
    group: Uuid,
    contacts: &BTreeSet<ContactId>,
) -> Result<HashMap<ContactId, Membership>> {
    let json = JsonSql::of(transaction);
    let item = format!("{}({}, member)", json.array, json.id_to_json("id"));
    let from = format!(
        "(SELECT id, CAST(EXISTS (SELECT 1 FROM members WHERE members.account_id = $1 \
          AND members.group_id = $2 AND members.contact_id = contacts.id) AS integer) AS member \
         FROM contacts WHERE account_id = $1 AND id {} \
         ORDER BY id {}) AS known",
        json.in_query(&json.ids("$3")),
        json.lock_clause("FOR KEY SHARE OF contacts")
    );
    let contacts: Vec<_> = contacts.iter().collect();
    let values = [account.get().into(), group.into(), to_parameter(&contacts)?];
    let found: Vec<(Uuid, i64)> = json.rows(transaction, &item, &from, values).await?;
    let membership = |is| Membership { before: is, after: is };
    Ok(found.into_iter().map(|(id, is)| (ContactId::from_uuid(id), membership(is != 0))).collect())
}

/// Removes a contact from all groups before its deletion. The caller has locked its row.
pub(crate) async fn remove_from_all(
    transaction: &Transaction,
    account: AccountId,
    shard: i16,
    contact: ContactId,
) -> Result<()> {
    let backend = transaction.get_database_backend();
    let sql = "DELETE FROM members WHERE account_id = $1 AND contact_id = $2 RETURNING group_id";
    let values = [account.get().into(), contact.as_uuid().into()];
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = transaction.query_all_raw(statement).await?;
    let groups = rows.iter().map(|row| row.try_get::<Uuid>("", "group_id"));
    let groups: Vec<Uuid> = groups.collect::<Result<_, _>>()?;
    counters::add_each(transaction, account, groups, shard, -1).await
}

/// The groups of each contact, in the order of `contacts`, newest first.
pub(super) async fn groups_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    contacts: &[ContactId],
) -> Result<Vec<Vec<GroupRef>>> {
    let json = JsonSql::of(connection);
    let groups = format!(
        "SELECT {} FROM (SELECT groups.id, groups.name FROM members JOIN groups \
         ON groups.account_id = members.account_id AND groups.id = members.group_id \
         WHERE members.account_id = $1 AND members.contact_id = {} AND groups.name IS NOT NULL \
         ORDER BY members.group_id DESC LIMIT {MAX_SHOWN}) AS shown",
        json.aggregate(&format!("{}({}, name)", json.array, json.id_to_json("id"))),
        json.parse_id("value"),
    );
    let values = [account.get().into(), to_parameter(contacts)?];
    let found: Vec<Vec<(Uuid, String)>> =
        json.rows(connection, &json.nested(&groups), &json.elements("$2"), values).await?;
    let label = |(id, name)| GroupRef { id: GroupId::from_uuid(id), name: GroupName::from_stored(name) };
    Ok(found.into_iter().map(|groups| groups.into_iter().map(label).collect()).collect())
}
