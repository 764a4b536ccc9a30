//! The files of the Swagger UI page. `tests/browser` tests how they work together.

use crate::harness::{Backend, Client, Service};

fn client() -> Client {
    Service::shared(Backend::Sqlite).unwrap().anonymous()
}

/// The URLs in the page.
pub fn urls(page: &str) -> Vec<&str> {
    let named = |name| page.split(name).skip(1).map(|rest| rest.split('"').next().unwrap());
    named("href=\"").chain(named("src=\"")).collect()
}

/// Behind a prefix the page works only if its URLs are relative.
#[test]
fn all_urls_in_the_page_are_relative() {
    let client = client();
    let page = String::from_utf8(client.get("/swagger-ui/").body).unwrap();
    let urls = urls(&page);
    assert!(urls.contains(&"../docs/") && urls.contains(&"index.js"), "{urls:?}");
    for address in urls {
        assert!(!address.starts_with('/') && !address.contains(':'), "{address}");
        if address != "../docs/" {
            let path = address.strip_prefix("..").map_or(format!("/swagger-ui/{address}"), str::to_owned);
            assert_eq!(client.get(&path).status, 200, "{path}");
        }
    }
}

#[test]
fn files_are_cacheable() {
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

/// The Swagger UI distribution contains more than the page needs, for example a demo that contacts another host.
#[test]
fn unused_files_are_not_served() {
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
