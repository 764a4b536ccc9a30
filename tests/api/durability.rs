//! Durability: an acknowledged write survives a kill of the process, and is on disk before it is acknowledged.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::harness::{Client, folder, skip};

/// Minimum number of acknowledged creates before the kill.
const ACKNOWLEDGED: usize = 200;

/// Number of kills; `CRASH_ROUNDS` for a longer run.
fn rounds() -> usize {
    std::env::var("CRASH_ROUNDS").map_or(25, |rounds| rounds.parse().unwrap())
}

/// An acknowledged contact: id, name, and whether an update of it was acknowledged.
struct ContactRef {
    id: String,
    name: String,
    changed: bool,
}

/// Creates and updates contacts until the server is killed; records what was acknowledged.
fn load(client: &Client, prefix: &str, known: &Mutex<Vec<ContactRef>>, count: &AtomicUsize) {
    for i in 0.. {
        let name = format!("{prefix}-{i}");
        let body = json!({"username": name, "phone_number": "+4479000000001"}).to_string();
        let key = ("Idempotency-Key", name.as_str());
        let headers = [("Content-Type", "application/json"), key];
        // Every other one with an idempotency key, to cover both write paths.
        let Ok(reply) = client.try_send("POST", "/v1/contacts", &headers[..1 + i % 2], body.as_bytes())
        else {
            return;
        };
        assert_eq!(reply.status, 201);
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        count.fetch_add(1, Ordering::Relaxed);
        let change = client.try_send(
            "PATCH",
            &format!("/v1/contacts/{id}"),
            &headers[..1],
            br#"{"display_name":"changed"}"#,
        );
        let changed = change.as_ref().is_ok_and(|reply| reply.status == 200);
        known.lock().unwrap().push(ContactRef { id, name, changed });
        if change.is_err() {
            return;
        }
    }
}

/// All contacts of the account, page by page.
pub fn all(client: &Client) -> Vec<Value> {
    let mut contacts = Vec::new();
    let mut page = "/v1/contacts?limit=100".to_owned();
    loop {
        let list = client.get(&page).expect(200);
        contacts.extend(list["data"].as_array().unwrap().iter().cloned());
        if list["has_more"] == false {
            return contacts;
        }
        page = format!(
            "/v1/contacts?limit=100&starting_after={}",
            contacts.last().unwrap()["id"].as_str().unwrap()
        );
    }
}

fn integrity(folder: &Path) -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = format!("sqlite://{}", folder.join("data/addressbook.db").display());
        let database = sea_orm::Database::connect(url).await.unwrap();
        let check = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "PRAGMA integrity_check");
        let row = database.query_one_raw(check).await.unwrap().unwrap();
        row.try_get_by_index::<String>(0).unwrap()
    })
}

#[test]
fn acknowledged_writes_survive_kill_9() {
    let folder = folder();
    let known = Mutex::new(Vec::new());
    let mut key = None;
    for round in 0..rounds() {
        let mut serving =
            ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0", "--log", "off"]));
        let key = key.get_or_insert_with(|| serving.first_key()).clone();
        let count = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let client = Client::new(serving.address(), Some(key.clone()));
                let (known, count) = (&known, &count);
                scope.spawn(move || load(&client, &format!("{round}-{thread}"), known, count));
            }
            while count.load(Ordering::Relaxed) < ACKNOWLEDGED + round {
                std::thread::sleep(Duration::from_millis(1));
            }
            serving.signal("-KILL");
        });
    }
    let folder_is = integrity(&folder);
    assert_eq!(folder_is, "ok");
    let serving = ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0", "--log", "off"]));
    let client = Client::new(serving.address(), key);
    let stored = all(&client);
    let known = known.into_inner().unwrap();
    assert!(known.len() >= ACKNOWLEDGED * rounds(), "{} acknowledged", known.len());

    let by_name: std::collections::HashMap<&str, &Value> =
        stored.iter().map(|contact| (contact["username"].as_str().unwrap(), contact)).collect();
    assert_eq!(by_name.len(), stored.len(), "nothing is stored twice");
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], stored.len(), "the count is right");
    for ContactRef { id, name, changed } in &known {
        let contact =
            by_name.get(name.as_str()).unwrap_or_else(|| panic!("{name} was acknowledged and is lost"));
        assert_eq!(contact["id"], *id, "{name}");
        assert!(
            !changed || contact["display_name"] == "changed",
            "the change of {name} was acknowledged and is lost"
        );
    }
    println!("{} acknowledged, {} stored", known.len(), stored.len());
}

/// `kill -9` cannot reveal a missing sync, since the page cache outlives the process; the order of system calls can:
/// the log is synced after a request arrives and before its response is sent.
#[test]
fn the_log_is_synced_before_the_response_is_sent() {
    if Command::new("strace").arg("--version").output().is_err() {
        assert!(std::env::var_os("TEST_STRACE").is_none(), "strace is not found");
        skip("strace is not found");
        return;
    }
    const REQUESTS: usize = 20;
    let folder = folder();
    let trace = folder.join("trace");
    let mut command = Command::new("strace");
    command
        .args([
            "-f",
            "-y",
            "-qq",
            "-s",
            "16",
            "-e",
            "trace=fdatasync,fsync,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg",
            "-o",
        ])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_addressbook"))
        .args(["--bind", "127.0.0.1:0", "--log", "off"])
        .current_dir(&folder);
    let mut serving = ServerProcess::start(&mut command);
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    for i in 0..REQUESTS {
        crate::contacts::create(&client, &format!("u{i}"), "+4479000000001");
    }
    let pid = Command::new("pgrep").args(["-P", &serving.id().to_string()]).output().unwrap();
    let pid = String::from_utf8(pid.stdout).unwrap();
    Command::new("kill").args(["-TERM", pid.trim()]).status().unwrap();
    serving.end();

    let trace = std::fs::read_to_string(trace).unwrap();
    let (mut synced, mut sent) = (false, 0);
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let done = call.contains("= 0") && !call.contains("unfinished");
        // fsync or fdatasync, depending on how SQLite was built.
        let of_the_log = call.contains("sync(") && call.contains("addressbook.db-wal");
        // In the trace, an interrupted call ends on a line of its own.
        let resumed = call.contains("sync resumed") && {
            trace[..line.as_ptr() as usize - trace.as_ptr() as usize]
                .lines()
                .rev()
                .find(|earlier| earlier.starts_with(thread) && earlier.contains("sync("))
                .is_some_and(|earlier| earlier.contains("addressbook.db-wal"))
        };
        if call.contains("\"POST /v1/contact") {
            synced = false;
        }
        if done && (of_the_log || resumed) {
            synced = true;
        }
        if call.contains("\"HTTP/1.1 201 Cre") && !call.contains("resumed") {
            assert!(synced, "response {sent} was sent before its commit was on the disk");
            sent += 1;
        }
    }
    assert_eq!(sent, REQUESTS, "every response was seen");
}
