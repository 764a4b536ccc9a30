//! A small reverse proxy: it serves a service under a path.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::client::Client;
use super::service::Service;

/// Serves a service under a path, takes the path off each request and says so in
/// `X-Forwarded-Prefix`. Answers with a client that knows the address before the path.
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

/// One request and its answer.
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
