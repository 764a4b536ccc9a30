//! When writes are impossible, the response is immediate, reads continue, and the service recovers without a restart.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use serde_json::json;

use crate::harness::{Backend, Client, Service, folder, skip};

fn create(client: &Client, name: &str, padding: usize) -> u16 {
    let body =
        json!({"username": name, "phone_number": "+4479000000001", "meta": {"padding": "x".repeat(padding)}});
    client.post("/v1/contacts", &body).status
}

#[test]
fn writes_beyond_the_queue_are_rejected_immediately() {
    let service = Service::start(Backend::Sqlite, |settings| settings.storage.write_queue = 4).unwrap();
    let client = service.client();
    let (_, runtime) = service.keys();
    // Another process holds the write lock.
    let lock = runtime.block_on(async {
        let other = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        other.begin_with_options(immediate).await.unwrap()
    });
    let replies: Vec<(u16, String, Duration)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..30)
            .map(|i| {
                let client = client.clone();
                scope.spawn(move || {
                    let started = Instant::now();
                    let body = json!({"username": format!("u{i}"), "phone_number": "+4479000000001"});
                    let reply = client.post("/v1/contacts", &body);
                    (reply.status, reply.header("Retry-After").to_owned(), started.elapsed())
                })
            })
            .collect();
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(client.get("/v1/contacts").status, 200, "reads go on");
        runtime.block_on(lock.rollback()).unwrap();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let created = replies.iter().filter(|(status, ..)| *status == 201).count();
    let turned_away: Vec<_> = replies.iter().filter(|(status, ..)| *status == 503).collect();
    assert_eq!(created + turned_away.len(), 30, "{replies:?}");
    // Those of the group waiting for the lock, and those in the queue.
    assert!((4..30).contains(&created), "{created} made");
    for (_, retry_after, took) in turned_away {
        assert_eq!(retry_after, "1");
        assert!(*took < Duration::from_secs(2), "not at once, but after {took:?}");
    }
    assert_eq!(
        client.get("/addressbook/contacts").expect(200)["total"],
        created,
        "what was accepted is there"
    );
    assert_eq!(create(&client, "afterwards", 0), 201);
}

#[test]
fn an_idempotency_key_expires() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(service) = Service::start(backend, |settings| {
            settings.storage.idempotency_ttl = Duration::from_secs(1);
            settings.storage.contact_cache = 0;
        }) else {
            continue;
        };
        let client = service.client();
        let attempt = |name: &str| {
            let body = json!({"username": name, "phone_number": "+4479000000001"}).to_string();
            let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "key")];
            client.send("POST", "/v1/contacts", &headers, body.as_bytes()).status
        };
        assert_eq!(attempt("first"), 201);
        assert_eq!(attempt("second"), 422);
        std::thread::sleep(Duration::from_millis(1_200));
        assert_eq!(attempt("second"), 201);
        assert_eq!(attempt("first"), 422);
    }
}

/// A small tmpfs, unmounted on drop.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(size: &str) -> Option<Self> {
        let path = folder();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .status();
        status.is_ok_and(|status| status.success()).then_some(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

fn fill(path: &Path, bytes: usize) {
    std::fs::write(path, vec![b'x'; bytes]).unwrap();
}

/// Deletions, and the background deletions that follow them.
#[test]
fn deletions_work_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount("48m") else {
        skip("a file system cannot be mounted here");
        return;
    };
    let service = Service::start_on(&format!("sqlite://{}", disk.0.join("addressbook.db").display()), |_| {});
    let client = service.client();
    let at = |collection: &str, body: serde_json::Value| {
        let created = client.post(&format!("/v1/{collection}"), &body).expect(201);
        format!("/v1/{collection}/{}", created["id"].as_str().unwrap())
    };
    let contacts: Vec<String> = (0..60)
        .map(|i| {
            let meta = json!({"padding": "x".repeat(15_000)});
            at(
                "contacts",
                json!({"username": format!("u{i}"), "phone_number": "+4479000000001", "meta": meta}),
            )
        })
        .collect();
    let others = [
        at("groups", json!({"name": "a"})),
        at("opt_outs", json!({"phone_number": "+4479000000002"})),
        at("templates", json!({"name": "a", "text": "Hi"})),
        at("audiences", json!({"recipients": [{"all": true}], "repeat_numbers": true, "keep": true})),
    ];
    let friends = at("groups", json!({"name": "friends"}));
    let ids: Vec<&str> = contacts.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
    let members = format!("{friends}/members");
    client.post(&members, &json!({"add": ids})).expect(200);
    let filler = disk.0.join("filler");
    let mut rest = std::fs::File::create(&filler).unwrap();
    while rest.write_all(&[b'x'; 4_096]).is_ok() {}
    drop(rest);
    assert!((0..1_000).any(|i| create(&client, &format!("full{i}"), 15_000) == 507), "the disk is not full");

    for path in contacts.iter().take(40).chain(&others) {
        assert!(client.delete(path).expect(204).is_null(), "{path}");
        assert_eq!(client.get(path).status, 404, "{path}");
        // The reserved space is for deletions only.
        assert_eq!(create(&client, "greedy", 15_000), 507);
    }
    let removed = client.post(&members, &json!({"remove": ids[40..50]})).expect(200);
    assert_eq!(removed["member_count"], 10, "{removed}");
    let path = format!("/addressbook/groups/friends/contacts/{}", ids[50]);
    client.delete(&path).expect(200);
    let left = || {
        let (_, runtime) = service.keys();
        runtime.block_on(async {
            let database = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
            let count = "SELECT (SELECT count(*) FROM audiences) + (SELECT count(*) FROM audience_entries)";
            let count = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, count);
            let row = database.query_one_raw(count).await.unwrap().unwrap();
            row.try_get_by_index::<i64>(0).unwrap()
        })
    };
    crate::audiences::wait_until("the entries of the deleted audience are gone", || left() == 0);

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(create(&client, "afterwards", 15_000), 201);
    for path in contacts.iter().skip(40) {
        client.delete(path).expect(204);
    }
    drop(service);
}

#[test]
fn a_full_disk_is_507_and_needs_no_restart() {
    let Some(disk) = SmallDisk::mount("6m") else {
        skip("a file system cannot be mounted here");
        return;
    };
    let filler = disk.0.join("filler");
    fill(&filler, 3 << 20);
    let service = Service::start_on(&format!("sqlite://{}", disk.0.join("addressbook.db").display()), |_| {});
    let client = service.client();
    let mut created = Vec::new();
    let refused = (0..1_000).find(|i| {
        let status = create(&client, &format!("u{i}"), 15_000);
        if status == 201 {
            created.push(format!("u{i}"));
        } else {
            assert_eq!(status, 507);
        }
        status == 507
    });
    assert!(refused.is_some_and(|refused| refused > 10), "{refused:?}");
    let id = client.get("/v1/contacts?username=u0").expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    for round in 0..3 {
        let body = json!({"username": format!("full{round}"), "phone_number": "+4479000000001", "meta": {"padding": "x".repeat(15_000)}});
        assert_eq!(client.post("/v1/contacts", &body).expect(507)["error"]["code"], "storage_full");
        let response = client.post(
            "/contacts",
            &json!({"alias": format!("full{round}"), "msisdn": "4479000000001", "meta": body["meta"]}),
        );
        assert_eq!(response.expect(507)["error"]["name"], "InsufficientStorageError");
        assert_eq!(client.get("/v1/contacts").status, 200, "reads go on");
        assert_eq!(client.get(&format!("/v1/contacts/{id}")).status, 200);
    }
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], created.len());

    std::fs::remove_file(&filler).unwrap();
    for i in 0..20 {
        let name = format!("room{i}");
        assert_eq!(create(&client, &name, 15_000), 201, "{name}");
        created.push(name);
    }
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], created.len());
    let (_, runtime) = service.keys();
    runtime.block_on(async {
        let database = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        let check = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "PRAGMA integrity_check");
        let row = database.query_one_raw(check).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "ok");
    });
    drop(service);
}
