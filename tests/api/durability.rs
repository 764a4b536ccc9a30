//! Durability: an acknowledged write survives a kill of the process, and is on disk before it is acknowledged.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::harness::acknowledged::Acknowledged;
use crate::harness::change_log::Follower;
use crate::harness::feed::{self, Copy};
use crate::harness::{Client, folder, skip};

/// Minimum number of acknowledged writes before a kill.
const ACKNOWLEDGED: usize = 250;

/// Number of kills; `CRASH_ROUNDS` for a longer run.
fn rounds() -> usize {
    std::env::var("CRASH_ROUNDS").map_or(25, |rounds| rounds.parse().unwrap())
}

/// Writes until the server is killed.
fn load(client: &Client, acknowledged: &Acknowledged, writer: &str, round: usize) {
    for i in 0.. {
        match acknowledged.write(client, writer, round * 1_000_000 + i) {
            Ok(()) => {}
            Err(None) => return,
            Err(Some(reply)) => panic!("{reply:?}"),
        }
    }
}

/// All contacts of the account, page by page.
pub fn all(client: &Client) -> Vec<Value> {
    feed::all(client, "/v1/contacts")
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

/// Creates, updates, changes of members and deletions survive, and log, counters and tables agree after each kill.
#[test]
fn acknowledged_writes_survive_kill_9() {
    let folder = folder();
    let url = format!("sqlite://{}", folder.join("data/addressbook.db").display());
    let start =
        || ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0", "--log", "off"]));
    let mut serving = start();
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    let acknowledged = Acknowledged::new(&client);
    let mut follower = Follower::of(&url, &client);
    let mut copy = Copy::begin(&client);
    for round in 0..rounds() {
        follower.disconnect();
        let goal = acknowledged.count() + ACKNOWLEDGED + round;
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let client = Client::new(serving.address(), client.key.clone());
                let acknowledged = &acknowledged;
                scope.spawn(move || load(&client, acknowledged, &format!("writer{thread}"), round));
            }
            let (client, copy) = (Client::new(serving.address(), client.key.clone()), &mut copy);
            scope.spawn(move || while copy.step(&client, 100).is_ok() {});
            while acknowledged.count() < goal {
                std::thread::sleep(Duration::from_millis(1));
            }
            serving.kill();
        });
        serving = start();
        acknowledged.assert_survived(&mut follower);
    }
    let client = Client::new(serving.address(), client.key);
    acknowledged.assert_served(&client, &mut follower);
    copy.assert_exact(&client);
    follower.disconnect();
    serving.signal("-TERM");
    serving.end();
    assert_eq!(integrity(&folder), "ok");
    println!("{} acknowledged, {} logged", acknowledged.count(), follower.entries().len());
}

/// However often the server is killed, a batch is there as a whole or not at all.
#[test]
fn a_batch_is_whole_after_kill_9() {
    const ROUNDS: usize = 8;
    const ITEMS: usize = 200;
    let folder = folder();
    let start =
        || ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0", "--log", "off"]));
    let mut serving = start();
    let key = serving.first_key();
    let (mut acknowledged, mut batch) = (0, 0);
    for round in 0..ROUNDS {
        let client = Client::new(serving.address(), Some(key.clone()));
        let done = std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                let mut done = Vec::new();
                loop {
                    batch += 1;
                    let item = |i| {
                        let name = format!("{batch}-{i}");
                        json!({"username": name, "phone_number": "+4479000000001", "meta": {"batch": batch}})
                    };
                    let items: Vec<Value> = (0..ITEMS).map(item).collect();
                    let body = json!({"mode": "create", "contacts": items}).to_string();
                    let headers = [("Content-Type", "application/json")];
                    match client.try_send("POST", "/v1/contacts/batch", &headers, body.as_bytes()) {
                        Ok(reply) => {
                            assert_eq!(reply.expect(200)["counts"]["created"], ITEMS);
                            done.push(batch);
                        }
                        Err(_) => return done,
                    }
                }
            });
            std::thread::sleep(Duration::from_millis(150 + 37 * round as u64));
            serving.kill();
            load.join().unwrap()
        });
        serving = start();
        let client = Client::new(serving.address(), Some(key.clone()));
        let mut found: BTreeMap<u64, usize> = BTreeMap::new();
        for contact in all(&client) {
            *found.entry(contact["meta"]["batch"].as_u64().unwrap()).or_default() += 1;
        }
        assert!(found.values().all(|count| *count == ITEMS), "{found:?}");
        assert!(done.iter().all(|batch| found.contains_key(batch)), "an acknowledged batch is lost");
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], found.len() * ITEMS);
        acknowledged += done.len();
    }
    assert!(acknowledged > 0);
    serving.signal("-TERM");
    serving.end();
    assert_eq!(integrity(&folder), "ok");
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
