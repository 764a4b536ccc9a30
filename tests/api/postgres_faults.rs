//! PostgreSQL failures under load: no acknowledged write is lost, clients get a retryable error, and the service
//! recovers without a restart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use addressbook::config::Settings;
use serde_json::{Value, json};

use crate::harness::acknowledged::Acknowledged;
use crate::harness::change_log::Follower;
use crate::harness::feed::Copy;
use crate::harness::{Client, Cluster, Freezer, Service, TIMEOUT};

/// Maximum time until the service has recovered.
const RECOVERY_TIME: Duration = Duration::from_secs(5);

/// Concurrent writers.
const THREADS: usize = 6;

/// Writes until stopped. A request that fails has a retryable error.
fn load(client: &Client, writer: &str, stop: &AtomicBool, acknowledged: &Acknowledged) {
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if let Err(failure) = acknowledged.write(client, writer, i) {
            let reply = failure.expect("every request gets a response");
            let error = String::from_utf8_lossy(&reply.body);
            assert_eq!((reply.status, reply.header("Retry-After")), (503, "1"), "{error}");
            std::thread::sleep(Duration::from_millis(20));
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

/// What a failure is told: how to wait until so many more writes have been acknowledged, and how to check that all that
/// were have survived.
struct Load<'l> {
    client: &'l Client,
    acknowledged: &'l Acknowledged,
    follower: Follower,
}

impl Load<'_> {
    fn wait_for(&self, writes: usize) {
        let (goal, started) = (self.acknowledged.count() + writes, Instant::now());
        while self.acknowledged.count() < goal {
            assert!(
                started.elapsed() < RECOVERY_TIME + Duration::from_secs(10),
                "nothing is acknowledged any more"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// During the load.
    fn assert_survived(&mut self) {
        // A connection of before may have been terminated.
        self.follower.disconnect();
        self.acknowledged.assert_survived(&mut self.follower);
    }
}

/// Runs a load during a failure of the database; afterwards whatever was acknowledged must be there.
fn assert_nothing_is_lost(failure: impl FnOnce(&Cluster, &mut Load<'_>)) {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let url = cluster.url("postgres");
    assert_nothing_is_lost_through(&url, &url, |_| {}, |load| failure(&cluster, load));
}

/// The same with the service connected through a proxy, and the checks to the database itself.
fn assert_nothing_is_lost_through(
    proxy: &str,
    database: &str,
    change: impl FnOnce(&mut Settings),
    failure: impl FnOnce(&mut Load<'_>),
) {
    let service = Service::start_on(proxy, change);
    let client = service.client();
    let (stop, acknowledged) = (AtomicBool::new(false), Acknowledged::new(&client));
    let follower = Follower::of(database, &client);
    let mut running = Load { client: &client, acknowledged: &acknowledged, follower };
    let mut copy = Copy::begin(&client);
    std::thread::scope(|scope| {
        let stop_at_end = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                if copy.step(&client, 100).is_err() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        });
        for thread in 0..THREADS {
            let (client, stop, acknowledged) = (client.clone(), &stop, &acknowledged);
            scope.spawn(move || load(&client, &format!("writer{thread}"), stop, acknowledged));
        }
        failure(&mut running);
        drop(stop_at_end);
    });
    running.follower.disconnect();
    acknowledged.assert_served(&client, &mut running.follower);
    copy.assert_exact(&client);
}

#[test]
fn a_crash_of_the_database_loses_nothing() {
    assert_nothing_is_lost(|cluster, load| {
        let client = load.client;
        for _ in 0..3 {
            load.wait_for(250);
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
            load.assert_survived();
        }
        load.wait_for(250);
    });
}

#[test]
fn connections_that_are_terminated_lose_nothing() {
    assert_nothing_is_lost(|cluster, load| {
        for _ in 0..10 {
            load.wait_for(60);
            cluster.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'addressbook'",
            );
            load.assert_survived();
        }
        load.wait_for(250);
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
    let url = cluster.url("postgres");
    let way = Freezer::new(&url);
    let patient = |settings: &mut Settings| settings.database.database_acquire_timeout = TIMEOUT;
    assert_nothing_is_lost_through(&way.url, &url, patient, |load| {
        for round in 0..2 {
            work(load.client, &format!("before-{round}"));
            load.wait_for(60);
            way.freeze();
            let frozen = Instant::now();
            // A reply from before the failure may still arrive: at most one per thread.
            load.wait_for(THREADS + 1);
            assert!(frozen.elapsed() < RECOVERY_TIME, "no write for {:?}", frozen.elapsed());
            // Idle connections were discarded, too, not only those in use.
            work(load.client, &format!("after-{round}"));
            load.assert_survived();
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

/// A server whose synchronous standby is gone has transactions that no other server has: a failover would lose them.
#[test]
fn a_write_that_no_synchronous_standby_has_is_not_acknowledged() {
    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let service = Service::start_on(&cluster.url("postgres"), |settings| {
        settings.database.database_statement_timeout = Duration::from_secs(1);
    });
    let client = service.client();
    let create = |name: String| {
        client.post("/v1/contacts", &json!({"username": name, "phone_number": "+4479000000001"})).status
    };
    let until = |status: u16, when: &str| {
        let started = Instant::now();
        for i in 0.. {
            let answered = create(format!("{when}-{i}"));
            assert!([201, 503].contains(&answered), "{answered}");
            if answered == status {
                return;
            }
            assert!(started.elapsed() < 2 * RECOVERY_TIME, "no {status} {when}");
        }
    };
    until(201, "before");
    cluster.run("ALTER SYSTEM SET synchronous_standby_names = 'absent'");
    cluster.run("SELECT pg_reload_conf()");
    until(503, "without");
    // None of those that follow either, whichever connection it has.
    for i in 0..3 {
        assert_eq!(create(format!("unacknowledged-{i}")), 503);
    }
    cluster.run("ALTER SYSTEM RESET synchronous_standby_names");
    cluster.run("SELECT pg_reload_conf()");
    until(201, "afterwards");
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
