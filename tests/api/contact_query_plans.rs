//! Query plans of contacts: every list is an index scan, whatever the size of the table; and concurrent starts.

use std::time::Duration;

use addressbook::domain::contact::ContactRepository;
use addressbook::domain::contact::fields::{Handle, Meta, Phone};
use addressbook::domain::contact::{
    ContactFilter, ContactOffsetQuery, ContactQuery, ContactSort, ExportQuery,
};
use addressbook::domain::pagination::{Cursor, SortDirection};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::{AccountId, Contact, ContactKey, ContactPatch, NewContact, Timestamp};
use addressbook::storage::{Database, Instruments, Options};
use futures_util::StreamExt;
use sea_orm::DbBackend;

use crate::harness::statements::{Planner, Statements, run_recorded};
use crate::harness::{Backend, context, new_database};

/// Enough contacts for the planner to prefer an index; there are two accounts.
pub const COPIES: usize = 4_000;

fn options(url: &str) -> Options {
    Options {
        url: url.to_owned(),
        connections: 4,
        acquire_timeout: Duration::from_secs(10),
        // Tables are filled by one long statement.
        statement_timeout: Duration::from_secs(60),
        write_queue: 100,
        contact_cache: 1 << 20,
        search_cache: 1 << 20,
        idempotency_ttl: Duration::from_secs(1),
        contact_quota: None,
        audience_ttl: Duration::from_secs(1),
        change_retention: Duration::from_secs(3_600),
        backup_retention: None,
        instruments: None,
    }
}

pub async fn open(url: &str) -> Database {
    Database::open(&options(url)).await.unwrap()
}

/// As a server opens it.
pub async fn serve(url: &str) -> Database {
    Database::open_to_serve(&options(url)).await.unwrap()
}

/// The same, measured.
pub async fn serve_measured(url: &str, instruments: Instruments) -> Database {
    let options = Options { instruments: Some(instruments), ..options(url) };
    Database::open_to_serve(&options).await.unwrap()
}

pub fn contact(i: usize) -> Contact {
    Contact::new(NewContact {
        handle: Handle::parse(&format!("contact {i}")).unwrap(),
        phone: Phone::parse(&format!("+4479{:08}", i / 2)).unwrap(),
        display_name: None,
        avatar_url: None,
        meta: Meta::default(),
    })
}

/// Copies a contact under other ids, by SQL: faster than one request per row.
pub async fn multiply(planner: &Planner, copies: usize) {
    let id = match planner.backend {
        DbBackend::Sqlite => "randomblob(16)",
        _ => "gen_random_uuid()",
    };
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies})");
    let copy = format!(
        "INSERT INTO contacts {numbers} SELECT account_id, {id}, handle || '#' || i, phone, display_name, \
         avatar_url, meta, created_at + i, updated_at + i, version FROM contacts, n"
    );
    planner.fill(&copy).await;
}

async fn run_every_query(contacts: &dyn ContactRepository, some: &Contact) {
    let keys = [ContactKey::Id(some.id), ContactKey::Phone(Phone::parse("+14155550199").unwrap())];
    assert_eq!(contacts.get(keys[0].clone()).await.unwrap().id, some.id);
    assert!(contacts.get(keys[1].clone()).await.is_err(), "no contact has the number");
    let nothing =
        ContactPatch { handle: None, phone: None, display_name: None, avatar_url: None, meta: None };
    let renamed = ContactPatch { handle: Some(Handle::parse("renamed").unwrap()), ..nothing };
    contacts.update(keys[0].clone(), renamed, Precondition::None, Timestamp::now()).await.unwrap();
    for (after, before) in
        [(None, None), (Some(some.id), None), (None, Some(some.id)), (Some(some.id), Some(some.id))]
    {
        let cursor = Cursor { after, before };
        for handle in [None, Some(some.handle.clone())] {
            for phone in [None, Some(some.phone.clone())] {
                for updated_since in [None, Some(some.updated_at)] {
                    let (handle, phone) = (handle.clone(), phone.clone());
                    let filter =
                        ContactFilter { handle, phone, updated_since, group: None, expression: None };
                    let export = ExportQuery { filter: filter.clone(), with_groups: false };
                    contacts.cursor_page(ContactQuery { cursor, limit: 10, filter }).await.unwrap();
                    let export = contacts.export(export).await.unwrap();
                    // The first page, and one behind it.
                    drop(export.source.pages().take(2).collect::<Vec<_>>().await);
                }
            }
        }
    }
    for field in [ContactSort::CreatedOn, ContactSort::Handle, ContactSort::Phone] {
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            // On SQLite, a server reads the last page from the seek point of the page before.
            for offset in [20, 1_000, 1_500] {
                let page =
                    contacts.offset_page(ContactOffsetQuery { field, direction, offset, limit: 10 }).await;
                assert_eq!(page.unwrap().items.len(), 10, "there is something to skip");
            }
        }
    }
    contacts.delete(keys[0].clone(), Precondition::None).await.unwrap();
}

fn check(backend: DbBackend, sql: &str, plan: &str) {
    let words: &[&str] = match backend {
        DbBackend::Sqlite => &["SCAN contacts", "TEMP B-TREE"],
        _ => &["Seq Scan on contacts", "Sort"],
    };
    for word in words {
        assert!(!plan.contains(word), "{sql}\n{plan}");
    }
    // The most selective filter determines the index: otherwise a rare number would require a scan of all contacts.
    let filters = [
        ("\"handle\" = ", "contacts_by_handle"),
        ("\"phone\" = ", "contacts_by_phone"),
        ("\"updated_at\" >= ", "contacts_by_change"),
    ];
    let condition = sql.split(" WHERE ").nth(1).unwrap_or_default();
    let narrowest = filters.iter().find(|(filter, _)| condition.contains(filter));
    // PostgreSQL has real statistics, and may choose a better plan.
    if let (DbBackend::Sqlite, Some((_, index))) = (backend, narrowest) {
        assert!(plan.contains(index), "not by {index}: {sql}\n{plan}");
    }
}

fn every_query_is_an_index_scan(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        let (plain, planner) = (open(&url).await, Planner::connect(&url).await);
        for account in [1, 2] {
            let contacts = plain.contacts(&context(AccountId::new(account)));
            for i in 0..4 {
                contacts.insert(contact(i), None).await.unwrap();
            }
        }
        multiply(&planner, COPIES).await;
        let contacts = plain.contacts(&context(AccountId::new(1)));
        let some = contacts.insert(contact(1_000_000), None).await.unwrap().resource;
        let page = contacts
            .cursor_page(ContactQuery {
                cursor: Cursor::default(),
                limit: 100,
                filter: ContactFilter::default(),
            })
            .await
            .unwrap();
        assert_eq!(page.items.len(), 100, "there is something to plan for");

        let database = serve(&url).await;
        statements.clear();
        run_every_query(database.contacts(&context(AccountId::new(1))).as_ref(), &some).await;
        // Every other possible plan is preferred to a sort or a scan of the table.
        let (backend, plans) = (planner.backend, statements.plans(&planner, "contacts").await);
        assert!(plans.len() >= 20, "{} queries", plans.len());
        let anchored = |sql: &str| sql.contains(" OFFSET ") && (sql.contains(" >= ") || sql.contains(" <= "));
        let anchored: Vec<_> = plans.iter().filter(|(sql, _)| anchored(sql)).collect();
        assert_eq!(anchored.len(), if backend == DbBackend::Sqlite { 6 } else { 0 });
        for (sql, plan) in anchored {
            let begins_there = plan.contains('>') || plan.contains('<');
            assert!(plan.contains("COVERING INDEX") && begins_there, "{sql}\n{plan}");
        }
        // An offset skips index entries without reading contacts.
        let skipping =
            |sql: &str| sql.contains(" OFFSET ") && sql.contains("ORDER BY \"contacts\".\"handle\"");
        let skipping: Vec<_> = plans.iter().filter(|(sql, _)| skipping(sql)).collect();
        assert!(skipping.len() >= 2, "{} queries", skipping.len());
        let covering = if backend == DbBackend::Sqlite { "COVERING INDEX" } else { "Index Only Scan" };
        for (sql, plan) in skipping {
            assert!(plan.contains(covering), "{sql}\n{plan}");
        }
        for (sql, plan) in &plans {
            println!("{sql}\n{plan}\n");
            check(backend, sql, plan);
        }
        // Self-check: a query without an index is detected.
        let bad_plan = planner.plan("SELECT * FROM contacts ORDER BY display_name").await;
        assert!(std::panic::catch_unwind(|| check(backend, "", &bad_plan)).is_err(), "{bad_plan}");
    });
}

/// Concurrent first starts on one empty database all succeed, and create one key.
fn concurrent_first_starts_create_one_key(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    let tables: Vec<usize> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    tokio::runtime::Runtime::new().unwrap().block_on(async {
                        let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(open(&url).await);
                        let keys = addressbook::domain::api_key::service::KeyService::new(store);
                        let created = keys.create_first().await.unwrap();
                        assert_eq!(keys.list(None).await.unwrap().len(), 1);
                        usize::from(created.is_some())
                    })
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(tables.iter().sum::<usize>(), 1, "one first key: {tables:?}");
}

on_each! {
    every_query_is_an_index_scan
    concurrent_first_starts_create_one_key
}
