//! Creates that wait at the same time are stored together, and each is answered for itself.

use std::collections::HashSet;
use std::time::Duration;

use addressbook::domain::fields::{Handle, Meta, Phone};
use addressbook::domain::page::{OffsetQuery, SortDirection, SortField};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::repository::Store;
use addressbook::domain::{AccountId, Code, Contact, ContactKey, NewContact};
use addressbook::storage::{Database, Options};
use futures_util::future::join_all;
use sea_orm::ConnectionTrait;

use crate::harness::{Backend, new_database};

/// Creates that go together, in each account.
const TOGETHER: usize = 40;

/// A handle that the database refuses.
const REFUSED: &str = "refused";

async fn open(url: &str) -> Database {
    let options = Options {
        url: url.to_owned(),
        connections: 4,
        acquire_timeout: Duration::from_secs(10),
        write_queue: 1_000,
        contact_cache: 1 << 20,
        idempotency_ttl: Duration::from_secs(1),
        audience_ttl: Duration::from_secs(1),
    };
    Database::open_to_serve(&options).await.unwrap()
}

fn contact(handle: &str) -> Contact {
    Contact::new(NewContact {
        handle: Handle::parse(handle).unwrap(),
        phone: Phone::parse("+4479000000001").unwrap(),
        display_name: None,
        avatar_url: None,
        meta: Meta::default(),
    })
}

/// Creates all of them at the same time, in both accounts; answers what became of each.
async fn create(database: &Database, handles: &[String]) -> Vec<(AccountId, Contact, Option<Code>)> {
    let creates = [1, 2].into_iter().flat_map(|account| handles.iter().map(move |handle| (account, handle)));
    let created = creates.map(async |(account, handle)| {
        let (account, contact) = (AccountId::new(account), contact(handle));
        let outcome = database.contacts(account).insert(contact.clone(), None).await;
        (account, contact, outcome.err().map(|error| error.code()))
    });
    join_all(created).await
}

/// Whoever was told that a contact is stored finds it, others do not; the count says the same.
async fn check(database: &Database, created: &[(AccountId, Contact, Option<Code>)]) {
    for (account, contact, failed) in created {
        let found = database.contacts(*account).get(ContactKey::Id(contact.id)).await;
        assert_eq!(found.is_ok(), failed.is_none(), "{:?}: {failed:?}", contact.handle);
    }
    for account in [1, 2].map(AccountId::new) {
        let stored = created.iter().filter(|(owner, _, failed)| *owner == account && failed.is_none());
        let all = OffsetQuery {
            field: SortField::Handle,
            direction: SortDirection::Ascending,
            offset: 0,
            limit: 100,
        };
        let page = database.contacts(account).offset_page(all).await.unwrap();
        let listed: HashSet<_> = page.items.iter().map(|contact| contact.id).collect();
        assert_eq!(listed, stored.map(|(_, contact, _)| contact.id).collect());
        assert_eq!(page.total, u64::try_from(listed.len()).unwrap());
    }
}

fn numbered() -> Vec<String> {
    (0..TOGETHER).map(|i| format!("contact {i}")).collect()
}

fn one_handle_is_given_once(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = open(&url).await;
        let twice = [numbered(), numbered()].concat();
        let mut created = create(&database, &twice).await;
        let taken = created.iter().filter(|(_, _, failed)| *failed == Some(Code::HandleTaken)).count();
        assert_eq!((taken, created.len()), (2 * TOGETHER, 4 * TOGETHER));
        check(&database, &created).await;

        // What is deleted is counted no more.
        let (account, gone, failed) = created.iter_mut().find(|(_, _, failed)| failed.is_none()).unwrap();
        let contacts = database.contacts(*account);
        contacts.delete(ContactKey::Id(gone.id), Precondition::None).await.unwrap();
        *failed = Some(Code::NotFound);
        check(&database, &created).await;
        database.close().await;
    });
}

fn one_that_is_refused_is_nobody_elses_fault(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = open(&url).await;
        let refuse = match backend {
            Backend::Sqlite => format!(
                "PRAGMA query_only = off; CREATE TRIGGER refuses BEFORE INSERT ON contacts \
                 WHEN new.handle = '{REFUSED}' BEGIN SELECT RAISE(ABORT, 'no'); END"
            ),
            Backend::Postgres => {
                format!("ALTER TABLE contacts ADD CONSTRAINT refuses CHECK (handle <> '{REFUSED}')")
            }
        };
        database.reader().execute_unprepared(&refuse).await.unwrap();
        let mut handles = numbered();
        handles.insert(TOGETHER / 2, REFUSED.to_owned());
        let created = create(&database, &handles).await;
        for (_, contact, failed) in &created {
            let expected = (contact.handle.as_str() == REFUSED).then_some(Code::Internal);
            assert_eq!(*failed, expected, "{:?}", contact.handle);
        }
        check(&database, &created).await;
        database.close().await;
    });
}

#[test]
fn one_handle_is_given_once_on_sqlite() {
    one_handle_is_given_once(Backend::Sqlite);
}

#[test]
fn one_handle_is_given_once_on_postgres() {
    one_handle_is_given_once(Backend::Postgres);
}

#[test]
fn one_that_is_refused_is_nobody_elses_fault_on_sqlite() {
    one_that_is_refused_is_nobody_elses_fault(Backend::Sqlite);
}

#[test]
fn one_that_is_refused_is_nobody_elses_fault_on_postgres() {
    one_that_is_refused_is_nobody_elses_fault(Backend::Postgres);
}
