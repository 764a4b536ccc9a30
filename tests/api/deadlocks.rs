//! Lock conflicts on PostgreSQL: concurrent creates never deadlock, and other writes that the database aborts are
//! retried.

use std::sync::Barrier;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::audiences::wait_until;
use crate::harness::{Client, Cluster, Reply, Service};

/// A cluster with a short `deadlock_timeout`.
fn cluster() -> Option<Cluster> {
    Cluster::start(&["-c", "fsync=off", "-c", "deadlock_timeout=50ms"])
}

/// The number of deadlocks of a database. Sessions report it when they end.
fn deadlocks(cluster: &Cluster) -> i64 {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let admin = sea_orm::Database::connect(cluster.url("template1")).await.unwrap();
        let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'";
        let row =
            admin.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
        let deadlocks = row.try_get("", "deadlocks").unwrap();
        admin.close().await.unwrap();
        deadlocks
    })
}

fn create(client: &Client, username: &str, key: Option<&str>) -> Reply {
    let body = json!({"username": username, "phone_number": "+4479000000001"}).to_string();
    let key = key.map(|key| ("Idempotency-Key", key));
    let headers: Vec<_> = [("Content-Type", "application/json")].into_iter().chain(key).collect();
    client.send("POST", "/v1/contacts", &headers, body.as_bytes())
}

/// Two instances create the same contacts concurrently, each contact once with and once without an idempotency key.
#[test]
fn creates_with_and_without_a_key_never_deadlock() {
    const ROUNDS: usize = 60;
    const CONTACTS: usize = 12;
    let Some(cluster) = cluster() else { return };
    let services = [(); 2].map(|()| Service::start_on(&cluster.url("postgres"), |_| {}));
    // Both instances accept the account's keys.
    let client = services[0].client();
    let clients =
        services.each_ref().map(|service| service.anonymous().with_key(client.key.as_ref().unwrap()));
    let barrier = Barrier::new(2 * CONTACTS);
    // Asserted after all threads have ended: a panic would leave the others waiting at the barrier.
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2 * CONTACTS)
            .map(|thread| {
                let (barrier, client) = (&barrier, &clients[thread % 2]);
                let (contact, instance) = (thread / 2, thread % 2);
                scope.spawn(move || {
                    let round = |round: usize| {
                        let username = format!("{round}-{contact:02}");
                        let has_key = (contact + instance + round).is_multiple_of(2);
                        // The order of keys differs from that of names.
                        let key = has_key.then(|| format!("{}-{round}-{instance}", CONTACTS - contact));
                        barrier.wait();
                        create(client, &username, key.as_deref()).status
                    };
                    (0..ROUNDS).map(round).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|answered| **answered == status).count();
    assert_eq!((count(201), count(409)), (ROUNDS * CONTACTS, ROUNDS * CONTACTS), "each name is given once");
    drop(services);
    assert_eq!(deadlocks(&cluster), 0);
}

/// Each transaction has updated its own contact, and waits for the name that the other one is about to release.
#[test]
fn swapping_two_usernames_is_a_conflict_and_not_an_error() {
    const ROUNDS: usize = 12;
    let Some(cluster) = cluster() else { return };
    let service = Service::start_on(&cluster.url("postgres"), |_| {});
    // Widens the window between the update of a row and its uniqueness check: indexes are updated in order of
    // creation.
    for sql in [
        "CREATE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql \
         AS 'BEGIN PERFORM pg_sleep(0.1); RETURN $1; END'",
        "DROP INDEX contacts_by_handle",
        "CREATE INDEX slowly ON contacts (slow(handle))",
        "CREATE UNIQUE INDEX contacts_by_handle ON contacts (account_id, handle)",
    ] {
        cluster.run(sql);
    }
    let client = service.client();
    for round in 0..ROUNDS {
        let names = [format!("{round}-a"), format!("{round}-b")];
        let contacts = names.each_ref().map(|name| create(&client, name, None).expect(201));
        let barrier = Barrier::new(2);
        let rename = |contact: &Value, name: &str| {
            barrier.wait();
            client.patch(&crate::contacts::path(contact), &json!({"username": name}))
        };
        let replies = std::thread::scope(|scope| {
            let first = scope.spawn(|| rename(&contacts[0], &names[1]));
            let second = rename(&contacts[1], &names[0]);
            [first.join().unwrap(), second]
        });
        for reply in replies {
            assert_eq!(reply.violation(409).2, "taken");
        }
        for (contact, name) in contacts.iter().zip(&names) {
            assert_eq!(client.get(&crate::contacts::path(contact)).expect(200)["username"], **name);
        }
    }
    drop(service);
    // Sessions end, and report, some time after their clients.
    wait_until("there was something to run again", || deadlocks(&cluster) > 0);
}
