//! `updated_since`: a reader that overlaps its intervals by five seconds misses no change.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use crate::durability::all;
use crate::harness::{Backend, Client, Service, new_database};

const WRITERS: usize = 10;

/// As documented.
const OVERLAP: TimeDelta = TimeDelta::seconds(5);

fn updated_at(contact: &Value) -> DateTime<Utc> {
    contact["updated_at"].as_str().unwrap().parse().unwrap()
}

/// A replica: the last known change of each contact.
#[derive(Default)]
struct Replica(HashMap<String, DateTime<Utc>>);

impl Replica {
    /// Reads all changes since five seconds before the last known one.
    fn follow(&mut self, client: &Client) {
        let newest = self.0.values().max().copied().unwrap_or_default();
        let since = (newest - OVERLAP).max(DateTime::default()).format("%Y-%m-%dT%H:%M:%S%.3fZ");
        let mut after = String::new();
        loop {
            let reply = client.get(&format!("/v1/contacts?limit=100&updated_since={since}{after}"));
            let page = reply.expect(200);
            let contacts = page["data"].as_array().unwrap();
            for contact in contacts {
                let known = self.0.entry(contact["id"].as_str().unwrap().to_owned()).or_default();
                *known = updated_at(contact).max(*known);
            }
            match contacts.last() {
                Some(last) if page["has_more"] == true => {
                    after = format!("&starting_after={}", last["id"].as_str().unwrap());
                }
                _ => return,
            }
        }
    }
}

/// Ten writers on two instances, for longer than the overlap.
#[test]
fn a_reader_that_overlaps_misses_no_change() {
    const TIME: Duration = Duration::from_secs(9);
    let Some(url) = new_database(Backend::Postgres) else { return };
    let services = [(); 2].map(|()| Service::start_on(&url, |_| {}));
    let client = services[0].client();
    let clients =
        services.each_ref().map(|service| service.anonymous().with_key(client.key.as_ref().unwrap()));
    let (started, writing, mirror) =
        (Instant::now(), AtomicUsize::new(WRITERS), Mutex::new(Replica::default()));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (client, writing) = (&clients[writer % 2], &writing);
            scope.spawn(move || {
                for i in 0.. {
                    if started.elapsed() > TIME {
                        break;
                    }
                    let body = json!({"username": format!("{writer}-{i}"), "phone_number": "+4479000000001"});
                    let contact = client.post("/v1/contacts", &body).json();
                    if let Some(id) = contact["id"].as_str() {
                        client.patch(&format!("/v1/contacts/{id}"), &json!({"display_name": "changed"}));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for round in 0.. {
            let last = writing.load(Ordering::SeqCst) == 0;
            mirror.lock().unwrap().follow(&clients[round % 2]);
            if last {
                break;
            }
        }
    });
    let Replica(known) = mirror.into_inner().unwrap();
    let stored = all(&client);
    assert!(stored.len() > WRITERS);
    for contact in &stored {
        let id = contact["id"].as_str().unwrap();
        assert_eq!(known.get(id), Some(&updated_at(contact)), "{contact}");
    }
}

/// A write that had to wait gets the time at which the wait ended, not the time at which it began.
#[test]
fn a_write_that_waited_has_the_time_after_the_wait() {
    const WAIT: Duration = Duration::from_secs(3);
    let Some(service) = Service::start(Backend::Postgres, |_| {}) else { return };
    let (client, (_, runtime)) = (service.client(), service.keys());
    // Dropping a connection in a failing test requires a runtime.
    let _context = runtime.enter();
    let contact = crate::contacts::create(&client, "john", "+4479000000001");
    let lock = runtime.block_on(async {
        let database = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        let lock = database.begin().await.unwrap();
        // Rows can be locked meanwhile, but not written.
        lock.execute_unprepared("LOCK TABLE contacts IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
        lock
    });
    let create = |username: &str, key: Option<&str>| {
        let body = json!({"username": username, "phone_number": "+4479000000001"}).to_string();
        let key = key.map(|key| ("Idempotency-Key", key));
        let headers: Vec<_> = [("Content-Type", "application/json")].into_iter().chain(key).collect();
        client.send("POST", "/v1/contacts", &headers, body.as_bytes())
    };
    std::thread::scope(|scope| {
        let patched = scope.spawn(|| {
            client.patch(&crate::contacts::path(&contact), &json!({"display_name": "John"})).expect(200)
        });
        let created = [("plain", None), ("keyed", Some("key"))]
            .map(|(username, key)| scope.spawn(move || create(username, key).expect(201)));
        std::thread::sleep(WAIT);
        let released = Utc::now();
        runtime.block_on(lock.rollback()).unwrap();
        let created = created.map(|created| created.join().unwrap());
        for contact in [&patched.join().unwrap(), &created[0], &created[1]] {
            assert!(updated_at(contact) > released - TimeDelta::milliseconds(500), "{contact}");
            // The response equals the stored contact.
            assert_eq!(client.get(&crate::contacts::path(contact)).expect(200), *contact);
        }
        assert_eq!(create("keyed", Some("key")).expect(201)["id"], created[1]["id"], "made once");
    });
}
