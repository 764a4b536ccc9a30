//! PostgreSQL failures under load: no acknowledged write is lost, clients get a retryable error, and the service
//! recovers without a restart.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use addressbook::config::Settings;
use serde_json::{Value, json};

use crate::durability::all;
use crate::harness::{Client, Cluster, Freezer, Service, TIMEOUT};

/// Maximum time until the service has recovered.
const RECOVERY_TIME: Duration = Duration::from_secs(5);

/// Concurrent creators.
const THREADS: usize = 6;

/// Creates contacts until stopped; records the acknowledged ones.
fn load(client: &Client, prefix: &str, stop: &AtomicBool, acknowledged: &Mutex<HashSet<String>>) {
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("{prefix}-{i}");
        let reply = client.post("/v1/contacts", &json!({"username": name, "phone_number": "+4479000000001"}));
        match reply.status {
            201 => drop(acknowledged.lock().unwrap().insert(name)),
            status => {
                assert_eq!(
                    (status, reply.header("Retry-After")),
                    (503, "1"),
                    "{}",
                    String::from_utf8_lossy(&reply.body)
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Ends the load even if the test panics.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a load during a failure of the database; afterwards every acknowledged contact must exist.
fn assert_nothing_is_lost(failure: impl FnOnce(&Cluster, &Client, &dyn Fn(usize))) {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let url = cluster.url("postgres");
    assert_nothing_is_lost_through(&url, |_| {}, |client, more| failure(&cluster, client, more));
}

/// The same with the service connected through a proxy.
fn assert_nothing_is_lost_through(
    url: &str,
    change: impl FnOnce(&mut Settings),
    failure: impl FnOnce(&Client, &dyn Fn(usize)),
) {
    let service = Service::start_on(url, change);
    let client = service.client();
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(HashSet::new()));
    std::thread::scope(|scope| {
        let stop_at_end = Stop(&stop);
        for thread in 0..THREADS {
            let (client, stop, acknowledged) = (client.clone(), &stop, &acknowledged);
            scope.spawn(move || load(&client, &thread.to_string(), stop, acknowledged));
        }
        let more = |count: usize| {
            let (goal, started) = (acknowledged.lock().unwrap().len() + count, Instant::now());
            while acknowledged.lock().unwrap().len() < goal {
                assert!(
                    started.elapsed() < RECOVERY_TIME + Duration::from_secs(10),
                    "nothing is acknowledged any more"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        failure(&client, &more);
        drop(stop_at_end);
    });
    let stored = all(&client);
    let names: HashSet<String> =
        stored.iter().map(|contact| contact["username"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), stored.len(), "nothing is stored twice");
    let acknowledged = acknowledged.into_inner().unwrap();
    let lost: Vec<_> = acknowledged.difference(&names).collect();
    assert!(
        lost.is_empty(),
        "{} of {} were acknowledged and are lost: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], stored.len());
}

#[test]
fn a_crash_of_the_database_loses_nothing() {
    assert_nothing_is_lost(|cluster, client, more| {
        for _ in 0..3 {
            more(200);
            cluster.crash();
            let reply = client.get("/v1/contacts");
            assert_eq!((reply.status, reply.header("Retry-After")), (503, "1"));
            assert_eq!(client.get("/readyz").status, 503);
            assert_eq!(client.get("/healthz").status, 200);
            cluster.resume();
            let back = Instant::now();
            while client.get("/readyz").status != 200 {
                assert!(back.elapsed() < RECOVERY_TIME, "it is not back after {RECOVERY_TIME:?}");
                std::thread::sleep(Duration::from_millis(50));
            }
            assert_eq!(client.get("/v1/contacts").status, 200);
        }
        more(200);
    });
}

#[test]
fn connections_that_are_terminated_lose_nothing() {
    assert_nothing_is_lost(|cluster, _, more| {
        for _ in 0..10 {
            more(50);
            cluster.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'addressbook'",
            );
        }
        more(200);
    });
}

/// One create, update or list per pool connection, concurrently.
fn work(client: &Client, prefix: &str) {
    std::thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                let contact =
                    crate::contacts::create(client, &format!("{prefix}-{thread}"), "+4479000000001");
                for i in 0..10 {
                    let path = crate::contacts::path(&contact);
                    client.patch(&path, &json!({"display_name": i.to_string()})).expect(200);
                    client.get("/v1/contacts").expect(200);
                }
            });
        }
    });
}

/// The network between service and database goes silent without closing connections; new connections work.
#[test]
fn silent_connections_are_discarded() {
    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let way = Freezer::new(&cluster.url("postgres"));
    let patient = |settings: &mut Settings| settings.database.database_acquire_timeout = TIMEOUT;
    assert_nothing_is_lost_through(&way.url, patient, |client, more| {
        for round in 0..2 {
            work(client, &format!("before-{round}"));
            more(50);
            way.freeze();
            let frozen = Instant::now();
            // A reply from before the failure may still arrive: at most one per thread.
            more(THREADS + 1);
            assert!(frozen.elapsed() < RECOVERY_TIME, "no write for {:?}", frozen.elapsed());
            // Idle connections were discarded, too, not only those in use.
            work(client, &format!("after-{round}"));
        }
    });
}

/// After a failover, connections to the old primary still work but reject writes. Simulated by sessions that become
/// read-only while new sessions are not.
#[test]
fn read_only_connections_are_discarded() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let service = Service::start_on(&cluster.url("postgres"), |settings| {
        settings.database.database_acquire_timeout = TIMEOUT;
    });
    let client = service.client();
    let create = |name: String| {
        let reply = client.post("/v1/contacts", &json!({"username": name, "phone_number": "+4479000000001"}));
        (reply.status, reply.header("Retry-After").to_owned())
    };
    work(&client, "before");
    // Database settings take precedence over server settings, but only in new sessions.
    cluster.run("ALTER DATABASE postgres SET default_transaction_read_only = off");
    cluster.run("ALTER SYSTEM SET default_transaction_read_only = on");
    cluster.run("SELECT pg_reload_conf()");
    let until = |status: u16| {
        let started = Instant::now();
        for i in 0.. {
            let (answered, retry_after) = create(format!("{status}-{i}"));
            assert!([(201, ""), (503, "1")].contains(&(answered, retry_after.as_str())), "{answered}");
            if answered == status {
                return;
            }
            assert!(started.elapsed() < RECOVERY_TIME, "no {status} within {RECOVERY_TIME:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    until(503);
    until(201);
    // Idle connections were discarded, too, not only the one that failed.
    work(&client, "afterwards");
}

fn read_only(cluster: &Cluster, setting: &str) {
    cluster.run(&format!("ALTER SYSTEM SET default_transaction_read_only = {setting}"));
    cluster.run("SELECT pg_reload_conf()");
}

/// Waits until readiness has this status; returns its body.
fn wait_for_readiness(client: &Client, status: u16) -> Value {
    let started = Instant::now();
    loop {
        let reply = client.get("/readyz");
        if reply.status == status {
            return reply.json();
        }
        assert!(started.elapsed() < RECOVERY_TIME, "not {status} within {RECOVERY_TIME:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_read_only_database_is_not_ready() {
    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let service = Service::start_on(&cluster.url("postgres"), |_| {});
    let client = service.client();
    assert_eq!(client.get("/readyz").expect(200), json!({"status": "ok"}));
    read_only(&cluster, "on");
    let unavailable = |reason| json!({"status": "unavailable", "reason": reason});
    assert_eq!(wait_for_readiness(&client, 503), unavailable("the database is read-only"));
    // `ALTER SYSTEM` is not a write to the database.
    read_only(&cluster, "off");
    assert_eq!(wait_for_readiness(&client, 200), json!({"status": "ok"}));
    crate::contacts::create(&client, "john", "+4479000000001");
    cluster.crash();
    assert_eq!(wait_for_readiness(&client, 503), unavailable("the database does not respond"));
    cluster.resume();
    wait_for_readiness(&client, 200);
}
