//! Read batching: concurrent gets share a query, each gets its own contact, and none gets data read
//! before it was sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use addressbook::domain::contact::fields::{Handle, Meta, Phone};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::{AccountId, Contact, ContactId, ContactKey, ErrorCode, NewContact};
use addressbook::storage::{Database, Options};
use futures_util::future::{FutureExt, join_all};
use uuid::Uuid;

use crate::harness::statements::{Statements, run_recorded};
use crate::harness::{Backend, Hold, context, delay_replies, new_database};

/// Per account; more gets of them than fit into one batch.
const CONTACTS: usize = 100;

fn contact(i: usize) -> Contact {
    Contact::new(NewContact {
        handle: Handle::parse(&format!("contact {i}")).unwrap(),
        phone: Phone::parse("+4479000000001").unwrap(),
        display_name: None,
        avatar_url: None,
        meta: Meta::default(),
    })
}

async fn open(url: &str, connections: u32) -> Database {
    let options = Options {
        url: url.to_owned(),
        connections,
        acquire_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
        write_queue: 100,
        contact_cache: 0,
        search_cache: 1 << 20,
        idempotency_ttl: Duration::from_secs(1),
        contact_quota: None,
        audience_ttl: Duration::from_secs(1),
        change_retention: Duration::from_secs(3_600),
        backup_retention: None,
        instruments: None,
    };
    Database::open(&options).await.unwrap()
}

/// A get: account, id, and expected contact.
type Get = (AccountId, ContactId, Option<Contact>);

/// Contacts of two accounts, each requested by both; and unknown ids.
async fn gets(database: &Database) -> Vec<Get> {
    let [one, other] = [1, 2].map(AccountId::new);
    let mut gets = Vec::new();
    for (owner, stranger) in [(one, other), (other, one)] {
        for i in 0..CONTACTS {
            let created = database.contacts(&context(owner)).insert(contact(i), None).await.unwrap().resource;
            gets.push((stranger, created.id, None));
            gets.push((stranger, ContactId::from_uuid(Uuid::now_v7()), None));
            gets.push((owner, created.id, Some(created.clone())));
            // Twice in one batch.
            gets.push((owner, created.id, Some(created)));
        }
    }
    fastrand::shuffle(&mut gets);
    gets
}

async fn check(database: &Database, (account, id, expected): &Get) {
    let found = database.contacts(&context(*account)).get(ContactKey::Id(*id)).await;
    match expected {
        Some(contact) => assert_eq!(found.as_ref().unwrap(), contact),
        None => assert_eq!(found.unwrap_err().code(), ErrorCode::NotFound),
    }
}

fn each_get_returns_its_own_contact(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    run_recorded(async |statements: &Statements| {
        let database = open(&url, 4).await;
        let gets = gets(&database).await;
        statements.clear();
        join_all(gets.iter().map(|get| check(&database, get))).await;
        let read = statements.all().len();
        assert!(read < gets.len() / 10, "{} gets in {read} statements", gets.len());

        // Accounts share statements, unless SQLite is so fast that no get waits for another.
        let one_of_each = (1..=100).map(|account| (AccountId::new(account), ContactId::generate().0, None));
        let one_of_each: Vec<Get> = one_of_each.collect();
        let mut share_statements = false;
        for _ in 0..100 {
            statements.clear();
            join_all(one_of_each.iter().map(|get| check(&database, get))).await;
            share_statements |= statements.all().len() < one_of_each.len() / 2;
        }
        assert!(share_statements, "each account has statements of its own");

        // Cancelled gets fail no other get and block none.
        let (database, gets) = (Arc::new(database), Arc::new(gets));
        let clients: Vec<_> = (0..gets.len())
            .map(|i| {
                let (database, gets) = (Arc::clone(&database), Arc::clone(&gets));
                tokio::spawn(async move { check(&database, &gets[i]).await })
            })
            .collect();
        for (i, client) in clients.into_iter().enumerate() {
            if i % 2 == 0 {
                client.abort();
            } else {
                client.await.unwrap();
            }
            if i % 50 == 0 {
                tokio::time::sleep(Duration::from_micros(fastrand::u64(..500))).await;
            }
        }
        // Including gets whose batch is being read.
        for get in gets.iter().take(10) {
            let _gone = check(&database, get).now_or_never();
        }
        for get in gets.iter().take(10) {
            check(&database, get).await;
        }
    });
}

/// Data that was already read may be stale for a get that arrives later: it must not get it.
#[test]
fn a_get_sees_writes_acknowledged_before_it_was_sent() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (account, hold) = (AccountId::new(1), Arc::new(Hold::default()));
        let writer = open(&url, 4).await.contacts(&context(account));
        let reader = open(&delay_replies(&url, &hold), 2).await;
        let id = writer.insert(contact(0), None).await.unwrap().resource.id;
        let get = || {
            let contacts = reader.contacts(&context(account));
            tokio::spawn(async move { contacts.get(ContactKey::Id(id)).await.is_ok() })
        };
        // Both connections have prepared the statement by then, so that the next reply is that to a get.
        for _ in 0..4 {
            assert!(get().await.unwrap());
        }
        hold.on.store(true, Ordering::SeqCst);
        let early: Vec<_> = (0..8).map(|_| get()).collect();
        while !hold.has_held.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        writer.delete(ContactKey::Id(id), Precondition::None).await.unwrap();
        let late = get();
        // Long enough to join the batch.
        tokio::time::sleep(Duration::from_millis(200)).await;
        hold.on.store(false, Ordering::SeqCst);
        assert!(!late.await.unwrap(), "it was gone before anybody asked");
        join_all(early).await;
    });
}

on_each! {
    each_get_returns_its_own_contact
}
