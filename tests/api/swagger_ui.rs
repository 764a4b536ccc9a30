//! The files of the explorer's page. How they work together is seen in a browser: `tests/browser`.

use crate::harness::{Backend, Client, Service};

fn client() -> Client {
    Service::shared(Backend::Sqlite).unwrap().anonymous()
}

/// The addresses that the page names.
fn addresses(page: &str) -> Vec<&str> {
    let named = |name| page.split(name).skip(1).map(|rest| rest.split('"').next().unwrap());
    named("href=\"").chain(named("src=\"")).collect()
}

/// Behind a prefix the page works only if none of its addresses begins at the root of the host.
#[test]
fn the_page_names_everything_relative_to_itself() {
    let client = client();
    let page = String::from_utf8(client.get("/swagger-ui/").body).unwrap();
    let addresses = addresses(&page);
    assert!(addresses.contains(&"../docs/") && addresses.contains(&"index.js"), "{addresses:?}");
    for address in addresses {
        assert!(!address.starts_with('/') && !address.contains(':'), "{address}");
        if address != "../docs/" {
            let path = address.strip_prefix("..").map_or(format!("/swagger-ui/{address}"), str::to_owned);
            assert_eq!(client.get(&path).status, 200, "{path}");
        }
    }
}

#[test]
fn a_file_is_fetched_once() {
    let client = client();
    for name in ["", "index.html", "index.css", "index.js", "swagger-ui.css", "swagger-ui-bundle.js"] {
        let path = format!("/swagger-ui/{name}");
        let reply = client.get(&path);
        assert_eq!((reply.status, reply.header("Cache-Control")), (200, "no-cache"), "{path}");
        assert!(reply.header("Content-Security-Policy").starts_with("default-src 'none';"), "{path}");
        assert_eq!(reply.header("Content-Encoding") == "gzip", name.starts_with("swagger-ui"), "{path}");
        let again = client.send("GET", &path, &[("If-None-Match", reply.header("ETag"))], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let other = client.send("GET", &path, &[("If-None-Match", "\"other\"")], b"");
        assert_eq!((other.status, other.body), (200, reply.body), "{path}");
    }
}

/// Swagger UI comes with more than the page needs: a demonstration that asks another host, among it.
#[test]
fn nothing_else_is_served() {
    let client = client();
    for name in ["swagger-initializer.js", "oauth2-redirect.html", "nothing.js", "page", "..%2fopenapi.json"]
    {
        assert_eq!(
            client.get(&format!("/swagger-ui/{name}")).expect(404)["error"]["code"],
            "route_not_found"
        );
    }
    let reply = client.send_json("POST", "/swagger-ui/index.js", "{}");
    assert_eq!((reply.status, reply.header("Allow")), (405, "GET, HEAD"));
}
