//! A server at its limit of file descriptors: connected clients are served, new clients wait, the accept loop does
//! not spin, and waiting clients are accepted as soon as others disconnect.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::ServerProcess;
use crate::durability::all;
use crate::harness::{Backend, Client, folder, new_database, raw};

/// The server's limit of file descriptors, and the number of clients.
const FILES: usize = 110;
const CLIENTS: usize = 500;

/// Clients connected before the others, and the number of requests of each.
const EARLY: usize = 12;
const ROUNDS: usize = 10;

/// A client with one connection.
struct ConnectedClient<'a> {
    stream: TcpStream,
    key: &'a str,
}

impl ConnectedClient<'_> {
    fn request(&mut self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.stream.write_all(&raw::request(self.key, method, path, &[], &body)).unwrap();
        let (answered, body) = raw::response(&mut self.stream).expect("turned out");
        assert_eq!(answered, status, "{method} {path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// One request of each kind; one contact per round remains.
    fn work(&mut self, number: usize) {
        for round in 0..ROUNDS {
            let new = |name| json!({"username": format!("{name}-{number}-{round}"), "phone_number": "+4479000000001"});
            let deleted = crate::contacts::path(&self.request("POST", "/v1/contacts", &new("gone"), 201));
            let kept = crate::contacts::path(&self.request("POST", "/v1/contacts", &new("kept"), 201));
            self.request("GET", "/v1/contacts?limit=100", &Value::Null, 200);
            self.request("PATCH", &kept, &json!({"display_name": "changed"}), 200);
            self.request("DELETE", &deleted, &Value::Null, 204);
            self.request("GET", &deleted, &Value::Null, 404);
        }
    }
}

/// Processor time used by a process.
fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // In hundredths of a second: `USER_HZ` is 100 on Linux.
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn a_server_without_free_file_descriptors_keeps_serving(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let mut serving = ServerProcess::start(
        Command::new("sh")
            .args(["-c", &format!("ulimit -n {FILES}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_addressbook"))
            // Idle connections must not be closed during the test.
            .args(["--bind=127.0.0.1:0", "--log=off", "--keep-alive=5m", "--header-timeout=5m"])
            .args(["--database-url", &url])
            .current_dir(folder()),
    );
    let (address, key) = (serving.address().to_owned(), serving.first_key());
    let mut early: Vec<_> = (0..EARLY)
        .map(|_| {
            let mut connected = ConnectedClient { stream: raw::connect(&address), key: &key };
            connected.request("GET", "/healthz", &Value::Null, 200);
            connected
        })
        .collect();
    let crowd: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut stream = raw::connect(&address);
            stream.write_all(&raw::request(&key, "GET", "/v1/contacts", &[], "")).unwrap();
            stream
        })
        .collect();

    std::thread::scope(|scope| {
        for (number, connected) in early.iter_mut().enumerate() {
            scope.spawn(move || connected.work(number));
        }
    });
    let (before, started) = (cpu_time(serving.id()), Instant::now());
    std::thread::sleep(Duration::from_secs(1));
    let (work, time) = (cpu_time(serving.id()) - before, started.elapsed());
    assert!(work < time / 4, "at work for {work:?} of {time:?} with nothing to do");

    // Waiting clients are served when others disconnect.
    let mut crowd = crowd.into_iter();
    drop(crowd.by_ref().take(CLIENTS - 10).collect::<Vec<_>>());
    for mut stream in crowd {
        assert_eq!(raw::response(&mut stream).expect("no response").0, 200);
    }
    drop(early);
    let client = Client::new(&address, Some(key));
    let stored = all(&client);
    let kept = stored.iter().filter(|contact| contact["display_name"] == "changed").count();
    assert_eq!((stored.len(), kept), (EARLY * ROUNDS, EARLY * ROUNDS));
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], stored.len());
    drop(client);
    serving.signal("-TERM");
    serving.end();
}

#[test]
fn on_sqlite() {
    a_server_without_free_file_descriptors_keeps_serving(Backend::Sqlite);
}

#[test]
fn on_postgres() {
    a_server_without_free_file_descriptors_keeps_serving(Backend::Postgres);
}
