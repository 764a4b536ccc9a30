//! Properties of every request: request ids, timeouts, health checks, caching.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;

use crate::harness::{Backend, Service};

/// Sends raw bytes; reads until the connection is closed.
pub fn raw(service: &Service, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(&service.address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut response = Vec::new();
    drop(stream.read_to_end(&mut response));
    String::from_utf8_lossy(&response).into_owned()
}

on_both_databases! {
    fn every_response_has_a_request_id(service: &Service) {
        let client = service.client();
        for path in ["/v1/contacts", "/v1/contacts/x", "/nothing", "/healthz", "/swagger-ui/", "/", "/openapi.json", "/contacts/x"] {
            assert_eq!(client.get(path).header("X-Request-Id").len(), 36, "{path}");
            let sane = "Trace-1.2_3:4/5+6=";
            assert_eq!(client.send("GET", path, &[("X-Request-Id", sane)], b"").header("X-Request-Id"), sane);
            for insane in ["", "a b", "a\"b", "ü", &"x".repeat(129)] {
                let reply = client.send("GET", path, &[("X-Request-Id", insane)], b"");
                assert_eq!(reply.header("X-Request-Id").len(), 36, "{path} {insane}");
            }
        }
        assert_eq!(service.anonymous().get("/v1/contacts").header("X-Request-Id").len(), 36);
        let long = format!("/v1/contacts?{}", "x".repeat(9_000));
        assert_eq!(client.get(&long).header("X-Request-Id").len(), 36);
    }

    fn health_checks_need_no_key(service: &Service) {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(service.anonymous().get(path).expect(200), json!({"status": "ok"}));
        }
        let reply = service.anonymous().get("/");
        assert_eq!((reply.status, reply.header("Location")), (302, "/swagger-ui/"));
        let reply = service.anonymous().get("/swagger-ui/");
        assert_eq!(reply.status, 200);
        let policy = reply.header("Content-Security-Policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    }

    fn authenticated_responses_are_not_cacheable(service: &Service) {
        let (client, anonymous) = (service.client(), service.anonymous());
        let contact = crate::contacts::create(&client, "john", "+4479000000001");
        let path = crate::contacts::path(&contact);
        let tag = client.get(&path).header("ETag").to_owned();
        let unchanged = client.send("GET", &path, &[("If-None-Match", &tag)], b"");
        let long = format!("/v1/contacts?{}", "x".repeat(9_000));
        for (reply, status) in [
            (client.get(&path), 200), (unchanged, 304), (client.get("/contacts"), 200), (client.get("/addressbook/contacts"), 200),
            (anonymous.get(&path), 401), (client.get("/v1/nothing"), 404), (client.send("PURGE", &path, &[], b""), 405),
            (client.get(&long), 414), (client.delete(&path), 204),
        ] {
            assert_eq!((reply.status, reply.header("Cache-Control")), (status, "no-store"));
        }
        for path in ["/openapi.json", "/swagger-ui/", "/docs/", "/healthz"] {
            assert!(!anonymous.get(path).header("Cache-Control").contains("no-store"), "{path}");
        }
    }

    fn head_responds_like_get_without_a_body(service: &Service) {
        let client = service.client();
        let contact = crate::contacts::create(&client, "john", "+4479000000001");
        for path in ["/v1/contacts", "/contacts", &crate::contacts::path(&contact)] {
            let (head, get) = (client.send("HEAD", path, &[], b""), client.get(path));
            assert_eq!((head.status, head.body.len()), (200, 0));
            assert_eq!(head.header("Content-Length"), get.body.len().to_string());
        }
        assert_eq!(service.anonymous().send("HEAD", "/v1/contacts", &[], b"").status, 401);
    }
}

#[test]
fn a_body_that_does_not_arrive_in_time_gets_408() {
    let service = Service::start(Backend::Sqlite, |settings| {
        settings.limits.body_timeout = Duration::from_millis(300);
        settings.limits.header_timeout = Duration::from_secs(2);
    })
    .unwrap();
    let key = service.client().key.unwrap();
    for (path, envelope) in
        [("/v1/contacts", r#""code":"request_timeout""#), ("/contacts", r#""name":"RequestTimeoutError""#)]
    {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        );
        let response = raw(&service, head.as_bytes());
        assert!(response.starts_with("HTTP/1.1 408 ") && response.contains(envelope), "{response}");
    }
    let started = Instant::now();
    let response = raw(&service, b"GET /v1/contacts HTTP/1.1\r\nHost:");
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(started.elapsed() < Duration::from_secs(10), "a slow head is not waited for");
}

#[test]
fn a_database_that_does_not_respond_is_503_with_retry_after() {
    let Some(service) = Service::start(Backend::Postgres, |settings| {
        settings.limits.request_timeout = Duration::from_secs(2);
        settings.database.database_acquire_timeout = Duration::from_millis(1_500);
        settings.database.database_connections = 2;
    }) else {
        return;
    };
    let client = service.client();
    let contact = crate::contacts::create(&client, "john", "+4479000000001");
    let (_, runtime) = service.keys();
    let lock = runtime.block_on(async {
        let admin = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        let lock = admin.begin().await.unwrap();
        lock.execute_unprepared("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE").await.unwrap();
        lock
    });
    // The first two requests time out and hold both connections meanwhile; the next ones get none.
    for path in ["/v1/contacts", "/contacts", "/v1/contacts", "/contacts"] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.header("Retry-After")), (503, "1"), "{path}");
        let error = &reply.json()["error"];
        let code = if path.starts_with("/v1") { &error["code"] } else { &error["name"] };
        assert!(["unavailable", "ServiceUnavailableError"].contains(&code.as_str().unwrap()));
    }
    // A busy service stays ready.
    assert_eq!(client.get("/readyz").expect(200), json!({"status": "ok"}));
    assert_eq!(client.get("/healthz").status, 200);
    runtime.block_on(lock.rollback()).unwrap();
    let patience = Instant::now();
    while client.get("/v1/contacts").status != 200 {
        assert!(patience.elapsed() < Duration::from_secs(10), "it did not come back");
    }
    assert_eq!(client.get("/v1/contacts").expect(200)["data"], json!([contact]));
    assert_eq!(client.get("/readyz").status, 200);
}

#[test]
fn an_internal_error_is_500_and_reveals_nothing() {
    let service = Service::start(Backend::Sqlite, |_| {}).unwrap();
    let client = service.client();
    let (_, runtime) = service.keys();
    runtime.block_on(async {
        let admin = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        admin.execute_unprepared("DROP TABLE contacts").await.unwrap();
    });
    let body = json!({"username": "john", "phone_number": "+4479000000001"});
    let error = json!({"error": {"code": "internal_error", "message": "Something went wrong on our side"}});
    assert_eq!(client.post("/v1/contacts", &body).expect(500), error);
    let response = client.get("/addressbook/contacts").expect(500);
    assert_eq!(
        (&response["error"]["name"], &response["error"]["statusCode"]),
        (&json!("InternalServerError"), &json!(500))
    );
}

/// The JDK's client offers HTTP/2 with each request. The service closes the connection after such a request, and must
/// announce that, or the client would send the next request on it.
#[test]
fn an_upgrade_offer_is_declined_with_connection_close() {
    let service = Service::shared(Backend::Sqlite).unwrap();
    for path in ["/healthz", "/v1/contacts"] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAEAAEAAAAIAAAAB\r\n\r\n"
        );
        let response = raw(service, head.as_bytes()).to_ascii_lowercase();
        assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
        assert!(!response.contains("connection: upgrade"), "{response}");
    }
}
