//! Requests as raw bytes, for misbehaving clients.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

/// A connection with a read timeout, so that a missing response fails the test.
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// A request with a key.
pub fn request(key: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Status and body of the next response; `None` if the connection ended before it began.
///
/// # Panics
///
/// The connection ended within the response.
pub fn response(stream: &mut impl Read) -> Option<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8(bytes[..end + 4].to_vec()).unwrap().to_lowercase();
        }
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1..) => bytes.push(byte[0]),
            Ok(0) => {
                assert!(bytes.is_empty(), "half a response: {}", String::from_utf8_lossy(&bytes));
                return None;
            }
            Err(error) if bytes.is_empty() && error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&bytes)),
        }
    };
    let status = head[9..12].parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap_or_else(|error| panic!("half a response ({error}): {head}"));
    Some((status, body))
}
