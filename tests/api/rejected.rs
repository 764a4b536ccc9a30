//! Requests that fail before a handler runs, because they cannot be parsed or do not arrive, get the same error
//! envelope.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Backend, Service, raw};
use crate::middleware::raw as send;

/// The last response on a connection: status, head in lower case, and error.
fn last(response: &str) -> (u16, String, Value) {
    let start = response.rfind("HTTP/1.").unwrap_or_else(|| panic!("no response: {response}"));
    let (head, body) = response[start..].split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.strip_prefix(name));
        let lines: Vec<_> = lines.map(str::trim).collect();
        assert_eq!(lines.len(), 1, "{name} {head}");
        lines[0]
    };
    assert_eq!(header("content-length:"), body.len().to_string());
    assert_eq!(header("content-type:"), "application/json");
    assert_eq!(header("connection:"), "close");
    assert_eq!(header("cache-control:"), "no-store");
    assert_eq!(header("x-content-type-options:"), "nosniff");
    assert_eq!(header("x-request-id:").len(), 36);
    let status = head[9..12].parse().unwrap();
    (status, head.clone(), serde_json::from_str(body).unwrap())
}

#[track_caller]
fn is_v1(response: &str, status: u16, code: &str) {
    let (found, _, json) = last(response);
    assert_eq!((found, json["error"]["code"].as_str()), (status, Some(code)), "{json}");
    assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
    assert!(json["error"]["message"].is_string());
}

#[track_caller]
fn is_address_book(response: &str, status: u16, name: &str) {
    let (found, _, json) = last(response);
    assert_eq!((found, json["error"]["name"].as_str()), (status, Some(name)), "{json}");
    assert_eq!(
        (&json["success"], json["error"]["statusCode"].as_u64()),
        (&Value::Bool(false), Some(status.into()))
    );
}

#[test]
fn a_request_that_cannot_be_parsed_has_the_envelope_of_its_path() {
    let service = Service::shared(Backend::Sqlite).unwrap();
    for line in [
        "Host x",
        "Host: x\r\nA\u{1}: b",
        "Host: x\r\nContent-Length: x",
        "Host: x\r\nContent-Length: 1\r\nContent-Length: 2",
    ] {
        let request = |path: &str| format!("POST {path} HTTP/1.1\r\n{line}\r\n\r\n").into_bytes();
        is_v1(&send(service, &request("/v1/contacts")), 400, "malformed_request");
        for path in ["/addressbook/contacts?x=y", "/contacts", "http://example.com/contacts/1"] {
            is_address_book(&send(service, &request(path)), 400, "ValidationError");
        }
    }
    // The dialect cannot be determined.
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nx\r\n\r\n",
    ] {
        is_v1(&send(service, bytes), 400, "malformed_request");
    }
    let large = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Large: {}", "x".repeat(400_000));
    is_v1(&send(service, large("/v1/contacts").as_bytes()), 431, "headers_too_large");
    is_address_book(&send(service, large("/contacts").as_bytes()), 431, "HeadersTooLargeError");
}

#[test]
fn earlier_responses_on_the_connection_are_unaffected() {
    let service = Service::shared(Backend::Sqlite).unwrap();
    let good = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let bad = "GET /contacts HTTP/1.1\r\nHost\r\n\r\n";
    // One after the other.
    let mut stream = raw::connect(&service.address);
    for _ in 0..2 {
        stream.write_all(good.as_bytes()).unwrap();
        let (status, body) = raw::response(&mut stream).unwrap();
        assert_eq!((status, &*body), (200, &br#"{"status":"ok"}"#[..]));
    }
    stream.write_all(bad.as_bytes()).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{rest}");
    is_address_book(&rest, 400, "ValidationError");
    // Pipelined.
    let response = send(service, format!("{good}{good}{bad}{good}").as_bytes());
    assert_eq!(
        (response.matches("HTTP/1.1 200 OK").count(), response.matches("HTTP/1.1 ").count()),
        (2, 3),
        "{response}"
    );
    assert_eq!(last(&response).0, 400);
    // Other responses without a body are unaffected.
    let response = send(service, b"HEAD /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 404 ") && response.ends_with("\r\n\r\n"), "{response}");
}

#[test]
fn a_head_that_does_not_arrive_gets_408() {
    let service = Service::start(Backend::Sqlite, |settings| {
        settings.limits.header_timeout = Duration::from_secs(2);
    })
    .unwrap();
    std::thread::scope(|scope| {
        let v1 = [&b"GET /v1/contacts HTTP/1.1\r\nHost:"[..], b"GET", b""];
        for bytes in v1 {
            scope.spawn(|| is_v1(&send(&service, bytes), 408, "request_timeout"));
        }
        let bytes = b"GET /contacts HTTP/1.1\r\nHost:";
        is_address_book(&send(&service, bytes), 408, "RequestTimeoutError");
    });
}
