//! Who is in which group.
//!
//! Every transaction locks in one order, so that none waits for one that waits for it: the group, the
//! contacts by their ids, the members, the tallies. Whoever changes members holds their contacts first;
//! so does whoever deletes a contact: they meet there, and never among the members.

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
use crate::domain::{AccountId, ContactId, ContactKey, Result, Timestamp};
use crate::storage::db::contact_lookup::{self, KeyMatch};
use crate::storage::db::json_sql::{JsonSql, to_parameter};
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_rows, counters, keyset};
use crate::storage::entity::contact;
use crate::storage::entity::member::{Column, Entity};

/// Most members of a group that are looked at for a page of those that changed.
const MAX_SMALL_GROUP: u64 = 20_000;

fn in_group(account: AccountId, group: GroupId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get())).filter(Column::GroupId.eq(group.as_uuid()))
}

/// The contacts of a group. SQLite takes the tables in the order in which a cross join names them: first
/// the members, which lie in the order of the list.
fn contacts_in_group(account: AccountId, group: GroupId) -> Select<Entity> {
    let mut select = in_group(account, group).select_only().columns(contact::Column::iter());
    QuerySelect::query(&mut select).cross_join(contact::Entity);
    let contact = |column| Expr::col((contact::Entity, column));
    select
        .filter(contact(contact::Column::AccountId).eq(Expr::col((Entity, Column::AccountId))))
        .filter(contact(contact::Column::Id).eq(Expr::col((Entity, Column::ContactId))))
}

/// A page of the contacts of a group, the newest first.
pub(crate) async fn cursor_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: GroupId,
    cursor: Cursor,
    limit: u64,
) -> Result<CursorPage> {
    let select = keyset::between(contacts_in_group(account, group), Column::ContactId, &cursor);
    let select = select.order_by(Column::ContactId, keyset::order(&cursor)).limit(limit + 1);
    Ok(CursorPage::of(contact_rows::fetch_contacts(connection, select).await?, &cursor, limit))
}

/// Whether a group is so small that what changed in it is found from its members. In a larger one some that changed
/// of late are soon found among all contacts that did.
pub(crate) async fn is_small(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: GroupId,
) -> Result<bool> {
    Ok(counters::read(connection, account, group.as_uuid()).await? <= MAX_SMALL_GROUP)
}

/// A page of the contacts of a group that have changed, the last change first. `seek` is what the cursor says.
///
/// Read in the order of the index of changes, all contacts of the account would be passed over until enough of the group
/// are found. The order is an expression, which keeps a planner from that.
pub(crate) async fn updated_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: GroupId,
    since: Timestamp,
    seek: Condition,
    cursor: Cursor,
    limit: u64,
) -> Result<CursorPage> {
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

/// Contacts of a group from the newest on, without so many at the beginning.
pub(super) async fn offset_page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &GroupKey,
    offset: u64,
    limit: u64,
) -> Result<OffsetPage> {
    let group = queries::id_of(connection, account, key).await?;
    // First the ids, as for all contacts.
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

/// Whether the contact of a row is in a group, for a query that finds its contacts by something else. (Not
/// as EXISTS: a planner may make a join of that, and sort what comes of it.)
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

/// Lets contacts join and leave a group.
pub(super) async fn change(
    transaction: &Transaction,
    account: AccountId,
    shard: i16,
    key: &GroupKey,
    changes: Vec<MemberChange>,
) -> Result<MembersChanged> {
    // One after the other in each group: what is read of its members then stays so.
    let group = queries::find_row(transaction, account, key, Some(LockType::NoKeyUpdate)).await?.id;
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

/// What a request calls contacts, as ids.
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

/// Which of these contacts exist, and whether they are in the group. They stay until the transaction
/// ends.
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

/// Lets a contact leave all its groups, before it is deleted. Its row is locked by the caller.
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

/// The groups that each of these contacts is in, in the order given, the newest first.
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
