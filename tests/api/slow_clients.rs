//! Thousands of idle or slow connections do not prevent other clients from being served.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cli::ServerProcess;
use crate::harness::{Client, Reply, folder, raw};

/// Numbers of idle connections and of slow senders.
const IDLE: usize = 10_000;
const SLOW: usize = 2_000;

/// Threads that connect concurrently.
const THREADS: usize = 4;

/// Other open files of the test process or of the server.
const OTHER_FILES: usize = 2_000;

/// `count`, or proportionally fewer if the machine allows fewer.
fn scaled(count: usize) -> usize {
    let files = usize::try_from(rlimit::increase_nofile_limit(u64::MAX).unwrap()).unwrap_or(usize::MAX);
    let room = files.saturating_sub(OTHER_FILES).min(IDLE + SLOW);
    count * room / (IDLE + SLOW)
}

/// Creates `count` values concurrently from their numbers.
fn many<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let make = &make;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || (thread..count).step_by(THREADS).map(make).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Every tenth client has sent a request on its keep-alive connection; the others send nothing.
fn idle(address: &str, number: usize) -> TcpStream {
    let mut stream = raw::connect(address);
    if number.is_multiple_of(10) {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(raw::response(&mut stream).unwrap().0, 200);
    }
    stream
}

/// A slow sender.
struct Slow {
    stream: TcpStream,
    rest: std::vec::IntoIter<u8>,
}

impl Slow {
    /// Every other one first sends part of the head; the others the head and part of the body.
    fn start(address: &str, key: &str, number: usize) -> Self {
        let padding = "x".repeat(1_000);
        let body = json!({
            "username": format!("slow-{number}"), "phone_number": "+4479000000001", "meta": {"padding": padding},
        });
        let request = raw::request(key, "POST", "/v1/contacts", &[], &body.to_string());
        let mut slow = Self { stream: raw::connect(address), rest: request.into_iter() };
        slow.send(if number.is_multiple_of(2) { 20 } else { 400 });
        slow
    }

    fn send(&mut self, bytes: usize) {
        let bytes: Vec<u8> = self.rest.by_ref().take(bytes).collect();
        self.stream.write_all(&bytes).expect("a slow sender was turned out");
    }
}

/// Requests of all kinds, each on a new connection; returns the longest duration.
fn well_behaved(address: &str, key: &str, thread: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for i in 0..25 {
        let client = Client::new(address, Some(key.to_owned()));
        let mut timed = |request: &dyn Fn() -> Reply, status| {
            let started = Instant::now();
            let json = request().expect(status);
            slowest = slowest.max(started.elapsed());
            json
        };
        let body = json!({"username": format!("honest-{thread}-{i}"), "phone_number": "+4479000000001"});
        let contact = timed(&|| client.post("/v1/contacts", &body), 201);
        let path = crate::contacts::path(&contact);
        timed(&|| client.get(&path), 200);
        timed(&|| client.get("/addressbook/contacts"), 200);
        timed(&|| client.patch(&path, &json!({"display_name": "changed"})), 200);
        timed(&|| client.delete(&path), 204);
    }
    slowest
}

#[test]
fn idle_connections_and_slow_senders_do_not_block_others() {
    let (idle_count, slow_count) = (scaled(IDLE), scaled(SLOW));
    // Longer timeouts than by default, so that no connection is closed during the test. The server starts with the
    // usual soft limit of file descriptors.
    let mut serving = ServerProcess::start(
        Command::new("sh")
            .args(["-c", "ulimit -S -n 1024; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_addressbook")])
            .args(["--bind=127.0.0.1:0", "--log=off", "--header-timeout=5m", "--body-timeout=5m"])
            .args(["--keep-alive=5m", "--request-timeout=5m", "--address-connections=0"])
            .current_dir(folder()),
    );
    let (address, key) = (serving.address().to_owned(), serving.first_key());
    let idle = many(idle_count, |number| idle(&address, number));
    let mut slow = many(slow_count, |number| Slow::start(&address, &key, number));
    let (done, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let slowest = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                slow.iter_mut().for_each(|slow| slow.send(1));
                rounds.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let slowest = many(8, |thread| well_behaved(&address, &key, thread)).into_iter().max();
        done.store(true, Ordering::Relaxed);
        slowest.unwrap()
    });
    assert!(rounds.into_inner() > 0, "the slow senders were at work");
    let files = std::fs::read_dir(format!("/proc/{}/fd", serving.id())).unwrap().count();
    assert!(files > idle_count + slow_count, "{files} open files: some were turned out");
    println!(
        "{idle_count} idle connections and {slow_count} slow senders: the slowest of the others took {slowest:?}"
    );
    // Slow requests are answered, too. (In batches: the write queue is bounded.)
    slow.truncate(200);
    slow.iter_mut().for_each(|slow| slow.send(usize::MAX));
    for Slow { stream, .. } in &mut slow {
        assert_eq!(raw::response(stream).expect("a slow sender was turned out").0, 201);
    }
    drop(idle);
    serving.signal("-TERM");
    serving.end();
}
