//! `/readyz` before, while and after the service serves: a load balancer knows that it should send requests elsewhere before
//! the service refuses them.

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::{ServerProcess, addressbook, fails};
use crate::contacts;
use crate::harness::{Backend, Client, Cluster, finally, folder, new_database, raw};

/// What is still to come takes less, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn unavailable(reason: &str) -> Value {
    json!({"status": "unavailable", "reason": reason})
}

fn stopping() -> Value {
    unavailable("the service is shutting down")
}

fn starting() -> Value {
    unavailable("the service is starting: the database is being opened or migrated")
}

fn start(url: &str, drain: &str) -> ServerProcess {
    let arguments = ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log=off", "--database-url", url];
    ServerProcess::start(addressbook(&folder(), &arguments).args(["--drain", drain]))
}

/// Waits until both addresses say that the service is stopping.
fn wait_until_stopping(clients: [&Client; 2]) {
    for client in clients {
        let began = Instant::now();
        while client.get("/readyz").status == 200 {
            assert!(began.elapsed() < LIMIT, "it stays ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(client.get("/readyz").expect(503), stopping());
        assert_eq!(client.get("/healthz").expect(200), json!({"status": "ok"}), "it lives");
    }
}

/// For as long as it drains: with a drain that does not end by itself.
fn a_draining_service_is_not_ready_and_serves_every_request(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let mut server = start(&url, "1h");
    let admin = server.admin();
    let key = server.first_key();
    let client = Client::new(server.address(), Some(key));
    for client in [&client, &admin] {
        assert_eq!(client.get("/readyz").expect(200), json!({"status": "ok"}));
    }
    server.signal("-TERM");
    wait_until_stopping([&client, &admin]);
    for i in 0..50 {
        // A connection of its own each: none is refused.
        let mut stream = raw::connect(server.address());
        let body = json!({"username": format!("user{i}"), "phone_number": "+4479000000001"}).to_string();
        stream
            .write_all(&raw::request(client.key.as_ref().unwrap(), "POST", "/v1/contacts", &[], &body))
            .unwrap();
        assert_eq!(raw::response(&mut stream).unwrap().0, 201);
    }
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 50);
    assert_eq!(client.get("/readyz").expect(503), stopping());
    // The second signal ends the drain, and the process, although an hour is not over.
    server.signal("-TERM");
    server.end();
}

fn a_drain_ends_with_a_graceful_shutdown(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let mut server = start(&url, "300ms");
    let key = server.first_key();
    let client = Client::new(server.address(), Some(key));
    contacts::create(&client, "john", "+4479000000001");
    server.signal("-INT");
    server.end();
    let again = start(&url, "0s");
    let client = Client::new(again.address(), client.key);
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 1);
    again.signal("-TERM");
    again.end();
}

/// The administration address responds before there is anything to serve.
fn a_service_that_is_starting_is_alive_and_not_ready(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let runtime = Runtime::new().unwrap();
    // What a start waits for: on PostgreSQL, another instance that migrates; on SQLite, another process that writes.
    let blocker = runtime.block_on(async {
        let url = if backend == Backend::Sqlite { format!("{url}?mode=rwc") } else { url.clone() };
        let database = sea_orm::Database::connect(&url).await.unwrap();
        let transaction = database.begin().await.unwrap();
        let block = match backend {
            Backend::Sqlite => "CREATE TABLE blocker (id INTEGER)",
            Backend::Postgres => "SELECT pg_advisory_xact_lock(7017280452245743467)",
        };
        transaction.execute_unprepared(block).await.unwrap();
        transaction
    });
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = folder();
    let mut command = addressbook(&folder, &["--bind=127.0.0.1:0", "--log=off", "--database-url", &url]);
    command.arg(format!("--admin-bind={admin}"));
    let admin = Client::new(&admin.to_string(), None);
    std::thread::scope(|scope| {
        let server = scope.spawn(|| ServerProcess::start(&mut command));
        let check = || {
            let began = Instant::now();
            let reply = loop {
                match admin.try_send("GET", "/readyz", &[], b"") {
                    Ok(reply) => break reply,
                    Err(error) => assert!(began.elapsed() < LIMIT, "{error}"),
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            assert_eq!(reply.expect(503), starting());
            assert_eq!(admin.get("/healthz").expect(200), json!({"status": "ok"}));
            assert_eq!(admin.get("/metrics").status, 200);
            let reply = admin.get("/admin/v1/accounts");
            assert_eq!(reply.expect(503)["error"]["code"], "unavailable");
            assert!(!server.is_finished(), "it waits");
        };
        finally(check, || runtime.block_on(blocker.rollback()).unwrap());
        let server = server.join().unwrap();
        assert_eq!(admin.get("/readyz").expect(200), json!({"status": "ok"}));
        server.signal("-TERM");
        server.end();
    });
}

on_each! {
    a_draining_service_is_not_ready_and_serves_every_request
    a_drain_ends_with_a_graceful_shutdown
    a_service_that_is_starting_is_alive_and_not_ready
}

/// The address of clients says the same in `middleware.rs`, `sqlite_file.rs` and `postgres_faults.rs`.
#[test]
fn a_service_whose_database_cannot_be_written_to_is_not_ready() {
    let folder = folder();
    let arguments = ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log=off"];
    let server = ServerProcess::start(&mut addressbook(&folder, &arguments));
    let file = folder.join("data/addressbook.db");
    std::fs::rename(&file, folder.join("elsewhere")).unwrap();
    let reason = "the database file was deleted, moved or replaced";
    assert_eq!(server.admin().get("/readyz").expect(503), unavailable(reason));
    std::fs::rename(folder.join("elsewhere"), &file).unwrap();
    assert_eq!(server.admin().get("/readyz").expect(200), json!({"status": "ok"}));

    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let server = start(&cluster.url("postgres"), "0s");
    let admin = server.admin();
    cluster.crash();
    assert_eq!(admin.get("/readyz").expect(503), unavailable("the database does not respond"));
}

#[test]
fn the_administration_address_is_not_that_of_clients() {
    let folder = folder();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = address.port();
    for (bind, admin) in [
        (address.to_string(), address.to_string()),
        (address.to_string(), format!("localhost:{port}")),
        (format!("0.0.0.0:{port}"), address.to_string()),
        (address.to_string(), format!("[::]:{port}")),
    ] {
        let arguments = ["--log=off", "--bind", &bind, "--admin-bind", &admin];
        fails(&mut addressbook(&folder, &arguments), &["--admin-bind", "--bind", &admin]);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let arguments = ["--log=off", "--bind=127.0.0.1:0", "--admin-bind", &taken];
    fails(&mut addressbook(&folder, &arguments), &[&taken, "in use"]);
    assert!(!folder.join("data").exists(), "no database is created first");
}
