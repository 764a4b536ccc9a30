//! Counts are remembered, and always those of the moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use addressbook::domain::Permission;
use serde_json::{Value, json};

use super::{create, encoded};
use crate::audiences::wait_until;
use crate::harness::change_log::rows;
use crate::harness::field_index::{declare, wait_until_ready};
use crate::harness::{Backend, Client, Service, new_account, new_database};

/// An account at two instances, which are one on SQLite.
fn with_two_clients(kind: Backend, test: impl FnOnce(&str, &[Client; 2])) {
    let Some(url) = new_database(kind) else { return };
    let instances = if kind == Backend::Postgres { 2 } else { 1 };
    let services: Vec<Service> = (0..instances).map(|_| Service::start_on(&url, |_| {})).collect();
    let account = new_account();
    test(&url, &[0, 1].map(|i| services[i % instances].client_of(&account, Permission::ALL)));
}

fn count(client: &Client, filter: &str) -> u64 {
    let counted = client.get(&format!("/v1/contacts/count?filter={}", encoded(filter))).expect(200);
    counted["count"].as_u64().unwrap()
}

fn contact(name: &str, n: u64) -> Value {
    json!({"username": name, "phone_number": "+14155550100", "meta": {"N": n}})
}

/// Whatever changes which contacts match changes the count, at whichever instance it is asked for.
pub fn every_change_is_counted(kind: Backend) {
    with_two_clients(kind, |url, clients| {
        let [a, b] = clients;
        let mut field = declare(a, "N", "number");
        wait_until_ready(a, &field);
        let ids = create(a, &["one", "two", "three"].map(|name| contact(name, 1)));
        let group = b.post("/v1/groups", &json!({"name": "friends"})).expect(201);
        let group = format!("/v1/groups/{}", group["id"].as_str().unwrap());
        let assert_counts = |expected: [u64; 4], what: &str| {
            for client in [a, b, a] {
                let filters = ["meta.N >= 1", "NOT opted_out", "group = \"friends\"", "NOT meta.N >= 1"];
                assert_eq!(filters.map(|filter| count(client, filter)), expected, "{what}");
            }
        };
        assert_counts([3, 3, 0, 0], "created");
        let one = format!("/v1/contacts/{}", ids[0]);
        b.patch(&one, &json!({"meta": {"N": 0}})).expect(200);
        assert_counts([2, 3, 0, 1], "updated");
        b.post(&format!("{group}/members"), &json!({"add": [ids[0], ids[1]]})).expect(200);
        assert_counts([2, 3, 2, 1], "joined");
        a.post(&format!("{group}/members"), &json!({"remove": [ids[0]]})).expect(200);
        assert_counts([2, 3, 1, 1], "left");
        a.post("/v1/opt_outs", &json!({"phone_number": "+14155550100"})).expect(201);
        assert_counts([2, 0, 1, 1], "opted out");
        b.delete("/v1/opt_outs/+14155550100").expect(204);
        assert_counts([2, 3, 1, 1], "opted in");
        a.delete(&format!("/v1/contacts/{}", ids[1])).expect(204);
        assert_counts([1, 2, 0, 1], "deleted");
        b.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": [contact("four", 4)]}))
            .expect(200);
        assert_counts([2, 3, 0, 1], "a batch");
        // No contact is changed, and the next field has the number of the one before.
        for (field_type, expected) in [("boolean", 0), ("number", 3), ("boolean", 0)] {
            a.delete(&field).expect(204);
            wait_for_the_sweeper(url);
            field = declare(b, "N", field_type);
            wait_until_ready(b, &field);
            assert_eq!([a, b].map(|client| count(client, "meta.N:*")), [expected; 2], "{field_type}");
        }
    });
}

/// Waits until the number of each deleted field is free.
fn wait_for_the_sweeper(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(sea_orm::Database::connect(url)).unwrap();
    let fields = || runtime.block_on(rows(&database, "SELECT number FROM fields"));
    wait_until("no deleted field is left", || fields().is_empty());
    runtime.block_on(database.close_by_ref()).unwrap();
}

/// A count has every contact whose creation was acknowledged before it was asked for, and none that came after the answer.
pub fn counts_keep_pace_with_writers(kind: Backend) {
    const WRITERS: u64 = 4;
    const CREATES: u64 = 60;
    with_two_clients(kind, |_, clients| {
        wait_until_ready(&clients[0], &declare(&clients[0], "N", "number"));
        let (begun, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (begun, acknowledged) = (&begun, &acknowledged);
                scope.spawn(move || {
                    for i in 0..CREATES {
                        begun.fetch_add(1, Ordering::SeqCst);
                        let client = &clients[usize::try_from(writer % 2).unwrap()];
                        client.post("/v1/contacts", &contact(&format!("{writer}-{i}"), i)).expect(201);
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            for reader in 0..4 {
                let (begun, acknowledged) = (&begun, &acknowledged);
                scope.spawn(move || {
                    while acknowledged.load(Ordering::SeqCst) < WRITERS * CREATES {
                        let at_least = acknowledged.load(Ordering::SeqCst);
                        let counted = count(&clients[reader % 2], "meta.N >= 0");
                        let at_most = begun.load(Ordering::SeqCst);
                        assert!((at_least..=at_most).contains(&counted), "{at_least} {counted} {at_most}");
                    }
                });
            }
        });
        assert_eq!(count(&clients[0], "meta.N >= 0"), WRITERS * CREATES);
    });
}
