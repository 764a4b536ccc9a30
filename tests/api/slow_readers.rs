//! Clients that do not read their responses: their connections are closed, memory per connection is bounded, and
//! other clients are served.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::cli::{ServerProcess, addressbook};
use crate::harness::{Client, TIMEOUT, folder, raw};

/// Maximum memory per connection whose peer does not read, apart from the kernel's buffers.
const MAX_MEMORY_PER_CONNECTION: u64 = 1024 * 1024;

fn serve(write_timeout: &str) -> (ServerProcess, Client) {
    let timeout = format!("--write-timeout={write_timeout}");
    let args = ["--bind=127.0.0.1:0", "--log=warn", "--workers=2", &timeout, "--keep-alive=60s"];
    let mut serving = ServerProcess::start(&mut addressbook(&folder(), &args));
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    (serving, client)
}

/// A file in the server's /proc directory.
fn proc_file(serving: &ServerProcess, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{}/{file}", serving.id())).unwrap()
}

/// Resident memory of the server, in bytes.
fn memory(serving: &ServerProcess) -> u64 {
    let status = proc_file(serving, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// Processor time of the server, in hundredths of a second.
fn ticks(serving: &ServerProcess) -> u64 {
    let stat = proc_file(serving, "stat");
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Number of open sockets of the server.
fn sockets(serving: &ServerProcess) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", serving.id())).unwrap();
    let is_socket = |path: std::path::PathBuf| {
        std::fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    files.filter(|file| is_socket(file.as_ref().unwrap().path())).count()
}

/// A connection with a receive buffer of `bytes`.
fn connect(address: &str, bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.connect(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.into()
}

pub fn connect_with_small_buffer(address: &str) -> TcpStream {
    connect(address, 4096)
}

/// Sends as much as the peer accepts without a long wait.
fn push(stream: &mut TcpStream, mut bytes: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits until the server has closed all connections except those that it had before.
#[track_caller]
fn wait_until_closed(serving: &ServerProcess, before: usize) {
    let began = Instant::now();
    while sockets(serving) > before {
        let open = sockets(serving);
        assert!(began.elapsed() < 3 * TIMEOUT, "{open} sockets are still open, {before} before");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the server is idle: a busy one can use 100 ticks in half a second.
#[track_caller]
fn wait_until_idle(serving: &ServerProcess) {
    let began = Instant::now();
    loop {
        let before = ticks(serving);
        std::thread::sleep(Duration::from_millis(500));
        let used = ticks(serving) - before;
        if used <= 4 {
            return;
        }
        assert!(began.elapsed() < 3 * TIMEOUT, "{used} ticks of work for clients that do not read");
    }
}

fn stop(serving: ServerProcess) {
    serving.signal("-TERM");
    serving.end();
}

const GET: &str = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn a_client_that_pipelines_and_never_reads_does_not_block_others() {
    const CLIENTS: usize = 60;
    let (serving, client) = serve("10m");
    client.get("/openapi.json").expect(200);
    let (before, memory_before) = (sockets(&serving), memory(&serving));
    // More than the server reads ahead, for the largest response that needs no key.
    let requests = GET.repeat(6_000);
    let mut streams: Vec<TcpStream> =
        (0..CLIENTS).map(|_| connect_with_small_buffer(serving.address())).collect();
    std::thread::scope(|scope| {
        for some in streams.chunks_mut(CLIENTS / 4) {
            scope.spawn(|| some.iter_mut().for_each(|stream| push(stream, requests.as_bytes())));
        }
    });
    for _ in 0..20 {
        Client::new(serving.address(), None).get("/healthz").expect(200);
    }
    wait_until_idle(&serving);
    let grown = memory(&serving).saturating_sub(memory_before);
    println!("{CLIENTS} clients that do not read: {} KiB each", grown / 1024 / CLIENTS as u64);
    assert!(grown < CLIENTS as u64 * MAX_MEMORY_PER_CONNECTION, "{grown} bytes for {CLIENTS} clients");
    assert!(sockets(&serving) >= before + CLIENTS, "they are still connected");
    drop(streams);
    wait_until_closed(&serving, before);
    stop(serving);
}

#[test]
fn a_stalled_reader_is_disconnected() {
    let (serving, client) = serve("1s");
    client.get("/openapi.json").expect(200);
    let before = sockets(&serving);
    // The clients stay connected: it is the server that closes.
    let mut streams: Vec<TcpStream> = (0..20).map(|_| connect_with_small_buffer(serving.address())).collect();
    streams.iter_mut().for_each(|stream| push(stream, GET.repeat(100).as_bytes()));
    wait_until_closed(&serving, before);
    drop(streams);
    stop(serving);
}

#[test]
fn an_unread_audience_uses_little_memory() {
    const CONTACTS: usize = 400;
    let (serving, client) = serve("15s");
    let text = "x".repeat(1_200);
    let contacts: Vec<String> = (0..CONTACTS).map(|number| format!("u{number}")).collect();
    for username in &contacts {
        let meta = json!({"TEXT": text, "MORE": "x".repeat(6_000)});
        let body = json!({"username": username, "phone_number": "+4479000000001", "meta": meta});
        client.post("/v1/contacts", &body).expect(201);
    }
    // The same contacts in many groups, for a long response.
    let groups: Vec<_> = (0..30)
        .map(|number| {
            let name = format!("g{number}");
            client.post("/addressbook/groups", &json!({"name": name})).expect(200);
            let path = format!("/addressbook/groups/{name}/contacts");
            client.post(&path, &json!({"aliases": contacts})).expect(200);
            json!({"group": name})
        })
        .collect();
    // So do filters that all of them match.
    let filters: Vec<_> = (0..10)
        .map(|number| json!({"filter": format!("username != \"{number}\"")}))
        .chain(groups.clone())
        .collect();
    let body = |recipients: &[Value]| {
        json!({"recipients": recipients, "repeat_numbers": true, "template": {"text": "{{TEXT}}"}})
            .to_string()
    };
    // Read to its end, the response is complete.
    let headers = [("Accept", "application/x-ndjson"), ("Content-Type", "application/json")];
    let whole = client.send("POST", "/v1/audiences", &headers, body(&groups[..4]).as_bytes());
    assert_eq!(whole.status, 200);
    let lines: Vec<&[u8]> = whole.body.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), CONTACTS * 4 + 1);
    for line in &lines {
        serde_json::from_slice::<Value>(line).unwrap();
    }

    let key = client.key.as_ref().unwrap();
    let requests = [&groups, &filters]
        .map(|recipients| raw::request(key, "POST", "/v1/audiences", &headers[..1], &body(recipients)));
    unread_responses_use_little_memory(&serving, &client, &requests);
    stop(serving);
}

/// The responses to these requests, which nobody reads.
fn unread_responses_use_little_memory(serving: &ServerProcess, client: &Client, requests: &[Vec<u8>]) {
    const CLIENTS: usize = 16;
    // The contacts are indexed for searches a second after the last one.
    std::thread::sleep(Duration::from_secs(3));
    wait_until_idle(serving);
    let (before, memory_before) = (sockets(serving), memory(serving));
    let mut streams: Vec<TcpStream> =
        (0..CLIENTS).map(|_| connect_with_small_buffer(serving.address())).collect();
    for (stream, request) in streams.iter_mut().zip(requests.iter().cycle()) {
        push(stream, request);
    }
    wait_until_idle(serving);
    client.get("/v1/contacts").expect(200);
    let grown = memory(serving).saturating_sub(memory_before);
    println!("{CLIENTS} responses that are not read: {} KiB each", grown / 1024 / CLIENTS as u64);
    assert!(grown < CLIENTS as u64 * MAX_MEMORY_PER_CONNECTION, "{grown} bytes for {CLIENTS} responses");
    wait_until_closed(serving, before);
}

/// However many contacts there are, and in each format.
#[test]
fn an_unread_export_uses_little_memory() {
    let (serving, client) = serve("15s");
    let text = "x".repeat(15_000);
    // 30 MB.
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (client, text) = (client.clone(), &text);
            scope.spawn(move || {
                for number in 0..500 {
                    let username = format!("{writer} {number}");
                    let body = json!({"username": username, "phone_number": "+4479000000001", "meta": {"TEXT": text}});
                    client.post("/v1/contacts", &body).expect(201);
                }
            });
        }
    });
    let formats = ["format=csv", "profile=spreadsheet", "format=vcard", "format=ndjson", "format=jscontact"];
    let key = client.key.as_ref().unwrap();
    let requests =
        formats.map(|format| raw::request(key, "GET", &format!("/v1/contacts/export?{format}"), &[], ""));
    unread_responses_use_little_memory(&serving, &client, &requests);
    stop(serving);
}

#[test]
fn a_slow_reader_gets_the_whole_response() {
    const REQUESTS: usize = 16;
    let (serving, client) = serve("3s");
    let size = client.get("/openapi.json").body.len();
    let mut stream = connect(serving.address(), 128 * 1024);
    // More than the socket buffers hold.
    let last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all((GET.repeat(REQUESTS - 1) + &last).as_bytes()).unwrap();
    // Slower in total than the write timeout, but no single stall is that long.
    let (mut read, mut some) = (0, vec![0; 256 * 1024]);
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(500));
        read += stream.read(&mut some).unwrap();
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    // Its server URL is shorter than that of the first request.
    assert!(read + rest.len() > REQUESTS * (size - 100), "{read} and {} bytes", rest.len());
    stop(serving);
}
