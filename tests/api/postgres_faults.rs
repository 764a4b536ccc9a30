//! A PostgreSQL that goes away under load and comes back: nothing that was acknowledged is lost, clients
//! are told to try again meanwhile, and no restart is needed.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use addressbook::config::Settings;
use serde_json::{Value, json};

use crate::durability::all;
use crate::harness::{Client, Cluster, Freezer, PATIENCE, Service};

/// After this time at the latest the service works again.
const BACK: Duration = Duration::from_secs(5);

/// How many create contacts at the same time.
const THREADS: usize = 6;

/// Creates contacts until told to stop; notes those that were acknowledged.
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

/// Ends the load however its test ends.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a load while something happens to the database; then everything acknowledged must be there.
fn nothing_is_lost(happens: impl FnOnce(&Cluster, &Client, &dyn Fn(usize))) {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let url = cluster.url("postgres");
    nothing_is_lost_by_way_of(&url, |_| {}, |client, more| happens(&cluster, client, more));
}

/// The same for a service that reaches the database by another way.
fn nothing_is_lost_by_way_of(
    url: &str,
    change: impl FnOnce(&mut Settings),
    happens: impl FnOnce(&Client, &dyn Fn(usize)),
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
                    started.elapsed() < BACK + Duration::from_secs(10),
                    "nothing is acknowledged any more"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        happens(&client, &more);
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
    nothing_is_lost(|cluster, client, more| {
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
                assert!(back.elapsed() < BACK, "it is not back after {BACK:?}");
                std::thread::sleep(Duration::from_millis(50));
            }
            assert_eq!(client.get("/v1/contacts").status, 200);
        }
        more(200);
    });
}

#[test]
fn connections_that_are_terminated_lose_nothing() {
    nothing_is_lost(|cluster, _, more| {
        for _ in 0..10 {
            more(50);
            cluster.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'addressbook'",
            );
        }
        more(200);
    });
}

/// Creates, changes and lists, at once: as many connections as there may be.
fn work(client: &Client, prefix: &str) {
    std::thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                let contact = crate::v1::create(client, &format!("{prefix}-{thread}"), "+4479000000001");
                for i in 0..10 {
                    let path = crate::v1::path(&contact);
                    client.patch(&path, &json!({"display_name": i.to_string()})).expect(200);
                    client.get("/v1/contacts").expect(200);
                }
            });
        }
    });
}

/// What lies between service and database stops, and closes no connection; new ones work.
#[test]
fn connections_on_which_nothing_arrives_any_more_are_given_up() {
    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let way = Freezer::new(&cluster.url("postgres"));
    let patient = |settings: &mut Settings| settings.database.database_acquire_timeout = PATIENCE;
    nothing_is_lost_by_way_of(&way.url, patient, |client, more| {
        for round in 0..2 {
            work(client, &format!("before-{round}"));
            more(50);
            way.freeze();
            let frozen = Instant::now();
            // What was acknowledged just before may be told now: of each thread one.
            more(THREADS + 1);
            assert!(frozen.elapsed() < BACK, "no write for {:?}", frozen.elapsed());
            // Not only those that were in use are gone.
            work(client, &format!("after-{round}"));
        }
    });
}

/// After a failover the connections to the old primary still work, and take no write any more. Here the
/// sessions that are open become read-only, and new ones are not.
#[test]
fn connections_that_have_become_read_only_are_not_used_again() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let service = Service::start_on(&cluster.url("postgres"), |settings| {
        settings.database.database_acquire_timeout = PATIENCE;
    });
    let client = service.client();
    let create = |name: String| {
        let reply = client.post("/v1/contacts", &json!({"username": name, "phone_number": "+4479000000001"}));
        (reply.status, reply.header("Retry-After").to_owned())
    };
    work(&client, "before");
    // What is set for the database comes before what is set for the server, but only in new sessions.
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
            assert!(started.elapsed() < BACK, "no {status} within {BACK:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    until(503);
    until(201);
    // Not only the one that had failed is gone.
    work(&client, "afterwards");
}

fn read_only(cluster: &Cluster, setting: &str) {
    cluster.run(&format!("ALTER SYSTEM SET default_transaction_read_only = {setting}"));
    cluster.run("SELECT pg_reload_conf()");
}

/// Waits until the service says that it is ready, or that it is not; answers what it says.
fn ready_says(client: &Client, status: u16) -> Value {
    let started = Instant::now();
    loop {
        let reply = client.get("/readyz");
        if reply.status == status {
            return reply.json();
        }
        assert!(started.elapsed() < BACK, "not {status} within {BACK:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_database_that_takes_no_writes_is_not_ready() {
    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let service = Service::start_on(&cluster.url("postgres"), |_| {});
    let client = service.client();
    assert_eq!(client.get("/readyz").expect(200), json!({"status": "ok"}));
    read_only(&cluster, "on");
    let unavailable = |reason| json!({"status": "unavailable", "reason": reason});
    assert_eq!(ready_says(&client, 503), unavailable("the database is read-only"));
    // `ALTER SYSTEM` itself is no write to the database.
    read_only(&cluster, "off");
    assert_eq!(ready_says(&client, 200), json!({"status": "ok"}));
    crate::v1::create(&client, "john", "+4479000000001");
    cluster.crash();
    assert_eq!(ready_says(&client, 503), unavailable("the database does not respond"));
    cluster.resume();
    ready_says(&client, 200);
}
