//! Audiences that are kept: what they may take, and what becomes of one whose server is killed over it.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::audiences::eventually;
use crate::cli::{Serving, addressbook};
use crate::harness::{Backend, Client, Reply, Service, folder, new_database};
use crate::v1::create;

const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

fn keep(client: &Client, key: &str, recipients: &Value) -> Reply {
    let body = json!({"recipients": recipients, "keep": true, "repeat_numbers": true}).to_string();
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.send("POST", "/v1/audiences", &headers, body.as_bytes())
}

/// Somebody beside the servers who looks into their database.
struct Insider {
    runtime: tokio::runtime::Runtime,
    database: sea_orm::DatabaseConnection,
}

impl Insider {
    fn connect(url: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let database = runtime.block_on(sea_orm::Database::connect(url)).unwrap();
        Self { runtime, database }
    }

    fn count(&self, of: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {of}");
        let statement = Statement::from_string(self.database.get_database_backend(), sql);
        let row = self.runtime.block_on(self.database.query_one_raw(statement)).unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    fn execute(&self, sql: &str) {
        self.runtime.block_on(self.database.execute_unprepared(sql)).unwrap();
    }

    /// Audiences, their entries, and keys that are remembered.
    fn rows(&self) -> (i64, i64, i64) {
        (self.count("audiences"), self.count("audience_entries"), self.count("idempotency_keys"))
    }
}

impl Drop for Insider {
    fn drop(&mut self) {
        drop(self.runtime.block_on(self.database.close_by_ref()));
    }
}

/// Contacts, and groups with all of them.
fn crowd(client: &Client, contacts: usize, groups: usize) -> Value {
    let ids: Vec<Value> = std::thread::scope(|scope| {
        let make = |thread: usize| {
            (thread..contacts)
                .step_by(8)
                .map(|index| create(client, &format!("u{index}"), &format!("+4479{index:08}"))["id"].clone())
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || make(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let groups = (0..groups).map(|index| {
        let group = client.post("/v1/groups", &json!({"name": format!("g{index}")})).expect(201);
        let members = format!("/v1/groups/{}/members", group["id"].as_str().unwrap());
        client.post(&members, &json!({"add": ids})).expect(200);
        json!({"group": group["id"]})
    });
    groups.collect()
}

#[test]
fn what_is_too_large_is_refused_before_anything_is_stored() {
    for backend in BACKENDS {
        let change = |settings: &mut addressbook::config::Settings| {
            settings.limits.audience_answer_limit = 6;
            settings.limits.audience_kept_limit = 7;
            settings.limits.audience_quota = 250;
        };
        let Some(service) = Service::start(backend, change) else { continue };
        let (client, insider) = (service.client(), Insider::connect(&service.settings.database.database_url));
        let groups = crowd(&client, 3, 2);
        // Two groups of three, all three, and two who are nobody.
        let mut recipients = groups.as_array().unwrap().clone();
        recipients.extend([
            json!({"all": true}),
            json!({"username": "nobody"}),
            json!({"group": "nobody's"}),
        ]);
        for _ in 0..2 {
            let reply = keep(&client, "large", &json!(recipients));
            assert_eq!(reply.expect(422)["error"]["code"], "audience_too_large");
            let message = "The audience has 11 recipients, and one that is kept has at most 7";
            assert_eq!(reply.fault(422).0, message);
        }
        assert_eq!(insider.rows(), (0, 0, 0), "{backend:?}");
        let told = client.post("/v1/audiences", &json!({"recipients": recipients}));
        let message = "The audience has 11 recipients, and one answer has at most 6; let it stream as \
                       application/x-ndjson, or make a dry run";
        assert_eq!(told.fault(422).0, message);

        // The quota is the account's; one that is deleted does not count.
        let two = json!([groups[0], groups[1]]);
        let kept: Vec<Value> =
            ["a", "b"].map(|key| keep(&client, key, &two).expect(201)).into_iter().collect();
        let reply = keep(&client, "c", &two);
        assert_eq!(reply.expect(422)["error"]["code"], "audience_quota");
        let message = "The account keeps 200 of at most 250 audience entries, and this audience counts as 100; \
                       delete an audience, or wait until one expires";
        assert_eq!(reply.fault(422).0, message);
        assert_eq!(insider.rows(), (2, 12, 2), "{backend:?}");
        keep(&service.client(), "c", &json!([{"all": true}])).expect(201);
        client.delete(&format!("/v1/audiences/{}", kept[0]["id"].as_str().unwrap())).expect(204);
        keep(&client, "c", &two).expect(201);
        keep(&client, "d", &two).expect(422);
    }
}

#[test]
fn of_many_that_begin_at_once_no_more_are_kept_than_may_be() {
    for backend in BACKENDS {
        let quota = |settings: &mut addressbook::config::Settings| settings.limits.audience_quota = 300;
        let Some(service) = Service::start(backend, quota) else { continue };
        let client = service.client();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let client = &client;
            let racers: Vec<_> = (0..12)
                .map(|number| scope.spawn(move || keep(client, &format!("{number}"), &json!([])).status))
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let (made, refused): (Vec<u16>, Vec<u16>) = statuses.iter().partition(|status| **status == 201);
        assert!((1..=3).contains(&made.len()) && refused.iter().all(|status| *status == 422), "{statuses:?}");
        let kept = client.get("/v1/audiences").expect(200);
        assert!((1..=3).contains(&kept["data"].as_array().unwrap().len()), "{kept}");
    }
}

#[test]
fn a_server_that_is_killed_over_one_leaves_a_key_that_works() {
    const CONTACTS: usize = 1_000;
    const GROUPS: usize = 15;
    for backend in BACKENDS {
        let Some(url) = new_database(backend) else { continue };
        let folder = folder();
        let start = || {
            let args = ["--bind", "127.0.0.1:0", "--log", "off", "--database-url", &url];
            Serving::start(&mut addressbook(&folder, &args))
        };
        let mut serving = start();
        let key = serving.first_key();
        let connect = |serving: &Serving| Client::new(serving.address(), Some(key.clone()));
        let recipients = crowd(&connect(&serving), CONTACTS, GROUPS);
        let insider = Insider::connect(&url);
        let entries = i64::try_from(CONTACTS * GROUPS).unwrap();

        // Kills it with some of the entries stored, and not all.
        let kill_over = |serving: Serving, key: &str| {
            let before = insider.rows();
            let client = connect(&serving);
            std::thread::scope(|scope| {
                let body =
                    json!({"recipients": recipients, "keep": true, "repeat_numbers": true}).to_string();
                let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
                let sender = scope.spawn(move || {
                    client.try_send("POST", "/v1/audiences", &headers, body.as_bytes()).is_ok()
                });
                while insider.rows().1 == before.1 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                serving.signal("-KILL");
                assert!(!sender.join().unwrap(), "it was answered before it was killed");
            });
            drop(serving);
            let after = insider.rows();
            assert_eq!((after.0, after.2), (before.0 + 1, before.2 + 1), "{backend:?}: it was under way");
            assert!(after.1 - before.1 < entries, "{backend:?}: not all of it is there");
        };
        // As if the time had passed after which other servers take it for abandoned: one of them may be alive.
        let let_lease_run_out =
            || insider.execute("UPDATE audiences SET leased_until = 1 WHERE report IS NULL");

        kill_over(serving, "first");
        let serving = start();
        let client = connect(&serving);
        if backend == Backend::Postgres {
            let reply = keep(&client, "first", &recipients);
            assert_eq!(reply.expect(409)["error"]["code"], "idempotency_key_in_use");
            let_lease_run_out();
        }
        let reply = keep(&client, "first", &recipients);
        assert_eq!(reply.expect(201)["counts"]["recipients"], entries, "{backend:?}");
        assert_eq!(reply.header("Idempotent-Replayed"), "");
        let again = keep(&client, "first", &recipients);
        assert_eq!((again.expect(201), again.header("Idempotent-Replayed")), (reply.json(), "true"));
        eventually("the half of an audience is gone", || insider.rows() == (1, entries, 1));

        // Whether it is tried again or not.
        kill_over(serving, "second");
        if backend == Backend::Postgres {
            let_lease_run_out();
        }
        let serving = start();
        eventually("what was left is ended after a start", || insider.rows() == (1, entries, 1));
        drop(serving);
    }
}
