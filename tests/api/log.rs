//! Log events of failed requests: account and key, route, and cause.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::harness::{Client, folder, raw};

/// A service on a SQLite file; `args` may restrict the log level.
fn serve(folder: &Path, args: &[&str]) -> (ServerProcess, Client) {
    let args: Vec<&str> = ["--bind=127.0.0.1:0", "--log-format=json"].iter().chain(args).copied().collect();
    let mut serving = ServerProcess::start(&mut addressbook(folder, &args));
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    (serving, client)
}

/// The events logged until the service ended.
fn events(serving: ServerProcess) -> Vec<Value> {
    serving.signal("-TERM");
    let log = serving.end();
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The only event of a request.
#[track_caller]
fn of<'a>(events: &'a [Value], request_id: &str) -> &'a Value {
    let found: Vec<_> = events.iter().filter(|event| event["request_id"] == request_id).collect();
    assert_eq!(found.len(), 1, "{request_id}: {events:?}");
    found[0]
}

/// Asserts that an event identifies the caller.
#[track_caller]
fn assert_caller(event: &Value, client: &Client, route: &str) {
    assert!(event["account"].is_i64(), "{event}");
    let key = event["key"].as_str().unwrap();
    assert!(client.key.as_ref().unwrap().contains(key) && key.len() == 16, "{event}");
    assert_eq!(event["route"], route);
    assert!(event["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{event}");
    assert!(event["duration_us"].is_u64(), "{event}");
}

#[test]
fn an_aborted_stream_is_logged_with_caller_and_cause() {
    let folder = folder();
    let (serving, client) = serve(&folder, &[]);
    let body = json!({
        "recipients": [{"phone_number": "+4479000000001", "fields": {"A": "a".repeat(15_000)}}],
        "template": {"text": format!("{{{{ A{} | first }}}}", " | title".repeat(20))},
    });
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/x-ndjson"),
        ("X-Request-Id", "stream"),
    ];
    client.send("POST", "/v1/audiences", &headers, body.to_string().as_bytes()).expect(200);
    let events = events(serving);
    let broken: Vec<_> =
        events.iter().filter(|event| event["message"] == "an audience stream was aborted").collect();
    let [event] = broken[..] else { panic!("{events:?}") };
    assert_eq!((&event["level"], &event["request_id"]), (&json!("INFO"), &json!("stream")));
    assert_eq!(event["code"], "template_too_costly");
    assert!(event["account"].is_i64(), "{event}");
    assert!(client.key.as_ref().unwrap().contains(event["key"].as_str().unwrap()), "{event}");
}

#[test]
fn errors_and_timeouts_are_logged_with_caller_and_cause() {
    let folder = folder();
    let (serving, client) =
        serve(&folder, &["--log=warn", "--request-timeout=500ms", "--database-acquire-timeout=20s"]);
    let body = json!({"username": "john", "phone_number": "+4479000000001"}).to_string();
    let post = |id: &str| {
        let headers = [("Content-Type", "application/json"), ("X-Request-Id", id)];
        client.send("POST", "/v1/contacts", &headers, body.as_bytes())
    };
    assert_eq!(post("fine").status, 201);
    let get = |path: &str, id: &str| client.send("GET", path, &[("X-Request-Id", id)], b"").status;
    assert_eq!(get("/v1/nothing", "absent"), 404);

    let database = Connection::open(folder.join("data/addressbook.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(post("slow").status, 503);
    database.execute_batch("ROLLBACK").unwrap();
    database.execute_batch("DROP TABLE templates").unwrap();
    assert_eq!(get("/v1/templates", "broken"), 500);
    std::fs::remove_file(folder.join("data/addressbook.db")).unwrap();
    assert_eq!(get("/readyz", "unready"), 503);

    let events = events(serving);
    let slow = of(&events, "slow");
    assert_eq!(
        (&slow["level"], &slow["status"], &slow["code"]),
        (&json!("WARN"), &json!(503), &json!("unavailable"))
    );
    assert_eq!((&slow["method"], &slow["cause"]), (&json!("POST"), &json!("the request ran out of time")));
    assert_caller(slow, &client, "/v1/contacts");
    let broken = of(&events, "broken");
    assert_eq!((&broken["level"], &broken["status"]), (&json!("ERROR"), &json!(500)));
    assert_eq!((&broken["method"], &broken["code"]), (&json!("GET"), &json!("internal_error")));
    assert!(broken["cause"].as_str().unwrap().contains("query failed"), "{broken}");
    let unready = of(&events, "unready");
    assert_eq!((&unready["level"], &unready["status"]), (&json!("WARN"), &json!(503)));
    assert!(!unready["cause"].as_str().unwrap().is_empty(), "{unready}");
    assert_caller(broken, &client, "/v1/templates");
    for id in ["fine", "absent"] {
        assert!(!events.iter().any(|event| event["request_id"] == id), "no fault of the service");
    }
}

#[test]
fn statements_are_logged_without_their_values() {
    let folder = folder();
    let (serving, client) = serve(&folder, &["--log=info,addressbook::sql=trace"]);
    let body = json!({"username": "john", "phone_number": "+4479000000001", "meta": {"plan": "gold"}});
    client.post("/v1/contacts", &body).expect(201);
    client.get("/v1/contacts?phone_number=%2B4479000000001").expect(200);
    client.post("/v1/groups", &json!({"name": "customers"})).expect(201);
    let events = events(serving);
    let statements: Vec<_> = events.iter().filter_map(|event| event["sql"].as_str()).collect();
    for part in ["INSERT INTO contacts", "FROM \"contacts\"", "INSERT INTO \"groups\"", "COMMIT"] {
        assert!(statements.iter().any(|sql| sql.contains(part)), "{part}: {statements:?}");
    }
    for value in ["john", "4479000000001", "gold", "customers"] {
        assert!(!statements.iter().any(|sql| sql.contains(value)), "{value}: {statements:?}");
    }
}

#[test]
fn a_rejected_request_is_logged_with_the_address_that_a_trusted_proxy_has_seen() {
    let folder = folder();
    for (trusted, headers, client) in [
        (true, vec!["198.51.100.7"], Some("198.51.100.7")),
        (true, vec!["203.0.113.9, 2001:db8::1"], Some("2001:db8::1")),
        (true, vec!["203.0.113.9", "198.51.100.7"], Some("198.51.100.7")),
        (true, vec!["203.0.113.9, unknown"], None),
        (true, vec![], None),
        (false, vec!["198.51.100.7"], None),
    ] {
        let (serving, _) = serve(&folder, &[&format!("--trust-proxy={trusted}")]);
        let sent: Vec<_> = headers.iter().map(|address| ("X-Forwarded-For", *address)).collect();
        let anonymous = Client::new(serving.address(), None);
        let id = anonymous.send("GET", "/v1/contacts", &sent, b"").header("X-Request-Id").to_owned();
        let events = events(serving);
        let event = of(&events, &id);
        assert_eq!(
            (event["status"].as_u64(), event["client"].as_str()),
            (Some(401), client),
            "{headers:?} {event}"
        );
        assert!(event["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{event}");
    }
}

#[test]
fn unparsable_requests_are_logged() {
    let folder = folder();
    let (serving, _) = serve(&folder, &["--header-timeout=2s"]);
    let mut ids = Vec::new();
    for (bytes, status, code) in [
        ("GET /v1/contacts HTTP/1.1\r\nHost\r\n\r\n".to_owned(), 400, "malformed_request"),
        (format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(300_000)), 431, "headers_too_large"),
        ("GET /contacts".to_owned(), 408, "request_timeout"),
    ] {
        let mut stream: TcpStream = raw::connect(serving.address());
        stream.write_all(bytes.as_bytes()).unwrap();
        let local = stream.local_addr().unwrap().to_string();
        let mut response = Vec::new();
        // The connection may end with RST where unread data remained.
        drop(std::io::Read::read_to_end(&mut stream, &mut response));
        let response = String::from_utf8(response).unwrap();
        let id = response.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().to_owned();
        ids.push((id, status, code, local));
    }
    let events = events(serving);
    for (id, status, code, peer) in ids {
        let event = of(&events, &id);
        let logged = (event["status"].as_u64(), event["code"].as_str(), event["peer"].as_str());
        assert_eq!(logged, (Some(status), Some(code), Some(&*peer)), "{event}");
    }
}
