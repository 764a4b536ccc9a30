//! Group members.
//!
//! **Lock order**, so that transactions do not deadlock: the group, its contacts by id, members, counters. A
//! change of members locks their contacts first, as a deletion of a contact does: conflicts arise there,
//! never between member rows.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

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
use crate::domain::{AccountId, Contact, ContactId, RequestContext, Result, Timestamp};
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::contact_lookup::{self, KeyMatch, KeyMatches};
use crate::storage::db::json_sql::{self, Type, in_query};
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_rows, counters, keyset};
use crate::storage::entity::member::{Column, Entity};
use crate::storage::entity::{contact, group};

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

/// The group's contacts behind a contact, oldest first; of those, the ones that changed at or after a time.
pub(crate) async fn contacts_after(
    connection: &impl ConnectionTrait,
    account: AccountId,
    group: GroupId,
    since: Option<Timestamp>,
    after: Option<ContactId>,
    limit: u64,
) -> Result<Vec<Contact>> {
    let mut select = contacts_in_group(account, group);
    if let Some(since) = since {
        let updated_at = Expr::col((contact::Entity, contact::Column::UpdatedAt));
        select = select.filter(updated_at.gte(since.millis()));
    }
    if let Some(after) = after {
        select = select.filter(Column::ContactId.gt(after.as_uuid()));
    }
    let select = select.order_by_asc(Column::ContactId).limit(limit);
    contact_rows::fetch_contacts(connection, select).await
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
pub(crate) struct MembersCommand<'c> {
    pub(crate) context: &'c Arc<RequestContext>,
    pub(crate) group: &'c GroupKey,
    pub(crate) changes: &'c [MemberChange],
}

/// Carries out changes of members in their order, each on what the one before it left. Returns the result of each.
pub(crate) async fn change(
    transaction: &Transaction,
    commands: &[MembersCommand<'_>],
    change_set: &mut ChangeSet,
) -> Result<Vec<Result<MembersChanged>>> {
    let mut accounts: BTreeMap<AccountId, AccountMembers> = BTreeMap::new();
    for command in commands {
        let account = command.context.account();
        if let Entry::Vacant(vacant) = accounts.entry(account) {
            let of_account = commands.iter().filter(|other| other.context.account() == account);
            vacant.insert(AccountMembers::lock(transaction, account, of_account).await?);
        }
    }
    let mut results = Vec::with_capacity(commands.len());
    for command in commands {
        let account = accounts.get_mut(&command.context.account());
        let changed = account.and_then(|members| members.apply(command, change_set));
        results.push(changed.ok_or_else(queries::not_found));
    }
    for members in accounts.into_values() {
        members.write(transaction).await?;
    }
    Ok(results)
}

/// What changes of members in one account need, locked until the transaction ends.
struct AccountMembers {
    account: AccountId,
    groups: LockedGroups,
    keys: KeyMatches,
    /// For each group, its membership with each contact that exists.
    memberships: HashMap<GroupId, HashMap<ContactId, Membership>>,
    counts: HashMap<Uuid, u64>,
}

impl AccountMembers {
    async fn lock<'c>(
        transaction: &Transaction,
        account: AccountId,
        commands: impl Iterator<Item = &'c MembersCommand<'c>> + Clone,
    ) -> Result<Self> {
        // Serialises changes within a group: the members read stay current.
        let groups = LockedGroups::lock(transaction, account, commands.clone().map(|one| one.group)).await?;
        let contacts = commands.clone().flat_map(|one| one.changes).map(|change| &change.contact);
        let keys = KeyMatches::find(transaction, account, contacts).await?;
        // Also of a group without a contact to change.
        let ids: BTreeSet<Uuid> =
            commands.clone().filter_map(|one| groups.get(one.group)).map(|group| group.as_uuid()).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let mut pairs: BTreeSet<(GroupId, ContactId)> = BTreeSet::new();
        for command in commands {
            let Some(group) = groups.get(command.group) else { continue };
            let ids = command.changes.iter().filter_map(|change| match keys.get(&change.contact) {
                KeyMatch::One(id) => Some((group, id)),
                KeyMatch::None | KeyMatch::Several => None,
            });
            pairs.extend(ids);
        }
        let memberships = lock_memberships(transaction, account, &pairs).await?;
        let counts = counters::read_each(transaction, account, &ids).await?;
        Ok(Self { account, groups, keys, memberships, counts })
    }

    /// Applies a command in memory. `None` if there is no such group.
    fn apply(&mut self, command: &MembersCommand<'_>, change_set: &mut ChangeSet) -> Option<MembersChanged> {
        let MembersCommand { context, group, changes } = command;
        let group = self.groups.get(group)?;
        let resolved: Vec<(MemberOp, Result<ContactId, MemberOutcome>)> = changes
            .iter()
            .map(|MemberChange { op, contact }| {
                let contact = match self.keys.get(contact) {
                    KeyMatch::One(id) => Ok(id),
                    KeyMatch::None => Err(MemberOutcome::NoSuchContact),
                    KeyMatch::Several => Err(MemberOutcome::Ambiguous),
                };
                (*op, contact)
            })
            .collect();
        let outcomes = apply(&resolved, self.memberships.entry(group).or_default());
        let count = self.counts.entry(group.as_uuid()).or_default();
        for ((_, contact), outcome) in resolved.iter().zip(&outcomes) {
            match (outcome, contact) {
                (MemberOutcome::Added, Ok(contact)) => {
                    *count += 1;
                    change_set.push(context, ChangeKind::MemberAdded { group, contact: *contact });
                }
                (MemberOutcome::Removed, Ok(contact)) => {
                    *count = count.saturating_sub(1);
                    change_set.push(context, ChangeKind::MemberRemoved { group, contact: *contact });
                }
                _ => {}
            }
        }
        Some(MembersChanged { member_count: *count, outcomes })
    }

    /// Stores the memberships that differ from those before.
    async fn write(self, transaction: &Transaction) -> Result<()> {
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        for (group, contacts) in self.memberships {
            for (contact, Membership { before, after }) in contacts {
                match (before, after) {
                    (false, true) => joined.push((self.account.get(), group, contact)),
                    (true, false) => left.push((self.account.get(), group, contact)),
                    (false, false) | (true, true) => {}
                }
            }
        }
        joined.sort_unstable();
        left.sort_unstable();
        let backend = transaction.get_database_backend();
        if !joined.is_empty() {
            let rows = json_sql::records(transaction, &joined, &MEMBER)?;
            let insert = json_sql::insert_from(Entity, Column::iter(), rows)?;
            transaction.execute_at_commit(backend.build(&insert)).await?;
        }
        if !left.is_empty() {
            let rows = json_sql::records(transaction, &left, &MEMBER)?;
            let key = Expr::tuple(Column::iter().map(Expr::col));
            let delete = Entity::delete_many().filter(key.in_subquery(rows));
            transaction.execute_at_commit(delete.build(backend)).await?;
        }
        Ok(())
    }
}

/// The key of a member, which is all of its row.
const KEY: [(Column, Type); 3] =
    [(Column::AccountId, Type::Integer), (Column::GroupId, Type::Id), (Column::ContactId, Type::Id)];

/// Its members as a JSON array.
const MEMBER: [(&str, Type); 3] =
    [("account_id", Type::Integer), ("group_id", Type::Id), ("contact_id", Type::Id)];

/// The groups that commands name.
struct LockedGroups {
    by_id: HashSet<GroupId>,
    by_name: HashMap<String, GroupId>,
}

impl LockedGroups {
    /// Locks the groups in the order of their ids, until the transaction ends (on PostgreSQL; SQLite has one writer).
    async fn lock<'k>(
        transaction: &Transaction,
        account: AccountId,
        keys: impl Iterator<Item = &'k GroupKey>,
    ) -> Result<Self> {
        let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            let (id, name) = match key {
                GroupKey::Id(id) => (Some(id), None),
                GroupKey::Name(name) => (None, Some(name)),
                GroupKey::IdOrName(id, name) => (Some(id), Some(name)),
            };
            ids.extend(id.copied());
            names.extend(name.map(GroupName::as_str));
        }
        if !names.is_empty() {
            ids.extend(queries::by_names(transaction, account, &names).await?.into_values());
        }
        let rows = queries::lock_by_ids(transaction, account, &ids).await?;
        let mut locked = Self { by_id: HashSet::new(), by_name: HashMap::new() };
        for (id, name) in rows {
            locked.by_id.insert(id);
            locked.by_name.insert(name, id);
        }
        Ok(locked)
    }

    fn get(&self, key: &GroupKey) -> Option<GroupId> {
        let by_name = |name: &GroupName| self.by_name.get(name.as_str()).copied();
        match key {
            GroupKey::Id(id) => self.by_id.get(id).copied(),
            GroupKey::Name(name) => by_name(name),
            GroupKey::IdOrName(id, name) => self.by_id.get(id).copied().or_else(|| by_name(name)),
        }
    }
}

/// Which of the contacts exist, and whether they are in their groups. Locks the contacts until the transaction ends.
async fn lock_memberships(
    transaction: &Transaction,
    account: AccountId,
    pairs: &BTreeSet<(GroupId, ContactId)>,
) -> Result<HashMap<GroupId, HashMap<ContactId, Membership>>> {
    let mut memberships: HashMap<GroupId, HashMap<ContactId, Membership>> = HashMap::new();
    for (group, _) in pairs {
        memberships.entry(*group).or_default();
    }
    if pairs.is_empty() {
        return Ok(memberships);
    }
    let contacts: BTreeSet<ContactId> = pairs.iter().map(|(_, contact)| *contact).collect();
    let contacts: Vec<ContactId> = contacts.into_iter().collect();
    let select = contact_lookup::in_account(account)
        .select_only()
        .column(contact::Column::Id)
        .filter(in_query(
            transaction,
            (contact::Entity, contact::Column::Id),
            json_sql::ids(transaction, &contacts)?,
        ))
        .order_by_asc(contact::Column::Id)
        .lock(LockType::KeyShare);
    let existing: HashSet<Uuid> = contact_rows::fetch_ids(transaction, select).await?.into_iter().collect();
    for (group, contact) in pairs.iter().filter(|(_, contact)| existing.contains(&contact.as_uuid())) {
        memberships.entry(*group).or_default().insert(*contact, Membership { before: false, after: false });
    }
    let pairs: Vec<_> = pairs.iter().map(|(group, contact)| (account.get(), group, contact)).collect();
    let mut members = json_sql::with_keys(transaction, Entity, &pairs, &KEY)?;
    members.columns([(Entity, Column::GroupId), (Entity, Column::ContactId)]);
    let item = "json_array(hex(group_id), hex(contact_id))";
    let members: Vec<(Uuid, Uuid)> = json_sql::fetch(transaction, &members, item).await?;
    for (group, contact) in members {
        let group = memberships.entry(GroupId::from_uuid(group)).or_default();
        if let Some(membership) = group.get_mut(&ContactId::from_uuid(contact)) {
            *membership = Membership { before: true, after: true };
        }
    }
    Ok(memberships)
}

/// Removes contacts from all groups before their deletion; returns the memberships that end. The caller has locked the
/// contacts.
pub(crate) async fn remove_from_all(
    transaction: &Transaction,
    account: AccountId,
    contacts: &[ContactId],
) -> Result<Vec<(GroupId, ContactId)>> {
    let deleted = Entity::delete_many()
        .filter(Column::AccountId.eq(account.get()))
        .filter(in_query(transaction, Column::ContactId, json_sql::ids(transaction, contacts)?))
        .exec_with_returning(transaction)
        .await?;
    Ok(deleted
        .into_iter()
        .map(|member| (GroupId::from_uuid(member.group_id), ContactId::from_uuid(member.contact_id)))
        .collect())
}

/// The groups of each contact, in the order of `contacts`, newest first; as many as are shown.
pub(super) async fn shown_groups_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    contacts: &[ContactId],
) -> Result<Vec<Vec<GroupRef>>> {
    groups_of(connection, account, contacts, u64::try_from(MAX_SHOWN).ok()).await
}

/// As [`shown_groups_of`], but all groups.
pub(crate) async fn all_groups_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    contacts: &[ContactId],
) -> Result<Vec<Vec<GroupRef>>> {
    groups_of(connection, account, contacts, None).await
}

async fn groups_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    contacts: &[ContactId],
    limit: Option<u64>,
) -> Result<Vec<Vec<GroupRef>>> {
    // One index search per contact, which ends at the limit.
    let mut shown = Query::select()
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
        .to_owned();
    if let Some(limit) = limit {
        shown.limit(limit);
    }
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
