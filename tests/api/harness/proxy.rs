//! Small proxies: one adds a path prefix, one delays a database's replies, one freezes connections.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use url::Url;

use super::client::Client;
use super::service::Service;

/// Serves a service under a path: strips the prefix from each request and sends it in `X-Forwarded-Prefix`. Returns a
/// client for the URL without the prefix.
pub fn serve_under(service: &Service, prefix: &'static str) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let upstream = service.address.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let upstream = upstream.clone();
            std::thread::spawn(move || forward(client.unwrap(), &upstream, prefix));
        }
    });
    Client::new(&address, service.client().key)
}

/// One request and its response.
fn forward(mut client: TcpStream, upstream: &str, prefix: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read(&mut byte).unwrap() == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let Some(line) = line.split_once(prefix).map(|(method, rest)| format!("{method}{rest}")) else {
        client
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        return;
    };
    let own = format!("X-Forwarded-Prefix: {prefix}\r\nConnection: close");
    let mut server = TcpStream::connect(upstream).unwrap();
    server.write_all(format!("{line}\r\n{own}\r\n{headers}").as_bytes()).unwrap();

    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
    std::io::copy(&mut server, &mut client).unwrap();
    drop(client.shutdown(Shutdown::Both));
}

/// Whether replies are held.
#[derive(Default)]
pub struct Hold {
    pub on: AtomicBool,
    /// Whether a reply has been held.
    pub has_held: AtomicBool,
}

/// A proxy to a PostgreSQL database that holds replies while told to. Returns its URL.
pub fn delay_replies(database: &str, hold: &Arc<Hold>) -> String {
    let mut url = Url::parse(database).unwrap();
    let upstream = url.socket_addrs(|| None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let hold = Arc::clone(hold);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&*upstream).unwrap());
            let (mut client_reader, mut server_writer) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut client_reader, &mut server_writer));
            let hold = Arc::clone(&hold);
            std::thread::spawn(move || {
                let mut response = [0; 4096];
                while let Ok(length @ 1..) = server.read(&mut response) {
                    while hold.on.load(Ordering::SeqCst) {
                        hold.has_held.store(true, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    if client.write_all(&response[..length]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url.to_string()
}

/// A proxy to a PostgreSQL database. Frozen connections stay open but transfer nothing in either direction;
/// connections accepted later work.
pub struct Freezer {
    pub url: String,
    state: Arc<Frozen>,
}

#[derive(Default)]
struct Frozen {
    /// Number of accepted connections.
    created: AtomicUsize,
    /// Number of frozen connections: the first ones.
    frozen: AtomicUsize,
    over: AtomicBool,
}

impl Freezer {
    pub fn new(database: &str) -> Self {
        let mut url = Url::parse(database).unwrap();
        let upstream = url.socket_addrs(|| None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let state = Arc::<Frozen>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let number = shared.created.fetch_add(1, Ordering::SeqCst);
                // If the database is down, the connection is closed.
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&*upstream)) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let state = Arc::clone(&shared);
                    std::thread::spawn(move || state.pass(number, from, to));
                }
            }
        });
        Self { url: url.to_string(), state }
    }

    /// Freezes all current connections.
    pub fn freeze(&self) {
        self.state.frozen.store(self.state.created.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
    }
}

impl Frozen {
    fn pass(&self, number: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            while number < self.frozen.load(Ordering::SeqCst) {
                if self.over.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        // Propagates the end of the stream, but not on a frozen connection.
        if number >= self.frozen.load(Ordering::SeqCst) {
            drop(to.shutdown(Shutdown::Both));
        }
    }
}
