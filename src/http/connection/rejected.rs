//! Requests that the HTTP implementation rejects before any of our code sees them: because they cannot be
//! parsed, have too large a head, or do not arrive in time. It writes a status and no body; here they get
//! what every error has: an envelope, an id and a line in the log.

use std::net::SocketAddr;

use actix_web::web::Bytes;

use crate::domain::{Error, ErrorCode};
use crate::http::dialect::{Dialect, Dialects};
use crate::http::error::table::wire_code;
use crate::http::request_id::RequestId;

/// As much of a request as its path needs to tell which dialect it speaks.
const MAX_START: usize = 128;

/// How the first request began that was read since the last response.
#[derive(Debug, Default)]
pub struct RequestStart {
    bytes: Vec<u8>,
    /// The next bytes begin another request.
    is_over: bool,
}

impl RequestStart {
    /// Bytes were read.
    pub fn read(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.is_over) {
            self.bytes.clear();
        }
        let room = MAX_START.saturating_sub(self.bytes.len());
        self.bytes.extend(&bytes[..bytes.len().min(room)]);
    }

    /// A response was written.
    pub fn answered(&mut self) {
        self.is_over = true;
    }

    /// The dialect of the path, where one can be made out.
    fn dialect(&self, dialects: Dialects) -> Option<&'static Dialect> {
        let mut words = self.bytes.split(|byte| *byte == b' ');
        let target = str::from_utf8(words.nth(1)?).ok()?;
        let path = target
            .split_once("://")
            .map_or(target, |(_, rest)| &rest[rest.find('/').unwrap_or(rest.len())..]);
        dialects.at(path.split(['?', '\r']).next()?)
    }
}

/// The bytes to send in place of these, if they end with such a response.
pub fn replace(
    bytes: &[u8],
    request: &RequestStart,
    peer: Option<SocketAddr>,
    dialects: Dialects,
) -> Option<Bytes> {
    let (start, head) = rejection(bytes)?;
    let status = head.split(' ').nth(1)?;
    let code = match status {
        "400" => ErrorCode::MalformedRequest,
        "408" => ErrorCode::RequestTimeout,
        "431" => ErrorCode::HeadersTooLarge,
        "500" => ErrorCode::Internal,
        _ => return None,
    };
    let dialect = request.dialect(dialects).unwrap_or(dialects.default);
    let error = Error::from(code);
    let body = (dialect.envelope)(&error).to_string();
    let id = RequestId::generate();
    let id = id.as_str();
    let peer = peer.map(tracing::field::display);
    if code == ErrorCode::Internal {
        tracing::error!(
            request_id = id,
            status = status.parse::<u16>().ok(),
            peer,
            cause = "the HTTP implementation is at fault",
            "request failed"
        );
    } else {
        tracing::info!(
            request_id = id,
            status = status.parse::<u16>().ok(),
            peer,
            code = wire_code(code).v1,
            "request"
        );
    }
    let headers = format!(
        "content-length: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\nx-request-id: {id}\r\n",
        body.len()
    );
    let head = head.replace("connection: close\r\n", "").replacen(EMPTY, &headers, 1);
    Some([&bytes[..start], head.as_bytes(), body.as_bytes()].concat().into())
}

/// What such a response begins with, and what says that it has no body.
const START: &[u8] = b"HTTP/1.";
const EMPTY: &str = "content-length: 0\r\n";

/// A response without a body at the end of these bytes that none of our code made: where it begins, and
/// itself. Whatever we make has an id.
fn rejection(bytes: &[u8]) -> Option<(usize, &str)> {
    const LONGEST: usize = 256;
    let end = bytes.strip_suffix(b"\r\n\r\n")?;
    let tail = &end[end.len().saturating_sub(LONGEST)..];
    let start = tail.windows(START.len()).rposition(|window| window == START)?;
    let start = bytes.len() - b"\r\n\r\n".len() - (tail.len() - start);
    let head = str::from_utf8(&bytes[start..]).ok()?;
    let mut lines = head.trim_end().split("\r\n").skip(1);
    let is_bare = lines
        .all(|line| ["content-length: 0", "connection: close"].contains(&line) || line.starts_with("date: "));
    (is_bare && head.contains(EMPTY)).then_some((start, head))
}
