//! Group commit: concurrent creates share a transaction, and each gets its own result.

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

use crate::harness::statements::{Planner, Statements, run_recorded};
use crate::harness::{Backend, context, new_database};

/// Concurrent creates per account.
const CONCURRENT_CREATES: usize = 40;

/// Enough concurrent creates that a next group is always waiting.
const MANY_CREATES: usize = 300;

/// How long a write waits for the lock.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Makes storing a contact slower than submitting one.
const SLOW_INSERT_TRIGGER: &str = "CREATE TRIGGER slowly BEFORE INSERT ON contacts BEGIN \
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT sum(i) FROM n; END";

/// A handle that the database rejects.
const REFUSED: &str = "refused";

pub async fn open(url: &str) -> Database {
    let options = Options {
        url: url.to_owned(),
        connections: 4,
        acquire_timeout: TIMEOUT,
        statement_timeout: TIMEOUT,
        write_queue: 1_000,
        contact_cache: 1 << 20,
        search_cache: 1 << 20,
        idempotency_ttl: Duration::from_secs(60),
        contact_quota: None,
        audience_ttl: Duration::from_secs(1),
        change_retention: Duration::from_secs(3_600),
        backup_retention: None,
        instruments: None,
    };
    Database::open_to_serve(&options).await.unwrap()
}

pub fn contact(handle: &str) -> Contact {
    Contact::new(NewContact {
        handle: Handle::parse(handle).unwrap(),
        phone: Phone::parse("+4479000000001").unwrap(),
        display_name: None,
        avatar_url: None,
        meta: Meta::default(),
    })
}

/// Creates all of them concurrently in both accounts; returns the result of each.
async fn create(database: &Database, handles: &[String]) -> Vec<(AccountId, Contact, Option<ErrorCode>)> {
    let creates = [1, 2].into_iter().flat_map(|account| handles.iter().map(move |handle| (account, handle)));
    let created = creates.map(async |(account, handle)| {
        let (account, contact) = (AccountId::new(account), contact(handle));
        let outcome = database.contacts(&context(account)).insert(contact.clone(), None).await;
        (account, contact, outcome.err().map(|error| error.code()))
    });
    join_all(created).await
}

/// The newest contacts of an account, and the total.
async fn page(database: &Database, account: AccountId) -> OffsetPage<Contact> {
    let all = ContactOffsetQuery {
        field: ContactSort::Handle,
        direction: SortDirection::Ascending,
        offset: 0,
        limit: 100,
    };
    database.contacts(&context(account)).offset_page(all).await.unwrap()
}

/// Acknowledged contacts are found, others are not, and the counter agrees.
async fn check(database: &Database, created: &[(AccountId, Contact, Option<ErrorCode>)]) {
    for (account, contact, failed) in created {
        let found = database.contacts(&context(*account)).get(ContactKey::Id(contact.id)).await;
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

fn handles() -> Vec<String> {
    (0..CONCURRENT_CREATES).map(|i| format!("contact {i}")).collect()
}

fn concurrent_creates_with_one_handle_succeed_once(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = open(&url).await;
        let twice = [handles(), handles()].concat();
        let mut created = create(&database, &twice).await;
        let taken = created.iter().filter(|(_, _, failed)| *failed == Some(ErrorCode::HandleTaken)).count();
        assert_eq!((taken, created.len()), (2 * CONCURRENT_CREATES, 4 * CONCURRENT_CREATES));
        check(&database, &created).await;

        // A deleted contact no longer counts.
        let (account, deleted, failed) = created.iter_mut().find(|(_, _, failed)| failed.is_none()).unwrap();
        let contacts = database.contacts(&context(*account));
        contacts.delete(ContactKey::Id(deleted.id), Precondition::None).await.unwrap();
        *failed = Some(ErrorCode::NotFound);
        check(&database, &created).await;
        database.close().await;
    });
}

fn a_rejected_create_does_not_fail_its_group(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    run_recorded(async |statements: &Statements| {
        let database = open(&url).await;
        let refuse = match backend {
            Backend::Sqlite => format!(
                "CREATE TRIGGER refuses BEFORE INSERT ON contacts \
                 WHEN new.handle = '{REFUSED}' BEGIN SELECT RAISE(ABORT, 'no'); END"
            ),
            Backend::Postgres => {
                format!("ALTER TABLE contacts ADD CONSTRAINT refuses CHECK (handle <> '{REFUSED}')")
            }
        };
        Planner::connect(&url).await.run(&refuse).await;
        let mut handles = handles();
        handles.insert(CONCURRENT_CREATES / 2, REFUSED.to_owned());
        let created = create(&database, &handles).await;
        for (_, contact, failed) in &created {
            let expected = (contact.handle.as_str() == REFUSED).then_some(ErrorCode::Internal);
            assert_eq!(*failed, expected, "{:?}", contact.handle);
        }
        check(&database, &created).await;

        // Every write has completed: reads now fill the cache, if there is one.
        statements.clear();
        let lists = async || {
            for account in [1, 2].map(AccountId::new) {
                page(&database, account).await;
            }
            // The background deletion of groups reads at any time, too.
            statements.all().iter().filter(|sql| sql.contains("contacts")).count()
        };
        let read = lists().await;
        assert_eq!(lists().await == read, backend == Backend::Sqlite);
        database.close().await;
    });
}

/// The life cycle of one contact, each step with its expected result.
async fn check_life_cycle(database: &Database, round: usize) {
    let contacts = database.contacts(&context(AccountId::new(1)));
    let new = contact(&format!("kept {round}"));
    let key = ContactKey::Id(new.id);
    let attempt = || IdempotentRequest {
        operation: "createContact",
        key: IdempotencyKey::parse(&round.to_string()).unwrap(),
        fingerprint: [0; 32],
    };
    let first = contacts.insert(new.clone(), Some(attempt())).await.unwrap();
    // One that waited for long is stored with a later time than it came with.
    let new = Contact { updated_at: first.resource.updated_at, ..new };
    assert_eq!((&first.resource, first.replayed), (&new, false));
    let again = contacts.insert(contact(new.handle.as_str()), Some(attempt())).await.unwrap();
    assert_eq!((again.resource, again.replayed), (new, true));

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

fn continuous_creates_do_not_starve_other_writes(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = open(&url).await;
        if backend == Backend::Sqlite {
            Planner::connect(&url).await.run(SLOW_INSERT_TRIGGER).await;
        }
        let stop = AtomicBool::new(false);
        let creates = (0..MANY_CREATES).map(async |i| {
            let mut created = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let (account, contact) =
                    (AccountId::new(1 + i64::from(i % 2 == 0)), contact(&format!("{i} {}", created.len())));
                let inserted =
                    database.contacts(&context(account)).insert(contact, None).await.unwrap().resource;
                let found =
                    database.contacts(&context(account)).get(ContactKey::Id(inserted.id)).await.unwrap();
                assert_eq!(found, inserted);
                created.push(account);
            }
            created
        });
        let others = async {
            for round in 0..8 {
                check_life_cycle(&database, round).await;
            }
            stop.store(true, Ordering::Relaxed);
        };
        let (created, ()) = tokio::join!(join_all(creates), others);
        let created = created.concat();
        assert!(created.len() > MANY_CREATES, "there was a stream: {}", created.len());
        for account in [1, 2].map(AccountId::new) {
            let stored = created.iter().filter(|owner| **owner == account).count();
            assert_eq!(page(&database, account).await.total, u64::try_from(stored).unwrap());
        }
        database.close().await;
    });
}

on_each! {
    continuous_creates_do_not_starve_other_writes
    concurrent_creates_with_one_handle_succeed_once
    a_rejected_create_does_not_fail_its_group
}
