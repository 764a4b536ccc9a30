//! Requests that the HTTP implementation rejects itself: malformed ones, too large a head, or a timeout. It responds with a
//! status and no body; its response is replaced by one with an error envelope and a request id, and logged.

use std::net::SocketAddr;

use actix_web::web::Bytes;

use crate::domain::{Error, ErrorCode};
use crate::http::dialect::{Dialect, Dialects};
use crate::http::error::table::wire_code;
use crate::http::request_id::RequestId;

/// Enough of a request to find the dialect of its path.
const MAX_BYTES: usize = 128;

/// The start of the first request since the last response.
#[derive(Debug, Default)]
pub struct RequestStart {
    bytes: Vec<u8>,
    /// The next bytes belong to another request.
    has_ended: bool,
}

impl RequestStart {
    pub fn read(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.has_ended) {
            self.bytes.clear();
        }
        let room = MAX_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend(&bytes[..bytes.len().min(room)]);
    }

    /// A response was written.
    pub fn end(&mut self) {
        self.has_ended = true;
    }

    /// The dialect of the path, if both are recognisable.
    fn dialect(&self, dialects: Dialects) -> Option<&'static Dialect> {
        let mut words = self.bytes.split(|byte| *byte == b' ');
        let target = str::from_utf8(words.nth(1)?).ok()?;
        let path = target
            .split_once("://")
            .map_or(target, |(_, rest)| &rest[rest.find('/').unwrap_or(rest.len())..]);
        dialects.at(path.split(['?', '\r']).next()?)
    }
}

/// Our response to a rejected request.
pub struct Rejection {
    pub status: u16,
    /// The bytes to send instead.
    pub response: Bytes,
}

/// What to send instead, if the output ends with the response to a rejected request.
pub fn replacement(
    bytes: &[u8],
    request: &RequestStart,
    peer: SocketAddr,
    dialects: Dialects,
) -> Option<Rejection> {
    let (start, head) = rejection(bytes)?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let code = match status {
        400 => ErrorCode::MalformedRequest,
        408 => ErrorCode::RequestTimeout,
        431 => ErrorCode::HeadersTooLarge,
        500 => ErrorCode::Internal,
        _ => return None,
    };
    let dialect = request.dialect(dialects).unwrap_or(dialects.default);
    let error = Error::from(code);
    let body = (dialect.envelope)(&error).to_string();
    let id = RequestId::generate();
    let id = id.as_str();
    if code == ErrorCode::Internal {
        tracing::error!(
            request_id = id,
            status,
            %peer,
            cause = "the HTTP implementation is at fault",
            "request failed"
        );
    } else {
        tracing::info!(request_id = id, status, %peer, code = wire_code(code).v1, "request");
    }
    let headers = format!(
        "content-length: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\nx-request-id: {id}\r\n",
        body.len()
    );
    let head = head.replace("connection: close\r\n", "").replacen(NO_BODY, &headers, 1);
    let response = [&bytes[..start], head.as_bytes(), body.as_bytes()].concat().into();
    Some(Rejection { status, response })
}

const RESPONSE_START: &[u8] = b"HTTP/1.";
const NO_BODY: &str = "content-length: 0\r\n";

/// The response to a rejected request at the end of the output, with its position. It has no body and none of the headers
/// that our middleware adds to every response.
fn rejection(bytes: &[u8]) -> Option<(usize, &str)> {
    const MAX_LENGTH: usize = 256;
    let end = bytes.strip_suffix(b"\r\n\r\n")?;
    let tail = &end[end.len().saturating_sub(MAX_LENGTH)..];
    let start = tail.windows(RESPONSE_START.len()).rposition(|window| window == RESPONSE_START)?;
    let start = bytes.len() - b"\r\n\r\n".len() - (tail.len() - start);
    let head = str::from_utf8(&bytes[start..]).ok()?;
    let mut lines = head.trim_end().split("\r\n").skip(1);
    let is_bare = lines
        .all(|line| ["content-length: 0", "connection: close"].contains(&line) || line.starts_with("date: "));
    (is_bare && head.contains(NO_BODY)).then_some((start, head))
}
