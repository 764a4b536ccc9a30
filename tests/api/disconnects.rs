//! Clients that disconnect at any moment leave each write complete or absent, and leak nothing: no connection,
//! transaction, thread or file descriptor.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::{ServerProcess, addressbook};
use crate::durability::all;
use crate::harness::{Backend, Client, folder, new_database, raw};

/// Concurrent clients, and the number of requests of each.
const CLIENTS: usize = 16;
const REQUESTS: usize = 60;

/// Size of the connection pool.
const CONNECTIONS: usize = 4;

/// Long enough for a body to arrive in several segments.
const PADDING: usize = 4_000;

/// Every write sets both names, so that a partial write is visible.
fn fields(name: &str) -> Value {
    json!({"display_name": name, "meta": {"name": name, "padding": "x".repeat(PADDING)}})
}

fn new(name: &str) -> String {
    let mut body = fields(name);
    body["username"] = json!(name);
    body["phone_number"] = json!("+4479000000001");
    body.to_string()
}

/// For each thread, contacts to delete; and shared contacts that all threads change.
fn prepare(client: &Client) -> (Vec<Vec<String>>, Vec<String>) {
    let make = |name: String| {
        let contact = client.send_json("POST", "/v1/contacts", &new(&name)).expect(201);
        client.get("/v1/contacts?limit=50").expect(200);
        let path = crate::contacts::path(&contact);
        client.patch(&path, &fields(&name)).expect(200);
        path
    };
    let make = &make;
    let own = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|thread| {
                scope.spawn(move || (0..REQUESTS / 4).map(|i| make(format!("own-{thread}-{i}"))).collect())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    (own, (0..CONNECTIONS * 2).map(|i| make(format!("shared-{i}"))).collect())
}

/// Sends requests and disconnects; returns the names of contacts that may have been created, with their idempotency
/// keys.
fn send_and_disconnect(
    address: &str,
    key: &str,
    thread: usize,
    own: Vec<String>,
    shared: &[String],
) -> Vec<(String, Option<String>)> {
    let mut own = own.into_iter();
    let mut created = Vec::new();
    for i in 0..REQUESTS {
        let name = format!("new-{thread}-{i}");
        let bytes = match fastrand::u8(..4) {
            0 => {
                created.push((name.clone(), None));
                raw::request(key, "POST", "/v1/contacts", &[], &new(&name))
            }
            1 => {
                created.push((name.clone(), Some(name.clone())));
                raw::request(key, "POST", "/v1/contacts", &[("Idempotency-Key", &name)], &new(&name))
            }
            2 => {
                let path = &shared[fastrand::usize(..shared.len())];
                raw::request(key, "PATCH", path, &[], &fields(&name).to_string())
            }
            _ => match own.next() {
                Some(path) => raw::request(key, "DELETE", &path, &[], ""),
                None => continue,
            },
        };
        let mut stream = raw::connect(address);
        let pause = || std::thread::sleep(Duration::from_micros(fastrand::u64(..8_000)));
        // The server may close first.
        match fastrand::u8(..4) {
            0 => drop(stream.write_all(&bytes[..fastrand::usize(..bytes.len())])),
            1 => {
                let (first, second) = bytes.split_at(fastrand::usize(..bytes.len()));
                drop(stream.write_all(first));
                pause();
                drop(stream.write_all(second));
            }
            2 => {
                drop(stream.write_all(&bytes));
                pause();
            }
            _ => {
                drop(stream.write_all(&bytes));
                drop(stream.read(&mut [0; 20]));
            }
        }
        if fastrand::bool() {
            // Sends RST instead of FIN.
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    created
}

/// Numbers of open files and threads of a process.
fn open_files_and_threads(process: u32) -> (usize, usize) {
    let count = |what| std::fs::read_dir(format!("/proc/{process}/{what}")).unwrap().count();
    (count("fd"), count("task"))
}

/// Polls a condition; returns whether it became true in time.
fn becomes_true(condition: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > Duration::from_secs(8) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

fn disconnects_leak_nothing(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let mut serving = ServerProcess::start(
        addressbook(&folder(), &["--bind=127.0.0.1:0", "--log=off", "--keep-alive=1s"]).args([
            "--database-url",
            &url,
            "--database-connections",
            &CONNECTIONS.to_string(),
        ]),
    );
    let (address, key) = (serving.address().to_owned(), serving.first_key());
    let client = || Client::new(&address, Some(key.clone()));
    let (own, shared) = prepare(&client());
    // The baseline is measured with as many well-behaved clients.
    std::thread::sleep(Duration::from_secs(2));
    let level = open_files_and_threads(serving.id());

    let mut created = HashMap::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .zip(own)
            .map(|(thread, own)| {
                let (address, key, shared) = (&address, &key, &shared);
                scope.spawn(move || send_and_disconnect(address, key, thread, own, shared))
            })
            .collect();
        let others = client();
        for i in 0..50 {
            others.send_json("POST", "/v1/contacts", &new(&format!("honest-{i}"))).expect(201);
            others.patch(&shared[i % shared.len()], &fields(&format!("honest-{i}"))).expect(200);
        }
        drop(others);
        created.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
    });

    assert!(
        becomes_true(|| {
            let (files, threads) = open_files_and_threads(serving.id());
            files <= level.0 && threads <= level.1
        }),
        "{:?} files and threads; {level:?} before",
        open_files_and_threads(serving.id())
    );
    let postgres = (backend == Backend::Postgres).then(|| {
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(sea_orm::Database::connect(&url)).unwrap();
        // Checked first: the next write would end a transaction that was left open.
        let open = || runtime.block_on(sessions(&database, "state LIKE 'idle in transaction%'"));
        assert!(becomes_true(|| open() == 0), "{} open transactions", open());
        (runtime, database)
    });
    assert_writes_are_atomic(&client(), &created);
    if let Some((runtime, database)) = postgres {
        assert_every_connection_works(&client(), &runtime, &database);
        runtime.block_on(database.close()).unwrap();
    }
    serving.signal("-TERM");
    serving.end();
}

fn assert_writes_are_atomic(client: &Client, created: &HashMap<String, Option<String>>) {
    let stored = all(client);
    let names: HashMap<&str, &Value> =
        stored.iter().map(|contact| (contact["username"].as_str().unwrap(), contact)).collect();
    assert_eq!(names.len(), stored.len(), "no name twice");
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], stored.len(), "the count is right");
    for contact in &stored {
        let name = contact["username"].as_str().unwrap();
        assert_eq!(contact["display_name"], contact["meta"]["name"], "{name} is half changed");
        assert_eq!(contact["meta"]["padding"].as_str().map(str::len), Some(PADDING), "{name}");
    }
    let stored = created.keys().filter(|name| names.contains_key(name.as_str())).count();
    assert!((1..created.len()).contains(&stored), "{stored} of {} were stored", created.len());
    println!("{stored} of {} creates were stored", created.len());
    // A client that reconnects gets its contact under the same key.
    for (name, key) in created {
        let Some(key) = key else { continue };
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        let reply = client.send("POST", "/v1/contacts", &headers, new(name).as_bytes());
        let contact = reply.expect(201);
        let before = names.get(name.as_str());
        assert_eq!(reply.header("Idempotent-Replayed") == "true", before.is_some(), "{name}");
        assert!(before.is_none_or(|before| before["id"] == contact["id"]), "{name}");
        client.get(&crate::contacts::path(&contact)).expect(200);
    }
}

/// The number of the service's sessions that satisfy a condition.
async fn sessions(database: &DatabaseConnection, condition: &str) -> usize {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'addressbook' AND {condition}"
    );
    let row = database.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    usize::try_from(row.unwrap().try_get_by_index::<i64>(0).unwrap()).unwrap()
}

/// As many blocked updates as pool connections: each must get a connection. (Of groups, which have transactions of their
/// own.)
fn assert_every_connection_works(client: &Client, runtime: &Runtime, database: &DatabaseConnection) {
    let groups: Vec<String> = (0..CONNECTIONS)
        .map(|i| client.post("/v1/groups", &json!({"name": i.to_string()})).expect(201))
        .map(|group| format!("/v1/groups/{}", group["id"].as_str().unwrap()))
        .collect();
    let lock = runtime.block_on(async {
        let lock = database.begin().await.unwrap();
        lock.execute_unprepared("SELECT 1 FROM groups FOR UPDATE").await.unwrap();
        lock
    });
    std::thread::scope(|scope| {
        let changes: Vec<_> = groups
            .iter()
            .map(|path| scope.spawn(|| client.patch(path, &json!({"description": "last"})).status))
            .collect();
        let wait = || runtime.block_on(sessions(database, "wait_event_type = 'Lock'"));
        let all_wait = becomes_true(|| wait() == CONNECTIONS);
        runtime.block_on(lock.rollback()).unwrap();
        assert!(all_wait, "connections are missing");
        for change in changes {
            assert_eq!(change.join().unwrap(), 200);
        }
    });
}

#[test]
fn on_sqlite() {
    disconnects_leak_nothing(Backend::Sqlite);
}

#[test]
fn on_postgres() {
    disconnects_leak_nothing(Backend::Postgres);
}
