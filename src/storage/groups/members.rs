//! Group members.
//!
//! **Lock order**, so that transactions do not deadlock: the group, its contacts by id, members, counters. A
//! change of members locks their contacts first, as a deletion of a contact does: conflicts arise there,
//! never between member rows.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, Iterable, Order, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
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
use crate::storage::db::json_sql::{self, in_query};
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_rows, counters, keyset};
use crate::storage::entity::member::{Column, Entity};
use crate::storage::entity::{contact, group};
use crate::storage::named::find_row;

/// Up to so many members, a page of changed ones is sorted from the members.
const MAX_SMALL_GROUP: u64 = 20_000;

fn is_in_group(account: AccountId, group: Uuid) -> Condition {
    Condition::all().add(Column::AccountId.eq(account.get())).add(Column::GroupId.eq(group))
}

fn in_group(account: AccountId, group: GroupId) -> Select<Entity> {
    Entity::find().filter(is_in_group(account, group.as_uuid()))
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
    Ok(CursorPage::from_rows(contact_rows::fetch_contacts(connection, select).await?, &cursor, limit))
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
    Ok(CursorPage::from_rows(contact_rows::fetch_contacts(connection, select).await?, &cursor, limit))
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
    if !joined.is_empty() {
        let mut rows = json_sql::ids(transaction, &joined)?;
        rows.exprs([Expr::val(account.get()), Expr::val(group)]);
        let columns = [Column::ContactId, Column::AccountId, Column::GroupId];
        transaction.execute(&json_sql::insert_from(Entity, columns, rows)?).await?;
    }
    if !left.is_empty() {
        Entity::delete_many()
            .filter(is_in_group(account, group))
            .filter(in_query(transaction, Column::ContactId, json_sql::ids(transaction, &left)?))
            .exec(transaction)
            .await?;
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
    for MemberChange { op: _, contact } in &changes {
        match contact {
            ContactKey::Id(_) => {}
            ContactKey::Phone(phone) => drop(phones.insert(phone.as_str())),
            ContactKey::Handle(handle) => drop(handles.insert(handle.as_str())),
        }
    }
    let phones = contact_lookup::match_unique(transaction, account, contact::Column::Phone, phones).await?;
    let handles =
        contact_lookup::match_unique(transaction, account, contact::Column::Handle, handles).await?;
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
    Ok(changes.iter().map(|MemberChange { op, contact }| (*op, id(contact))).collect())
}

/// Which of the contacts exist, and whether they are in the group. Locks them until the transaction ends.
async fn lock_memberships(
    transaction: &Transaction,
    account: AccountId,
    group: Uuid,
    contacts: &BTreeSet<ContactId>,
) -> Result<HashMap<ContactId, Membership>> {
    let contacts: Vec<_> = contacts.iter().collect();
    let ids = json_sql::ids(transaction, &contacts)?;
    let select = contact_lookup::in_account(account)
        .select_only()
        .column(contact::Column::Id)
        .expr_as(contains(account, GroupId::from_uuid(group)).cast_as("integer"), "member")
        .filter(in_query(transaction, (contact::Entity, contact::Column::Id), ids))
        .order_by_asc(contact::Column::Id)
        .lock(LockType::KeyShare);
    let item = "json_array(hex(id), member)";
    let found: Vec<(Uuid, i32)> = json_sql::fetch(transaction, &select.into_query(), item).await?;
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
    let deleted = Entity::delete_many()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::ContactId.eq(contact.as_uuid()))
        .exec_with_returning(transaction)
        .await?;
    let groups = deleted.into_iter().map(|member| member.group_id).collect();
    counters::add_each(transaction, account, groups, shard, -1).await
}

/// The groups of each contact, in the order of `contacts`, newest first.
pub(super) async fn groups_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    contacts: &[ContactId],
) -> Result<Vec<Vec<GroupRef>>> {
    // One index search per contact, which ends at the limit.
    let shown = Query::select()
        .columns([(group::Entity, group::Column::Id), (group::Entity, group::Column::Name)])
        .from(Entity)
        .inner_join(
            group::Entity,
            Expr::col((group::Entity, group::Column::AccountId))
                .equals((Entity, Column::AccountId))
                .and(Expr::col((group::Entity, group::Column::Id)).equals((Entity, Column::GroupId))),
        )
        .and_where(Expr::col((Entity, Column::AccountId)).eq(account.get()))
        .and_where(Expr::col((Entity, Column::ContactId)).eq(json_sql::id_of_element(connection)))
        .and_where(Expr::col((group::Entity, group::Column::Name)).is_not_null())
        .order_by((Entity, Column::GroupId), Order::Desc)
        .limit(u64::try_from(MAX_SHOWN).unwrap_or(u64::MAX))
        .to_owned();
    let list = match connection.get_database_backend() {
        DbBackend::Sqlite => "json_group_array(json_array(hex(id), name))",
        _ => "CAST(json_agg(json_build_array(id, name)) AS text)",
    };
    let list = Query::select().expr(Expr::cust(list)).from_subquery(shown, "shown").to_owned();
    let mut query = json_sql::elements(connection, contacts)?;
    query.expr_as(list, "groups");
    let found: Vec<Option<String>> = json_sql::fetch(connection, &query, "groups").await?;
    let group = |(id, name)| GroupRef { id: GroupId::from_uuid(id), name: GroupName::from_stored(name) };
    let groups = |list: Option<String>| -> Result<Vec<GroupRef>> {
        let list: Vec<(Uuid, String)> = json_sql::from_json(list.as_deref().unwrap_or("[]"))?;
        Ok(list.into_iter().map(group).collect())
    };
    found.into_iter().map(groups).collect()
}
