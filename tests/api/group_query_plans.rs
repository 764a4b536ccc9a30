//! Query plans of groups and memberships: every query is an index scan.

use addressbook::domain::audience::LookupRequest;
use addressbook::domain::contact::ContactRepository;
use addressbook::domain::contact::{ContactFilter, ContactQuery, ExportQuery};
use addressbook::domain::group::{
    Group, GroupKey, GroupName, GroupPatch, GroupQuery, GroupRepository, MemberChange, MemberOp, NewGroup,
};
use addressbook::domain::named::NamedResource;
use addressbook::domain::named::{NamedOffsetQuery, NamedSort};
use addressbook::domain::pagination::{Cursor, CursorParams, OffsetParams, SortDirection};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::{AccountId, Contact, ContactId, ContactKey, Timestamp};
use addressbook::storage::Database;
use futures_util::StreamExt as _;
use sea_orm::DbBackend;

use crate::contact_query_plans::{COPIES, contact, multiply, open, serve};
use crate::harness::statements::{Planner, Statements, run_recorded};
use crate::harness::{Backend, context, new_database};
use crate::query_plans::{check, fill};

fn named(name: &str) -> NewGroup {
    NewGroup { name: GroupName::parse(name).unwrap(), description: None }
}

async fn number(planner: &Planner, sql: &str) -> i64 {
    planner.first_row(sql).await.unwrap().try_get_by_index(0).unwrap()
}

/// Two accounts with contacts, groups and counters; in each, one group that contains all contacts.
async fn full(url: &str) -> (Database, Planner, Group) {
    let (plain, planner) = (open(url).await, Planner::connect(url).await);
    let backend = planner.backend;
    let mut large = None;
    for account in [2, 1] {
        for i in 0..4 {
            plain.contacts(&context(AccountId::new(account))).insert(contact(i), None).await.unwrap();
        }
        let group =
            plain.groups(&context(AccountId::new(account))).insert(Group::new(named("large")), None).await;
        large = Some(group.unwrap().resource);
    }
    multiply(&planner, COPIES).await;
    // Few contacts share a number, as in practice.
    let any = if backend == DbBackend::Sqlite { "abs(random()) % 10000" } else { "floor(random() * 10000)" };
    planner.fill(&format!("UPDATE contacts SET phone = '+44790000' || (10000 + {any})")).await;
    let members = "INSERT INTO members SELECT groups.account_id, groups.id, contacts.id FROM groups JOIN contacts \
                   ON contacts.account_id = groups.account_id";
    planner.fill(members).await;
    let groups = fill(backend, |numbers, id| {
        format!(
            "INSERT INTO groups {numbers} SELECT a.i, {id}, 'g' || n.i, NULL, n.i, n.i, 1 FROM n, n AS a WHERE a.i < 3"
        )
    });
    planner.fill(&groups).await;
    let counters = "INSERT INTO counters SELECT account_id, id, 1 FROM groups WHERE name <> 'large'";
    planner.fill(counters).await;
    (plain, planner, large.unwrap())
}

/// The members of a group after a cursor, newest first.
async fn members(
    contacts: &dyn ContactRepository,
    large: &Group,
    after: Option<ContactId>,
    limit: u64,
) -> Vec<Contact> {
    let (cursor, group) = (Cursor { after, before: None }, Some(GroupKey::Id(large.id)));
    let query = ContactQuery { cursor, limit, filter: ContactFilter { group, ..ContactFilter::default() } };
    contacts.cursor_page(query).await.unwrap().items
}

async fn query_groups(groups: &dyn GroupRepository, large: &Group, contacts: &[Contact]) {
    let by_id = GroupKey::Id(large.id);
    for key in [by_id.clone(), GroupKey::Name(large.name.clone())] {
        assert_eq!(groups.find(key.clone()).await.unwrap().id, large.id);
        assert_eq!(groups.members_by_offset(key, 20, 10).await.unwrap().items.len(), 10);
    }
    for (after, before) in [(None, None), (Some(large.id), None), (None, Some(large.id))] {
        for name in [None, Some(large.name.clone())] {
            let page = CursorParams { cursor: Cursor { after, before }, limit: 10 };
            groups.cursor_page(GroupQuery { page, name }).await.unwrap();
        }
    }
    for field in [NamedSort::CreatedOn, NamedSort::Name] {
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let page = OffsetParams { direction, offset: 20, limit: 10 };
            assert_eq!(groups.offset_page(NamedOffsetQuery { field, page }).await.unwrap().items.len(), 10);
        }
    }
    let shown = groups.of_contacts(contacts.iter().map(|contact| contact.id).collect()).await.unwrap();
    assert!(shown.len() == contacts.len() && shown.iter().all(|groups| groups[0].id == large.id));

    let items = contacts.iter().flat_map(|contact| {
        [
            ContactKey::Id(contact.id),
            ContactKey::Phone(contact.phone.clone()),
            ContactKey::Handle(contact.handle.clone()),
        ]
    });
    for op in [MemberOp::Remove, MemberOp::Add] {
        let items = items.clone().map(|contact| MemberChange { op, contact }).collect();
        groups.change_members(by_id.clone(), items).await.unwrap();
    }
    let patch = GroupPatch { name: Some(GroupName::parse("renamed").unwrap()), description: None };
    groups.update(by_id, patch, Precondition::None, Timestamp::now()).await.unwrap();
}

/// A group of its own with some of these contacts.
async fn small(groups: &dyn GroupRepository, contacts: &[Contact]) -> Group {
    let small = groups.insert(Group::new(named("small")), None).await.unwrap().resource;
    let add = |contact: &Contact| MemberChange { op: MemberOp::Add, contact: ContactKey::Id(contact.id) };
    groups.change_members(GroupKey::Id(small.id), contacts.iter().take(20).map(add).collect()).await.unwrap();
    small
}

async fn query_contacts(contacts: &dyn ContactRepository, large: &Group, small: &Group, page: &[Contact]) {
    assert_eq!(members(contacts, large, None, 1_000).await.len(), 1_000);
    let next = members(contacts, large, Some(page[50].id), 10).await;
    assert_eq!((next.len(), &next[0]), (10, &page[51]));
    // Half of the contacts have changed since, half before. Where they are very few, the best plan is another.
    let mut by_change: Vec<&Contact> = page.iter().collect();
    by_change.sort_by_key(|contact| contact.updated_at);
    let some = by_change[page.len() / 2];
    for (after, before) in [(None, None), (Some(some.id), None), (None, Some(some.id))] {
        for handle in [None, Some(some.handle.clone())] {
            for phone in [None, Some(some.phone.clone())] {
                for updated_since in [None, Some(some.updated_at)] {
                    let (handle, phone) = (handle.clone(), phone.clone());
                    let group = if handle.is_none() && phone.is_none() && updated_since.is_some() {
                        small
                    } else {
                        large
                    };
                    let (cursor, group) = (Cursor { after, before }, Some(GroupKey::Id(group.id)));
                    let filter = ContactFilter { handle, phone, updated_since, group, expression: None };
                    let export = ExportQuery { filter: filter.clone(), with_groups: true };
                    contacts.cursor_page(ContactQuery { cursor, limit: 10, filter }).await.unwrap();
                    let export = contacts.export(export).await.unwrap();
                    drop(export.source.pages().take(2).collect::<Vec<_>>().await);
                }
            }
        }
    }
    contacts.delete(ContactKey::Id(page[0].id), Precondition::None).await.unwrap();
}

fn group_queries_are_index_scans(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        let (plain, planner, large) = full(&url).await;
        let account = AccountId::new(1);
        let contacts = members(plain.contacts(&context(account)).as_ref(), &large, None, 100).await;
        assert_eq!(contacts.len(), 100, "there is something to plan for");

        let database = serve(&url).await;
        statements.clear();
        let groups = database.groups(&context(account));
        query_groups(groups.as_ref(), &large, &contacts).await;
        let small = small(plain.groups(&context(account)).as_ref(), &contacts).await;
        query_contacts(database.contacts(&context(account)).as_ref(), &large, &small, &contacts).await;
        let audiences = database.audiences(&context(account));
        for group in [None, Some(large.id)] {
            let read = audiences.stream(group).take(3).map(|page| page.unwrap().len());
            assert!(read.collect::<Vec<_>>().await.iter().sum::<usize>() > 100);
        }
        let request = LookupRequest {
            handles: contacts[1..].iter().map(|contact| &contact.handle).collect(),
            ids: contacts[1..].iter().map(|contact| contact.id).collect(),
            phones: contacts[1..].iter().map(|contact| &contact.phone).collect(),
        };
        let found = audiences.find(request).await.unwrap();
        assert!(found.by_handle.iter().chain(&found.by_id).all(Option::is_some));
        let other = groups.insert(Group::new(named("other")), None).await.unwrap().resource;
        for group in [other.id, large.id] {
            groups.delete(GroupKey::Id(group), Precondition::None).await.unwrap();
        }
        // The background deletion's queries are checked, too.
        while number(&planner, "SELECT count(*) FROM groups WHERE name IS NULL").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let by_change = |sql: &&String| sql.contains("ORDER BY \"contacts\".\"updated_at\" + ");
        let changed = statements.all().iter().filter(by_change).count();
        assert_eq!(changed, 3, "without a cursor, and to either side of one");
        for (table, least) in [("members", 20), ("groups", 14), ("contacts", 20), ("counters", 3)] {
            let count = check(&planner, statements, table).await;
            assert!(count >= least, "{count} queries of {table}");
        }
    });
}

/// Deleting a group does not touch its memberships: on SQLite, a running server deletes them later.
#[test]
fn deleting_a_group_deletes_one_row() {
    let Some(url) = new_database(Backend::Sqlite) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (plain, planner, large) = full(&url).await;
        let members =
            format!("SELECT count(*) FROM members WHERE group_id = X'{}'", large.id.as_uuid().simple());
        let before = number(&planner, &members).await;
        assert!(before > 10_000, "{before}");
        plain
            .groups(&context(AccountId::new(1)))
            .delete(GroupKey::Id(large.id), Precondition::None)
            .await
            .unwrap();
        assert_eq!(number(&planner, &members).await, before);
        assert!(plain.groups(&context(AccountId::new(1))).find(GroupKey::Id(large.id)).await.is_err());
    });
}

on_each! {
    group_queries_are_index_scans
}
