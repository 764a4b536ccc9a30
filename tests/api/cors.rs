//! CORS: allowed origins are those in the settings.

use std::collections::BTreeSet;

use crate::harness::{Backend, Service};
use crate::openapi::operations;

const ORIGIN: (&str, &str) = ("Origin", "https://app.example");

fn open_to_origin() -> Service {
    Service::start(Backend::Sqlite, |settings| settings.cors_origins = vec![ORIGIN.1.to_owned()]).unwrap()
}

/// The items of a comma-separated header, in lower case.
fn list(text: &str) -> BTreeSet<String> {
    text.split(',').map(|item| item.trim().to_lowercase()).filter(|item| !item.is_empty()).collect()
}

#[test]
fn a_page_may_send_and_read_every_header_of_the_document() {
    let service = open_to_origin();
    let client = service.client();
    let document = client.get("/openapi.json").expect(200);
    // What every request may have is not a parameter in the document.
    let mut sent = list("Authorization, Content-Type, X-Request-Id, traceparent, tracestate");
    let mut received = BTreeSet::new();
    for (_, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let headers = parameters.filter(|parameter| parameter["in"] == "header");
        sent.extend(headers.map(|header| header["name"].as_str().unwrap().to_lowercase()));
        for response in operation["responses"].as_object().unwrap().values() {
            received.extend(response["headers"].as_object().unwrap().keys().map(|name| name.to_lowercase()));
        }
    }
    assert!(sent.contains("if-match") && received.contains("etag"), "{sent:?} {received:?}");

    let header_names = sent.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
        let preflight = [
            ORIGIN,
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", &header_names),
        ];
        let reply = client.send("OPTIONS", "/v1/contacts", &preflight, b"");
        assert_eq!((reply.status, reply.header("Access-Control-Allow-Origin")), (200, ORIGIN.1), "{method}");
        assert_eq!(list(reply.header("Access-Control-Allow-Headers")), sent, "{method}");
        assert!(list(reply.header("Access-Control-Allow-Methods")).contains(&method.to_lowercase()));
    }
    for path in ["/v1/contacts", "/v1/nothing"] {
        let reply = client.send("GET", path, &[ORIGIN], b"");
        assert_eq!(list(reply.header("Access-Control-Expose-Headers")), received, "{path}");
    }
}

#[test]
fn only_configured_origins_are_allowed() {
    let preflight = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ];
    let closed = Service::shared(Backend::Sqlite).unwrap().client();
    let reply = closed.send("OPTIONS", "/v1/contacts", &preflight, b"");
    assert_eq!((reply.status, reply.header("Access-Control-Allow-Origin")), (405, ""));
    let reply = closed.send("GET", "/v1/contacts", &preflight[..1], b"");
    assert_eq!((reply.status, reply.header("Access-Control-Allow-Origin")), (200, ""));

    let service = Service::start(Backend::Sqlite, |settings| {
        settings.cors_origins = vec!["https://app.example".to_owned()];
    })
    .unwrap();
    let client = service.client();
    let reply = client.send("OPTIONS", "/v1/contacts", &preflight, b"");
    assert_eq!((reply.status, reply.header("Access-Control-Allow-Origin")), (200, "https://app.example"));
    let reply = client.send("GET", "/v1/contacts", &preflight[..1], b"");
    assert_eq!((reply.status, reply.header("Access-Control-Allow-Origin")), (200, "https://app.example"));
    let reply = service.anonymous().send("GET", "/v1/contacts", &preflight[..1], b"");
    assert_eq!((reply.status, reply.header("Access-Control-Allow-Origin")), (401, "https://app.example"));
    let reply =
        client.send("OPTIONS", "/v1/contacts", &[("Origin", "https://evil.example"), preflight[1]], b"");
    assert_eq!(reply.header("Access-Control-Allow-Origin"), "");
    assert!(reply.status >= 400, "{}", reply.status);
}
