//! Gets that wait at the same time are read together, and each is answered with its own, and not with
//! what was read before it was asked for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use addressbook::domain::contact::fields::{Handle, Meta, Phone};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::{AccountId, Contact, ContactId, ContactKey, ErrorCode, NewContact};
use addressbook::storage::{Database, Options};
use futures_util::future::{FutureExt, join_all};
use sea_orm::Statement;
use uuid::Uuid;

use crate::harness::{Backend, Hold, hold_back, new_database};

/// In each account; more gets of them than go into one group.
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
        idempotency_ttl: Duration::from_secs(1),
        audience_ttl: Duration::from_secs(1),
    };
    Database::open(&options).await.unwrap()
}

/// A get: who asks for what, and what is to be answered.
type Get = (AccountId, ContactId, Option<Contact>);

/// Contacts of two accounts, each asked for by both; and ids of nobody.
async fn gets(database: &Database) -> Vec<Get> {
    let [one, other] = [1, 2].map(AccountId::new);
    let mut gets = Vec::new();
    for (owner, stranger) in [(one, other), (other, one)] {
        for i in 0..CONTACTS {
            let made = database.contacts(owner).insert(contact(i), None).await.unwrap().made;
            gets.push((stranger, made.id, None));
            gets.push((stranger, ContactId::from_uuid(Uuid::now_v7()), None));
            gets.push((owner, made.id, Some(made.clone())));
            // Twice in one group.
            gets.push((owner, made.id, Some(made)));
        }
    }
    fastrand::shuffle(&mut gets);
    gets
}

async fn check(database: &Database, (account, id, expected): &Get) {
    let found = database.contacts(*account).get(ContactKey::Id(*id)).await;
    match expected {
        Some(contact) => assert_eq!(found.as_ref().unwrap(), contact),
        None => assert_eq!(found.unwrap_err().code(), ErrorCode::NotFound),
    }
}

fn each_is_answered_with_its_own(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (database, statements) = open(&url, 4).await.recording();
        let gets = gets(&database).await;
        let before = statements.lock().unwrap().len();
        join_all(gets.iter().map(|get| check(&database, get))).await;
        let read = statements.lock().unwrap()[before..].to_vec();
        assert!(read.len() < gets.len() / 10, "{} gets in {} statements", gets.len(), read.len());
        let of_both = |statement: &Statement| {
            let values = format!("{:?}", statement.values);
            values.contains("[1,") && values.contains("[2,")
        };
        assert!(read.iter().any(of_both), "both accounts in one statement");

        // Clients that go away, at any moment, take nobody with them and keep nobody waiting.
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
        // Those too who have just begun to read.
        for get in gets.iter().take(10) {
            let _gone = check(&database, get).now_or_never();
        }
        for get in gets.iter().take(10) {
            check(&database, get).await;
        }
    });
}

#[test]
fn each_is_answered_with_its_own_on_sqlite() {
    each_is_answered_with_its_own(Backend::Sqlite);
}

#[test]
fn each_is_answered_with_its_own_on_postgres() {
    each_is_answered_with_its_own(Backend::Postgres);
}

/// What has been read already may be out of date when somebody asks: then it is not for them.
#[test]
fn a_get_sees_what_was_acknowledged_while_others_were_read() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (account, hold) = (AccountId::new(1), Arc::new(Hold::default()));
        let writer = open(&url, 4).await.contacts(account);
        let reader = open(&hold_back(&url, &hold), 2).await;
        let id = writer.insert(contact(0), None).await.unwrap().made.id;
        let get = || {
            let contacts = reader.contacts(account);
            tokio::spawn(async move { contacts.get(ContactKey::Id(id)).await.is_ok() })
        };
        // Both connections know the statement then, and the next answer is that to a get.
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
        // Long enough for it to join the others.
        tokio::time::sleep(Duration::from_millis(200)).await;
        hold.on.store(false, Ordering::SeqCst);
        assert!(!late.await.unwrap(), "it was gone before anybody asked");
        join_all(early).await;
    });
}
