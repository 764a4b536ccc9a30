//! The service behind a proxy that adds a path prefix.

use addressbook::http::forwarded_prefix::MAX_BYTES;
use serde_json::json;

use crate::contacts::create;
use crate::harness::{Backend, Client, Reply, Service, serve_under};

fn service_that_trusts_its_proxy() -> Service {
    Service::start(Backend::Sqlite, |settings| settings.trust_proxy = true).unwrap()
}

/// The prefix in the redirect that `GET path` returns with this header.
fn redirected(client: &Client, prefix: &str) -> String {
    let reply = client.send("GET", "/", &[("X-Forwarded-Prefix", prefix)], b"");
    assert_eq!(reply.status, 302);
    reply.header("Location").to_owned()
}

#[test]
fn every_url_in_a_response_has_the_prefix() {
    let service = service_that_trusts_its_proxy();
    let client = serve_under(&service, "/team/contacts-api");
    let under = |path: &str| client.get(&format!("/team/contacts-api{path}"));
    assert_eq!(client.get("/v1/contacts").status, 404, "the proxy serves the path alone");

    // The response's own headers lead to the resource.
    let body = json!({"username": "john", "phone_number": "+4479000000001"});
    let created = client.post("/team/contacts-api/v1/contacts", &body);
    let location = created.header("Location").to_owned();
    assert!(location.starts_with("/team/contacts-api/v1/contacts/"), "{location}");
    assert_eq!(client.get(&location).expect(200), created.expect(201));

    for i in 0..2 {
        create(&Client::new(&service.address, client.key.clone()), &format!("u{i}"), "+4479000000001");
    }
    let follow = |reply: &Reply, relation: &str| {
        let links = reply.header("Link");
        let link = links.split(", ").find(|link| link.ends_with(&format!("rel=\"{relation}\""))).unwrap();
        assert!(link.starts_with("</team/contacts-api/v1/contacts?"), "{link}");
        client.get(&link[1..link.find('>').unwrap()])
    };
    let first = under("/v1/contacts?limit=2");
    let second = follow(&first, "next");
    assert_eq!(second.expect(200)["data"][0]["username"], "john");
    assert_eq!(follow(&second, "prev").expect(200)["data"], first.expect(200)["data"]);

    for path in ["/", "/swagger-ui"] {
        let page = under(path).header("Location").to_owned();
        assert_eq!(page, "/team/contacts-api/swagger-ui/");
        assert_eq!(client.get(&page).status, 200);
    }
}

#[test]
fn the_document_names_the_server_with_the_prefix() {
    let service = service_that_trusts_its_proxy();
    let (plain, proxied) = (service.anonymous(), serve_under(&service, "/contacts"));
    let mut document = proxied.get("/contacts/openapi.json").expect(200);
    let address = document["servers"][0]["url"].take();
    let address = address.as_str().unwrap();
    assert!(address.starts_with("http://127.0.0.1:") && address.ends_with("/contacts"), "{address}");
    let mut plain_document = plain.get("/openapi.json").expect(200);
    let plain_address = plain_document["servers"][0]["url"].take();
    assert_eq!(plain_address, format!("http://{}", service.address));
    assert_eq!(document, plain_document, "and says the same of everything else");

    let yaml = |client: &Client, path: &str| String::from_utf8(client.get(path).body).unwrap();
    let yaml_document = yaml(&proxied, "/contacts/openapi.yaml");
    let plain_yaml = yaml_document
        .replace(&format!("\n- url: {address}\n"), &format!("\n- url: http://{}\n", service.address));
    assert_ne!(plain_yaml, yaml_document);
    assert_eq!(plain_yaml, yaml(&plain, "/openapi.yaml"));
}

#[test]
fn an_invalid_prefix_is_ignored() {
    let service = service_that_trusts_its_proxy();
    let client = service.anonymous();
    let longest = format!("/{}", "x".repeat(MAX_BYTES - 1));
    for (prefix, root) in
        [("/a", "/a"), ("/a/", "/a"), ("/a.b/c-d_e~1", "/a.b/c-d_e~1"), ("/", ""), (&longest, &longest)]
    {
        assert_eq!(redirected(&client, prefix), format!("{root}/swagger-ui/"), "{prefix}");
    }
    let too_long = format!("{longest}x");
    for prefix in [
        "",
        "a",
        "a/b",
        "//",
        "//evil.example",
        "/a//b",
        "/a//",
        "/..",
        "/a/../b",
        "/.",
        "/\\evil.example",
        "\\\\evil",
        "https://evil.example",
        "/a:b",
        "/a@b",
        "/a b",
        "/a,/b",
        "/a?b",
        "/a#b",
        "/a%0d%0ab",
        "/a;b",
        "/a\"b",
        "/<a>",
        "/a\tb",
        "/ä",
        &too_long,
    ] {
        assert_eq!(redirected(&client, prefix), "/swagger-ui/", "{prefix}");
    }
    let twice = [("X-Forwarded-Prefix", "/a"), ("X-Forwarded-Prefix", "/b")];
    assert_eq!(client.send("GET", "/", &twice, b"").header("Location"), "/swagger-ui/");
    // A line break ends the header; the rest is another header, which is never echoed.
    let bytes = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Prefix: /a\r\n Set-Cookie: b=c\r\nConnection: close\r\n\r\n";
    let response = crate::middleware::raw(&service, bytes);
    assert!(!response.to_lowercase().contains("set-cookie"), "{response}");
}

#[test]
fn the_header_is_ignored_without_the_setting() {
    let service = Service::shared(Backend::Sqlite).unwrap();
    let client = service.client();
    assert_eq!(redirected(&client, "/a"), "/swagger-ui/");
    let claim = [("X-Forwarded-Prefix", "/a"), ("Content-Type", "application/json")];
    let document = client.send("GET", "/openapi.json", &claim[..1], b"").expect(200);
    assert_eq!(document["servers"][0]["url"], format!("http://{}", service.address));
    let body = br#"{"username": "john", "phone_number": "+4479000000001"}"#;
    let created = client.send("POST", "/v1/contacts", &claim, body);
    assert!(created.header("Location").starts_with("/v1/contacts/"), "{}", created.header("Location"));
    create(&client, "mary", "+4479000000001");
    let page = client.send("GET", "/v1/contacts?limit=1", &claim[..1], b"");
    assert!(page.header("Link").starts_with("</v1/contacts?"), "{}", page.header("Link"));
}
