//! Audience snapshots: limits and quota, erasure of deleted contacts, and recovery after the server is killed while
//! one is written.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::audiences::wait_until;
use crate::cli::{ServerProcess, addressbook};
use crate::contacts::create;
use crate::harness::{Backend, Client, Reply, Service, folder, new_database};

const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

fn keep(client: &Client, key: &str, recipients: &Value) -> Reply {
    let body = json!({"recipients": recipients, "keep": true, "repeat_numbers": true}).to_string();
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.send("POST", "/v1/audiences", &headers, body.as_bytes())
}

/// Direct access to the database of the servers.
pub struct DatabaseProbe {
    runtime: tokio::runtime::Runtime,
    database: sea_orm::DatabaseConnection,
}

impl DatabaseProbe {
    pub fn connect(url: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let database = runtime.block_on(sea_orm::Database::connect(url)).unwrap();
        Self { runtime, database }
    }

    pub fn count(&self, of: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {of}");
        let statement = Statement::from_string(self.database.get_database_backend(), sql);
        let row = self.runtime.block_on(self.database.query_one_raw(statement)).unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// The only column of each row.
    pub fn column<T: sea_orm::TryGetable>(&self, sql: &str) -> Vec<T> {
        let statement = Statement::from_string(self.database.get_database_backend(), sql);
        let rows = self.runtime.block_on(self.database.query_all_raw(statement)).unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    pub fn execute(&self, sql: &str) {
        self.runtime.block_on(self.database.execute_unprepared(sql)).unwrap();
    }

    /// The number of snapshots, entries and idempotency keys.
    fn rows(&self) -> (i64, i64, i64) {
        (self.count("audiences"), self.count("audience_entries"), self.count("idempotency_keys"))
    }
}

impl Drop for DatabaseProbe {
    fn drop(&mut self) {
        drop(self.runtime.block_on(self.database.close_by_ref()));
    }
}

/// Contacts, and groups that each contain all of them.
fn contacts_in_groups(client: &Client, contacts: usize, groups: usize) -> Value {
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
fn a_snapshot_beyond_its_limit_is_rejected_before_anything_is_stored() {
    for backend in BACKENDS {
        let change = |settings: &mut addressbook::config::Settings| {
            settings.limits.audience_answer_limit = 6;
            settings.limits.audience_kept_limit = 7;
            settings.limits.audience_quota = 250;
        };
        let Some(service) = Service::start(backend, change) else { continue };
        let (client, insider) =
            (service.client(), DatabaseProbe::connect(&service.settings.database.database_url));
        let groups = contacts_in_groups(&client, 3, 2);
        // Two groups of three, all three contacts, and two unknown recipients.
        let mut recipients = groups.as_array().unwrap().clone();
        recipients.extend([
            json!({"all": true}),
            json!({"username": "nobody"}),
            json!({"group": "nobody's"}),
        ]);
        for _ in 0..2 {
            let reply = keep(&client, "large", &json!(recipients));
            assert_eq!(reply.expect(422)["error"]["code"], "audience_too_large");
            let message = "The audience has 11 recipients, but a kept audience can have at most 7";
            assert_eq!(reply.violation(422).0, message);
        }
        assert_eq!(insider.rows(), (0, 0, 0), "{backend:?}");
        let reply = client.post("/v1/audiences", &json!({"recipients": recipients}));
        let message = "The audience has 11 recipients, but a single response can have at most 6; stream it as \
                       application/x-ndjson, or request a dry run";
        assert_eq!(reply.violation(422).0, message);

        // The quota is per account; a deleted snapshot does not count.
        let two = json!([groups[0], groups[1]]);
        let kept: Vec<Value> =
            ["a", "b"].map(|key| keep(&client, key, &two).expect(201)).into_iter().collect();
        let reply = keep(&client, "c", &two);
        assert_eq!(reply.expect(422)["error"]["code"], "audience_quota");
        let message = "The account has 200 of at most 250 kept audience entries, and this audience counts as 100; \
                       delete an audience, or wait until one expires";
        assert_eq!(reply.violation(422).0, message);
        assert_eq!(insider.rows(), (2, 12, 2), "{backend:?}");
        keep(&service.client(), "c", &json!([{"all": true}])).expect(201);
        client.delete(&format!("/v1/audiences/{}", kept[0]["id"].as_str().unwrap())).expect(204);
        keep(&client, "c", &two).expect(201);
        keep(&client, "d", &two).expect(422);
    }
}

#[test]
fn concurrent_snapshots_do_not_exceed_the_quota() {
    for backend in BACKENDS {
        let quota = |settings: &mut addressbook::config::Settings| settings.limits.audience_quota = 300;
        let Some(service) = Service::start(backend, quota) else { continue };
        let client = service.client();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let client = &client;
            // One snapshot in flight per account: each racer retries until the previous one is finished.
            let turn = move |number: usize| {
                let mut statuses =
                    std::iter::repeat_with(|| keep(client, &format!("{number}"), &json!([])).status);
                statuses.find(|status| *status != 409).unwrap()
            };
            let racers: Vec<_> = (0..12).map(|number| scope.spawn(move || turn(number))).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let (created, refused): (Vec<u16>, Vec<u16>) = statuses.iter().partition(|status| **status == 201);
        assert!(
            (1..=3).contains(&created.len()) && refused.iter().all(|status| *status == 422),
            "{statuses:?}"
        );
        let kept = client.get("/v1/audiences").expect(200);
        assert!((1..=3).contains(&kept["data"].as_array().unwrap().len()), "{kept}");
    }
}

/// All entries of one list of a snapshot.
fn entries(client: &Client, audience: &str, list: &str) -> Vec<Value> {
    let mut entries: Vec<Value> = Vec::new();
    loop {
        let after =
            entries.last().map_or(String::new(), |last| format!("&starting_after={}", last["position"]));
        let page = client.get(&format!("/v1/audiences/{audience}/{list}?limit=100{after}")).expect(200);
        entries.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] == false {
            return entries;
        }
    }
}

/// Asserts that the report matches the entries.
fn adds_up(client: &Client, audience: &str) -> (Value, Vec<Value>, Vec<Value>) {
    let kept = client.get(&format!("/v1/audiences/{audience}")).expect(200);
    let (recipients, exclusions) =
        (entries(client, audience, "recipients"), entries(client, audience, "exclusions"));
    let counts = &kept["counts"];
    assert_eq!(
        (counts["recipients"].as_u64(), counts["excluded"].as_u64()),
        (Some(recipients.len() as u64), Some(exclusions.len() as u64))
    );
    assert_eq!(counts["asked"].as_u64(), Some((recipients.len() + exclusions.len()) as u64));
    let parts: u64 = recipients.iter().map(|entry| entry["parts"].as_u64().unwrap_or(0)).sum();
    assert_eq!(counts["parts"], parts);
    for problem in kept["problems"].as_array().unwrap() {
        let same =
            |entry: &&Value| entry["reason"] == problem["reason"] && entry["variable"] == problem["variable"];
        assert_eq!(problem["count"], exclusions.iter().filter(same).count(), "{problem}");
        assert!(!problem["examples"].as_array().unwrap().is_empty());
    }
    (kept, recipients, exclusions)
}

#[test]
fn deleting_a_contact_erases_its_data_from_snapshots() {
    for backend in BACKENDS {
        let Some(service) = Service::start(backend, |_| {}) else { continue };
        let (client, insider) =
            (service.client(), DatabaseProbe::connect(&service.settings.database.database_url));
        let contact = |username: &str, number: &str, meta: Value| {
            let body = json!({"username": username, "phone_number": number, "meta": meta});
            let headers = [("Content-Type", "application/json"), ("Idempotency-Key", username)];
            client.send("POST", "/v1/contacts", &headers, body.to_string().as_bytes()).expect(201)
        };
        let mut confidant = contact("confidant", "+4479000000077", json!({"SECRET": "confided"}));
        let optant = contact("optant", "+4479000000078", json!({"SECRET": "withheld"}));
        let lacker = contact("lacker", "+4479000000076", json!({}));
        contact("other", "+4479000000079", json!({"SECRET": "nothing"}));
        client.post("/v1/opt_outs", &json!({"phone_number": "+4479000000078"})).expect(201);
        let body = json!({
            // Included twice: the second entry is a duplicate number.
            "recipients": [{"username": "confidant"}, {"username": "nobody"}, {"all": true}],
            "template": {"text": "{{ SECRET }} {{ contact.msisdn }}"},
            "keep": true,
        });
        let id = client.post("/v1/audiences", &body).expect(201)["id"].as_str().unwrap().to_owned();
        let (before, recipients, exclusions) = adds_up(&client, &id);
        assert_eq!(before["counts"], json!({"asked": 6, "recipients": 2, "excluded": 4, "parts": 2}));
        // The contact has been renamed since the snapshot.
        confidant =
            client.patch(&crate::contacts::path(&confidant), &json!({"username": "changed"})).expect(200);

        for contact in [&confidant, &optant, &lacker] {
            client.delete(&crate::contacts::path(contact)).expect(204);
            adds_up(&client, &id);
        }
        let (after, left, exclusions_after) = adds_up(&client, &id);
        assert_eq!(after["counts"], json!({"asked": 6, "recipients": 1, "excluded": 5, "parts": 1}));
        assert_eq!(left, [recipients.iter().find(|entry| entry["username"] == "other").unwrap().clone()]);
        let deleted: Vec<&Value> =
            exclusions_after.iter().filter(|entry| entry["reason"] == "deleted").collect();
        assert_eq!(deleted.len(), 4);
        for entry in &deleted {
            let message = "the contact was deleted after the audience was kept";
            let bare = json!({"index": entry["index"], "position": entry["position"], "reason": "deleted", "message": message});
            assert_eq!(**entry, bare);
        }
        // Former exclusions keep their positions; the new ones follow.
        let places =
            |entries: &[Value]| entries.iter().map(|entry| entry["position"].clone()).collect::<Vec<_>>();
        assert_eq!(places(&exclusions_after)[..4], places(&exclusions));
        for secret in [
            "confidant",
            "optant",
            "lacker",
            "4479000000077",
            "4479000000078",
            "4479000000076",
            "confided",
            "withheld",
        ] {
            for text in
                ["audiences WHERE report", "audience_entries WHERE entry", "idempotency_keys WHERE contact"]
            {
                assert_eq!(
                    insider.count(&format!("{text} LIKE '%{secret}%'")),
                    0,
                    "{backend:?}: {secret} in {text}"
                );
            }
        }
        // Replaying the create reports that the snapshot is gone, without its data.
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "optant")];
        let again =
            json!({"username": "optant", "phone_number": "+4479000000078", "meta": {"SECRET": "withheld"}});
        let reply = client.send("POST", "/v1/contacts", &headers, again.to_string().as_bytes());
        assert_eq!(reply.expect(410)["error"]["code"], "gone");
    }
}

#[test]
fn a_contact_deleted_while_a_snapshot_is_written_is_erased_too() {
    const CONTACTS: usize = 400;
    for backend in BACKENDS {
        let Some(service) = Service::start(backend, |_| {}) else { continue };
        let (client, insider) =
            (service.client(), DatabaseProbe::connect(&service.settings.database.database_url));
        let mut recipients = contacts_in_groups(&client, CONTACTS, 10).as_array().unwrap().clone();
        recipients.push(json!({"username": "u0"}));
        let contacts = crate::durability::all(&client);
        let audience = std::thread::scope(|scope| {
            let keeper = scope.spawn(|| keep(&client, "key", &json!(recipients)).expect(201));
            for contact in contacts.iter().step_by(2) {
                client.delete(&crate::contacts::path(contact)).expect(204);
            }
            keeper.join().unwrap()
        });
        let id = audience["id"].as_str().unwrap();
        let (_, left, exclusions_after) = adds_up(&client, id);
        for contact in contacts.iter().step_by(2) {
            let shows =
                |entry: &&Value| entry["id"] == contact["id"] || entry["username"] == contact["username"];
            let shown = left
                .iter()
                .chain(&exclusions_after)
                .find(|entry| shows(entry) && entry["reason"] != "unknown_alias");
            assert_eq!(shown, None, "{backend:?}: {contact}");
        }
        assert_eq!(insider.count("audience_entries WHERE contact_id IS NULL AND entry LIKE '%phone%'"), 0);
        let of_nobody = "audience_entries e WHERE contact_id IS NOT NULL AND NOT EXISTS \
                         (SELECT 1 FROM contacts c WHERE c.account_id = e.account_id AND c.id = e.contact_id)";
        assert_eq!(insider.count(of_nobody), 0, "{backend:?}");
    }
}

#[test]
fn a_server_killed_while_writing_a_snapshot_leaves_its_key_usable() {
    const CONTACTS: usize = 1_000;
    const GROUPS: usize = 15;
    for backend in BACKENDS {
        let Some(url) = new_database(backend) else { continue };
        let folder = folder();
        let start = || {
            let args = ["--bind", "127.0.0.1:0", "--log", "off", "--database-url", &url];
            ServerProcess::start(&mut addressbook(&folder, &args))
        };
        let mut serving = start();
        let key = serving.first_key();
        let connect = |serving: &ServerProcess| Client::new(serving.address(), Some(key.clone()));
        let recipients = contacts_in_groups(&connect(&serving), CONTACTS, GROUPS);
        let insider = DatabaseProbe::connect(&url);
        let entries = i64::try_from(CONTACTS * GROUPS).unwrap();

        // Kills the server when some but not all entries are stored.
        let kill_over = |mut serving: ServerProcess, key: &str| {
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
                serving.kill();
                assert!(!sender.join().unwrap(), "it got a response before it was killed");
            });
            let after = insider.rows();
            assert_eq!((after.0, after.2), (before.0 + 1, before.2 + 1), "{backend:?}: it was under way");
            assert!(after.1 - before.1 < entries, "{backend:?}: not all of it is there");
        };
        // As if the lease had expired: until then another server must assume that the owner is alive.
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
        wait_until("the half of an audience is gone", || insider.rows() == (1, entries, 1));

        // With and without a retry.
        kill_over(serving, "second");
        if backend == Backend::Postgres {
            let_lease_run_out();
        }
        let serving = start();
        wait_until("what was left is ended after a start", || insider.rows() == (1, entries, 1));
        drop(serving);
    }
}
