//! Gets that wait at the same time are read together, and each is answered with its own.

use std::sync::Arc;
use std::time::Duration;

use addressbook::domain::fields::{Handle, Meta, Phone};
use addressbook::domain::repository::Store;
use addressbook::domain::{AccountId, Code, Contact, ContactId, ContactKey, NewContact};
use addressbook::storage::{Database, Options};
use futures_util::future::join_all;
use sea_orm::Statement;
use uuid::Uuid;

use crate::harness::{Backend, new_database};

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
        None => assert_eq!(found.unwrap_err().code(), Code::NotFound),
    }
}

fn each_is_answered_with_its_own(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let options = Options {
            url,
            connections: 4,
            acquire_timeout: Duration::from_secs(10),
            write_queue: 100,
            cached_contacts: 0,
            idempotency_ttl: Duration::from_secs(1),
        };
        let (database, statements) = Database::open(&options).await.unwrap().recording();
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
        for get in gets.iter().take(3) {
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
