//! Imports under kills, restarts and cancellations: nothing twice, nothing half, and the counts are right.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::audience_snapshots::DatabaseProbe;
use crate::cli::{ServerProcess, addressbook};
use crate::harness::change_log::Follower;
use crate::harness::imports::{ImportClient, counts};
use crate::harness::{Backend, Client, Service, folder, new_database};

/// Rows of a file: several pages, of which the last is not full.
const ROWS: usize = 6_200;

fn file(rows: usize) -> String {
    let mut csv = "username,phone_number,display_name,meta.CITY,groups\n".to_owned();
    for row in 0..rows {
        let group = if row.is_multiple_of(10) { "tenth" } else { "" };
        writeln!(csv, "user{row},+4479{row:08},User {row},City {},{group}", row % 7).unwrap();
    }
    csv
}

fn start(url: &str) -> ServerProcess {
    let args = ["--bind", "127.0.0.1:0", "--log", "off", "--database-url", url];
    ServerProcess::start(&mut addressbook(&folder(), &args))
}

/// Waits until a step has progressed, or is over, then kills the server.
fn kill_during(import: &ImportClient<'_>, serving: &mut ServerProcess, moving: &str, done: u64) {
    let began = Instant::now();
    loop {
        let now = import.get();
        if now["state"] != moving || now["progress"]["done"].as_u64().unwrap() >= done {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{now}");
    }
    serving.kill();
}

on_each! { an_import_survives_kills_in_every_step }

/// Kills the server in every step, several times, and starts it again.
fn an_import_survives_kills_in_every_step(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let mut serving = start(&url);
    let key = serving.first_key();
    let client = |serving: &ServerProcess| Client::new(serving.address(), Some(key.clone()));
    // A contact that the import updates, one that nobody touches, and one that is changed after the commit.
    let first = client(&serving);
    let mut before = Vec::new();
    for (name, number) in [("user7", 1), ("user4999", 2), ("bystander", 3)] {
        let body = json!({"username": name, "phone_number": format!("+4478000000{number:02}"), "meta": {"KEEP": name}});
        before.push(first.post("/v1/contacts", &body).expect(201));
    }
    let path = {
        let import = ImportClient::create(&first, &json!({}));
        import.put("text/csv", file(ROWS).as_bytes()).expect(202);
        import.path
    };
    let mut follower = Follower::of(&url, &first);
    // On PostgreSQL the lease of a process that was killed has to end first.
    let kills = if backend == Backend::Sqlite { 3 } else { 1 };
    for (moving, state, total) in
        [("planning", "planned", 400_000), ("committing", "committed", ROWS), ("undoing", "undone", ROWS)]
    {
        if moving != "planning" {
            let client = client(&serving);
            let import = ImportClient { client: &client, path: path.clone() };
            if moving == "committing" {
                import.start_commit().expect(202);
            } else {
                let changed = client.get("/v1/contacts?username=user4999").expect(200);
                let id = changed["data"][0]["id"].as_str().unwrap().to_owned();
                client.patch(&format!("/v1/contacts/{id}"), &json!({"meta": {"SINCE": true}})).expect(200);
                client.send("POST", &format!("{path}/undo"), &[], b"").expect(202);
            }
        }
        for kill in 1..=kills {
            let client = client(&serving);
            let import = ImportClient { client: &client, path: path.clone() };
            follower.disconnect();
            kill_during(&import, &mut serving, moving, (total * kill / (kills + 1)) as u64);
            drop(serving);
            serving = start(&url);
            follower.assert_agreement();
        }
        let client = client(&serving);
        let import = ImportClient { client: &client, path: path.clone() };
        let import = import.wait(state);
        let expected = match state {
            "planned" => json!({"rows": ROWS, "create": ROWS - 2, "update": 2}),
            "committed" => json!({"rows": ROWS, "create": ROWS - 2, "update": 2, "applied": ROWS}),
            _ => json!({"rows": ROWS, "create": ROWS - 2, "update": 2, "undone": ROWS - 1, "kept": 1}),
        };
        assert_eq!(counts(&import), expected, "{state}");
        let total = client.get("/addressbook/contacts?limit=1").expect(200)["total"].clone();
        assert_eq!(total, if state == "committed" { ROWS + 1 } else { 3 }, "{state}");
        if state == "committed" {
            let group = client.get("/v1/groups?name=tenth").expect(200);
            assert_eq!(group["data"][0]["member_count"], ROWS.div_ceil(10));
        }
        follower.assert_agreement();
    }
    let last = client(&serving);
    let stored =
        |contact: &Value| last.get(&format!("/v1/contacts/{}", contact["id"].as_str().unwrap())).expect(200);
    let [user7, user4999, bystander] = [0, 1, 2].map(|index| stored(&before[index]));
    assert_eq!((&user7["phone_number"], &user7["meta"]), (&before[0]["phone_number"], &before[0]["meta"]));
    assert_eq!(user4999["meta"], json!({"KEEP": "user4999", "CITY": "City 1", "SINCE": true}));
    assert_eq!(bystander, before[2]);
    follower.disconnect();
}

/// Each page is whole, at any time, also when the import is cancelled.
#[test]
fn a_cancelled_import_leaves_whole_pages() {
    let Some(service) = Service::start(Backend::Sqlite, |_| {}) else { return };
    let client = service.client();
    let import = ImportClient::planned(&client, &json!({}), &file(ROWS));
    import.start_commit().expect(202);
    let total = || client.get("/addressbook/contacts?limit=1").expect(200)["total"].as_u64().unwrap();
    while total() == 0 {}
    client.delete(&import.path).expect(204);
    let left = total();
    assert!(left == ROWS as u64 || left.is_multiple_of(500), "{left}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(total(), left, "nothing is done after the cancellation");
    assert_eq!(import.get()["state"], "cancelled");
}

/// Two instances share a database: each import is carried out once, whichever of them does it.
#[test]
fn instances_share_the_work() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let mut serving = start(&url);
    let key = serving.first_key();
    let other = start(&url);
    let clients = [&serving, &other].map(|serving| Client::new(serving.address(), Some(key.clone())));
    let imports: Vec<ImportClient<'_>> = (0..4)
        .map(|number| {
            let client = &clients[number % 2];
            let import = ImportClient::create(client, &json!({"commit": "automatic", "mode": "create"}));
            let csv = file(1_200).replace("\nuser", &format!("\nimport{number}user"));
            import.put("text/csv", csv.as_bytes()).expect(202);
            import
        })
        .collect();
    for import in &imports {
        assert_eq!(
            counts(&import.wait("committed")),
            json!({"rows": 1_200, "create": 1_200, "applied": 1_200})
        );
    }
    assert_eq!(clients[0].get("/addressbook/contacts?limit=1").expect(200)["total"], 4 * 1_200);
    Follower::of(&url, &clients[0]).assert_agreement();
}

/// What an import stores is counted before it is stored, and deleted with it.
#[test]
fn files_are_limited_counted_and_deleted() {
    let change = |settings: &mut addressbook::config::Settings| {
        settings.limits.import_file_limit = 2_000_000;
        settings.limits.import_quota = 1_000_000;
        settings.storage.import_retention = Duration::from_secs(6);
    };
    let Some(service) = Service::start(Backend::Sqlite, change) else { return };
    let client = service.client();
    let probe = DatabaseProbe::connect(&service.settings.database.database_url);
    let import = ImportClient::create(&client, &json!({}));
    let code = |reply: crate::harness::Reply, status| reply.expect(status)["error"]["code"].clone();
    assert_eq!(code(import.put("text/csv", &vec![b'x'; 2_000_001]), 413), "payload_too_large");
    assert_eq!(code(import.put("text/csv", &vec![b'x'; 1_000_001]), 422), "import_quota");
    assert_eq!((import.get()["state"].clone(), probe.count("import_chunks")), (json!("awaiting_file"), 0));
    import.put("text/csv", file(ROWS).as_bytes()).expect(202);
    import.wait("planned");
    let is_empty = |table: &str| {
        let began = Instant::now();
        while probe.count(table) > 0 {
            // Whatever ends wakes the cleaner.
            let other = ImportClient::create(&client, &json!({}));
            client.delete(&other.path).expect(204);
            assert!(began.elapsed() < Duration::from_secs(60), "{table} is not empty");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    // The plan has all that is needed of the file.
    is_empty("import_chunks");
    assert!(probe.count("import_pages") > 10);
    std::thread::sleep(Duration::from_secs(6));
    client.get(&import.path).expect(404);
    is_empty("import_pages");
}
