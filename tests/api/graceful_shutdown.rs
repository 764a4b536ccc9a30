//! SIGTERM under load: accepted requests are answered, acknowledged writes are stored, and no response is truncated.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::cli::{ServerProcess, addressbook};
use crate::durability::all;
use crate::harness::{Backend, Client, folder, new_database, raw};

/// Connections that send requests continuously.
const CLIENTS: usize = 16;

/// Minimum number of acknowledged creates before the signal.
const ACKNOWLEDGED: usize = 200;

/// How often the server is stopped under load.
const ROUNDS: usize = 2;

/// Maximum duration of a shutdown under continuing load, well below `--shutdown-timeout`.
const LIMIT: Duration = Duration::from_secs(10);

fn create(key: &str, name: &str) -> Vec<u8> {
    let body = json!({"username": name, "phone_number": "+4479000000001"});
    raw::request(key, "POST", "/v1/contacts", &[], &body.to_string())
}

/// Creates contacts over one connection until the server closes it.
fn load(address: &str, key: &str, prefix: &str, acknowledged: &Mutex<HashSet<String>>) {
    let mut stream = raw::connect(address);
    for i in 0.. {
        let name = format!("{prefix}-{i}");
        if stream.write_all(&create(key, &name)).is_err() {
            return;
        }
        let Some((status, body)) = raw::response(&mut stream) else { return };
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
        acknowledged.lock().unwrap().insert(name);
    }
}

/// A lock held by another session, which blocks all writes of contacts.
pub async fn lock(url: &str, backend: Backend) -> DatabaseTransaction {
    let database = sea_orm::Database::connect(url).await.unwrap();
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let lock = database.begin_with_options(immediate).await.unwrap();
    if backend == Backend::Postgres {
        lock.execute_unprepared("LOCK TABLE contacts IN EXCLUSIVE MODE").await.unwrap();
    }
    lock
}

fn stop(serving: ServerProcess) {
    let started = Instant::now();
    serving.signal("-TERM");
    // Exit status 0.
    serving.end();
    assert!(started.elapsed() < LIMIT, "a stop took {:?}", started.elapsed());
}

fn shutdown_loses_nothing(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let folder = folder();
    let start = || {
        ServerProcess::start(
            addressbook(&folder, &["--bind=127.0.0.1:0", "--log=off"]).args(["--database-url", &url]),
        )
    };
    let mut serving = start();
    let key = serving.first_key();
    let acknowledged = Mutex::new(HashSet::new());
    for round in 0..ROUNDS {
        let before = acknowledged.lock().unwrap().len();
        let address = serving.address().to_owned();
        std::thread::scope(|scope| {
            for thread in 0..CLIENTS {
                let (address, key, acknowledged) = (&address, &key, &acknowledged);
                scope.spawn(move || load(address, key, &format!("{round}-{thread}"), acknowledged));
            }
            while acknowledged.lock().unwrap().len() < before + ACKNOWLEDGED {
                std::thread::sleep(Duration::from_millis(1));
            }
            stop(serving);
        });
        serving = start();
    }

    // While writes are blocked, requests are accepted but cannot be answered.
    let runtime = Runtime::new().unwrap();
    let lock = runtime.block_on(lock(&url, backend));
    let mut waiting: Vec<_> = (0..CLIENTS)
        .map(|i| {
            let mut stream = raw::connect(serving.address());
            let name = format!("waiting-{i}");
            stream.write_all(&create(&key, &name)).unwrap();
            acknowledged.lock().unwrap().insert(name);
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            runtime.block_on(lock.rollback()).unwrap();
        });
        stop(serving);
    });
    for stream in &mut waiting {
        assert_eq!(raw::response(stream).expect("accepted, but without a response").0, 201);
    }

    let serving = start();
    let client = Client::new(serving.address(), Some(key));
    let stored = all(&client);
    let names: HashSet<String> =
        stored.iter().map(|contact| contact["username"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), stored.len(), "nothing is stored twice");
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], stored.len(), "the count is right");
    let acknowledged = acknowledged.into_inner().unwrap();
    let lost: Vec<_> = acknowledged.difference(&names).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
    println!("{backend:?}: {} acknowledged, {} stored", acknowledged.len(), stored.len());
    drop(client);
    stop(serving);
}

#[test]
fn on_sqlite() {
    shutdown_loses_nothing(Backend::Sqlite);
}

#[test]
fn on_postgres() {
    shutdown_loses_nothing(Backend::Postgres);
}
