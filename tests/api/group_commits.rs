//! Creates that wait at the same time are stored together, and each is answered for itself.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use addressbook::domain::contact::fields::{Handle, Meta, Phone};
use addressbook::domain::contact::{ContactOffsetQuery, ContactSort};
use addressbook::domain::idempotency::{IdempotencyKey, IdempotentRequest};
use addressbook::domain::pagination::{OffsetPage, SortDirection};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::{AccountId, Contact, ContactKey, ContactPatch, ErrorCode, NewContact, Timestamp};
use addressbook::storage::{Database, Options};
use futures_util::future::join_all;
use sea_orm::ConnectionTrait;

use crate::harness::{Backend, new_database};

/// Creates that go together, in each account.
const TOGETHER: usize = 40;

/// So many creates at once that there is always a next group.
const CROWD: usize = 300;

/// How long a write waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// What makes storing a contact take longer than wanting to.
const SLOWLY: &str = "PRAGMA query_only = off; CREATE TRIGGER slowly BEFORE INSERT ON contacts BEGIN \
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT sum(i) FROM n; END";

/// A handle that the database refuses.
const REFUSED: &str = "refused";

async fn open(url: &str) -> Database {
    let options = Options {
        url: url.to_owned(),
        connections: 4,
        acquire_timeout: PATIENCE,
        statement_timeout: PATIENCE,
        write_queue: 1_000,
        contact_cache: 1 << 20,
        idempotency_ttl: Duration::from_secs(60),
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
async fn create(database: &Database, handles: &[String]) -> Vec<(AccountId, Contact, Option<ErrorCode>)> {
    let creates = [1, 2].into_iter().flat_map(|account| handles.iter().map(move |handle| (account, handle)));
    let created = creates.map(async |(account, handle)| {
        let (account, contact) = (AccountId::new(account), contact(handle));
        let outcome = database.contacts(account).insert(contact.clone(), None).await;
        (account, contact, outcome.err().map(|error| error.code()))
    });
    join_all(created).await
}

/// The first contacts of an account, and how many it has.
async fn page(database: &Database, account: AccountId) -> OffsetPage<Contact> {
    let all = ContactOffsetQuery {
        field: ContactSort::Handle,
        direction: SortDirection::Ascending,
        offset: 0,
        limit: 100,
    };
    database.contacts(account).offset_page(all).await.unwrap()
}

/// Whoever was told that a contact is stored finds it, others do not; the count says the same.
async fn check(database: &Database, created: &[(AccountId, Contact, Option<ErrorCode>)]) {
    for (account, contact, failed) in created {
        let found = database.contacts(*account).get(ContactKey::Id(contact.id)).await;
        assert_eq!(found.is_ok(), failed.is_none(), "{:?}: {failed:?}", contact.handle);
    }
    for account in [1, 2].map(AccountId::new) {
        let stored = created.iter().filter(|(owner, _, failed)| *owner == account && failed.is_none());
        let page = page(database, account).await;
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
        let taken = created.iter().filter(|(_, _, failed)| *failed == Some(ErrorCode::HandleTaken)).count();
        assert_eq!((taken, created.len()), (2 * TOGETHER, 4 * TOGETHER));
        check(&database, &created).await;

        // What is deleted is counted no more.
        let (account, gone, failed) = created.iter_mut().find(|(_, _, failed)| failed.is_none()).unwrap();
        let contacts = database.contacts(*account);
        contacts.delete(ContactKey::Id(gone.id), Precondition::None).await.unwrap();
        *failed = Some(ErrorCode::NotFound);
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
            let expected = (contact.handle.as_str() == REFUSED).then_some(ErrorCode::Internal);
            assert_eq!(*failed, expected, "{:?}", contact.handle);
        }
        check(&database, &created).await;

        // Whatever became of a write, it is over: what is read now is in memory, where there is one.
        let (database, statements) = database.recording();
        let lists = async || {
            for account in [1, 2].map(AccountId::new) {
                page(&database, account).await;
            }
            // The sweeper of groups reads, too, whenever it likes.
            statements.lock().unwrap().iter().filter(|statement| statement.sql.contains("contacts")).count()
        };
        let read = lists().await;
        assert_eq!(lists().await == read, backend == Backend::Sqlite);
        database.close().await;
    });
}

/// One contact from its creation to its end, each step as it has to be.
async fn live(database: &Database, round: usize) {
    let contacts = database.contacts(AccountId::new(1));
    let new = contact(&format!("kept {round}"));
    let key = ContactKey::Id(new.id);
    let attempt = || IdempotentRequest {
        operation: "createContact",
        key: IdempotencyKey::parse(&round.to_string()).unwrap(),
        fingerprint: [0; 32],
    };
    let made = contacts.insert(new.clone(), Some(attempt())).await.unwrap();
    assert_eq!((&made.made, made.replayed), (&new, false));
    let again = contacts.insert(contact(new.handle.as_str()), Some(attempt())).await.unwrap();
    assert_eq!((again.made, again.replayed), (new, true));

    let handle = Handle::parse(&format!("renamed {round}")).unwrap();
    let handle_only = ContactPatch {
        handle: Some(handle.clone()),
        phone: None,
        display_name: None,
        avatar_url: None,
        meta: None,
    };
    let renamed =
        contacts.update(key.clone(), handle_only, Precondition::None, Timestamp::now()).await.unwrap();
    assert_eq!((&renamed.handle, renamed.version), (&handle, 2));
    for key in [key.clone(), ContactKey::Handle(handle)] {
        assert_eq!(contacts.get(key).await.unwrap(), renamed);
    }
    contacts.delete(key.clone(), Precondition::None).await.unwrap();
    assert_eq!(contacts.get(key).await.unwrap_err().code(), ErrorCode::NotFound);
}

fn a_stream_of_creates_leaves_others_their_turn(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = open(&url).await;
        if backend == Backend::Sqlite {
            database.reader().execute_unprepared(SLOWLY).await.unwrap();
        }
        let stop = AtomicBool::new(false);
        let creates = (0..CROWD).map(async |i| {
            let mut created = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let (account, contact) =
                    (AccountId::new(1 + i64::from(i % 2 == 0)), contact(&format!("{i} {}", created.len())));
                let made = database.contacts(account).insert(contact, None).await.unwrap().made;
                let found = database.contacts(account).get(ContactKey::Id(made.id)).await.unwrap();
                assert_eq!(found, made);
                created.push(account);
            }
            created
        });
        let others = async {
            for round in 0..8 {
                live(&database, round).await;
            }
            stop.store(true, Ordering::Relaxed);
        };
        let (created, ()) = tokio::join!(join_all(creates), others);
        let created = created.concat();
        assert!(created.len() > CROWD, "there was a stream: {}", created.len());
        for account in [1, 2].map(AccountId::new) {
            let stored = created.iter().filter(|owner| **owner == account).count();
            assert_eq!(page(&database, account).await.total, u64::try_from(stored).unwrap());
        }
        database.close().await;
    });
}

#[test]
fn a_stream_of_creates_leaves_others_their_turn_on_sqlite() {
    a_stream_of_creates_leaves_others_their_turn(Backend::Sqlite);
}

#[test]
fn a_stream_of_creates_leaves_others_their_turn_on_postgres() {
    a_stream_of_creates_leaves_others_their_turn(Backend::Postgres);
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
