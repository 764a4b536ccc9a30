//! The OpenAPI document of the administration API: it is complete, committed and served, and every response that it documents
//! is seen, as it is documented.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::time::Duration;

use addressbook::app;
use addressbook::config::Settings;
use serde_json::{Value, json};

use super::{anonymous, create, shared, with_administration};
use crate::harness::{Backend, Client, Cluster, Reply, Service, new_account, new_database, raw};
use crate::openapi::{Schemas, each_object, operations, require_examples, validate_examples};
use crate::resource_exhaustion::SmallDisk;
use crate::swagger_ui::urls;

fn document() -> Value {
    serde_json::from_str(&app::administration_openapi(&Settings::default().limits).unwrap()).unwrap()
}

/// An operation of the document.
pub struct Call {
    pub id: String,
    pub method: String,
    path: String,
    statuses: Vec<u16>,
    /// The first example of its body.
    body: Option<Value>,
}

impl Call {
    /// With the path of an account and of a key.
    fn on(&self, account: &str, key: &str) -> String {
        self.path.replace("{id}", account).replace("{key}", key)
    }

    /// With the ids of the examples.
    pub fn example_path(&self) -> String {
        self.on("7", "4xq7n2rk5tvh3wma")
    }
}

pub fn calls() -> Vec<Call> {
    let document = document();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let examples = &operation["requestBody"]["content"]["application/json"]["examples"];
            let example = examples.as_object().map(|examples| examples.values().next().unwrap());
            calls.push(Call {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                statuses: statuses.map(|status| status.parse().unwrap()).collect(),
                body: example.map(|example| example["value"].clone()),
            });
        }
    }
    calls
}

#[test]
fn equals_the_committed_document() {
    let committed = std::fs::read_to_string("openapi/admin.json").unwrap();
    let created = app::administration_openapi(&Settings::default().limits).unwrap();
    assert!(created == committed, "`addressbook openapi --admin > openapi/admin.json` brings it up to date");
}

#[test]
fn is_complete() {
    let document = document();
    assert_eq!(document["info"]["title"], "addressbook administration");
    assert!(validate_examples(document.clone()) > 30);
    require_examples(&document);
    let mut ids = BTreeSet::new();
    for (id, operation) in operations(&document) {
        assert!(ids.insert(id.to_owned()), "{id} stands twice");
        assert_eq!(operation["security"], json!([{"OperatorKey": []}]), "{id}");
        assert_eq!(operation["x-codeSamples"].as_array().unwrap().len(), 5, "{id}");
        for text in ["summary", "description"] {
            let text = operation[text].as_str().unwrap();
            assert!(!text.is_empty() && text.trim() == text, "{id}: {text:?}");
        }
        let statuses = operation["responses"].as_object().unwrap();
        // An operator has no permissions and no rate limits.
        assert!(!statuses.contains_key("403") && !statuses.contains_key("429"), "{id}");
    }
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["OperatorKey"]);
    // Nothing that is not used.
    let text = document.to_string();
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{schema}\"")), "{schema}");
    }
    each_object(&document, "", &mut |pointer, schema| {
        if schema["type"] == "integer" {
            assert!(["int32", "int64"].contains(&schema["format"].as_str().unwrap_or_default()), "{pointer}");
        }
    });
}

/// With the address at which it was requested.
#[test]
fn is_served_with_its_page() {
    let service = shared(Backend::Sqlite).unwrap();
    let client = anonymous(service);
    let mut served = client.get("/admin/openapi.json").expect(200);
    assert_eq!(served["servers"][0]["url"], format!("http://{}", service.admin_address.as_ref().unwrap()));
    served["servers"][0]["url"] = json!("/");
    assert_eq!(served, document());
    let yaml = client.get("/admin/openapi.yaml");
    assert!(String::from_utf8(yaml.body).unwrap().starts_with("openapi: 3.1.0\n"));

    for path in ["/", "/admin"] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.header("Location")), (302, "/admin/"), "{path}");
    }
    let page = String::from_utf8(client.get("/admin/").body).unwrap();
    assert!(page.contains("<title>addressbook administration API</title>"), "{page}");
    assert_eq!(client.get("/admin/index.html").body, page.as_bytes());
    let urls = urls(&page);
    assert!(urls.contains(&"openapi.json") && urls.contains(&"index.js"), "{urls:?}");
    for address in urls.into_iter().filter(|address| !address.starts_with('#')) {
        assert!(!address.starts_with(['/', '.']) && !address.contains(':'), "{address}");
        assert_eq!(client.get(&format!("/admin/{address}")).status, 200, "{address}");
    }
    assert_eq!(client.get("/admin/administration.html").status, 404);
}

/// Servers in the states that documented responses require; `None` if this machine cannot provide one.
struct Servers {
    sound: &'static Service,
    operator: Client,
    /// Has a very short body timeout.
    hasty: Service,
    /// The tables of accounts and of their keys are gone.
    broken: (Service, Client),
    /// Its database is stopped.
    cut_off: Option<(Service, Client)>,
    /// Its disk is full.
    full: Option<(Service, Client, SmallDisk)>,
}

impl Servers {
    fn start() -> Self {
        let hasty = Service::start(Backend::Sqlite, |settings| {
            with_administration(settings);
            settings.limits.body_timeout = Duration::from_millis(200);
        });
        let broken = Service::start_on(&new_database(Backend::Sqlite).unwrap(), with_administration);
        let file = broken.settings.database.database_url.strip_prefix("sqlite://").unwrap();
        let gone = "PRAGMA foreign_keys = OFF; DROP TABLE accounts; DROP TABLE api_keys";
        rusqlite::Connection::open(file).unwrap().execute_batch(gone).unwrap();
        let cut_off = Cluster::start(&[]).map(|cluster| {
            let service = Service::start_on(&cluster.url("postgres"), with_administration);
            let operator = service.operator();
            cluster.crash();
            (service, operator)
        });
        let sound = shared(Backend::Sqlite).unwrap();
        let operator = broken.operator();
        Self {
            sound,
            operator: sound.operator(),
            hasty: hasty.unwrap(),
            broken: (broken, operator),
            cut_off,
            full: full(),
        }
    }

    /// Makes an operation return a status; `None` if this machine cannot provide the required state.
    fn provoke(&self, call: &Call, status: u16) -> Option<Reply> {
        let account = create(&self.operator);
        let keys = format!("/admin/v1/accounts/{}/keys", account["id"]);
        let key = self.operator.post(&keys, &json!({})).expect(201)["key"].clone();
        let path = call.on(&account["id"].to_string(), key["id"].as_str().unwrap());
        let revoke = format!("/admin/v1/keys/{}/revoke", key["id"].as_str().unwrap());
        let is_about_one = call.path.contains('{');
        let send = |client: &Client, path: &str, body: Option<&Value>| match body {
            None => client.send(&call.method, path, &[], b""),
            Some(body) => client.send_json(&call.method, path, &body.to_string()),
        };
        let body = call.body.clone().map(with_new_name);
        let usual = || send(&self.operator, &path, body.as_ref());
        Some(match status {
            200 | 201 => usual(),
            400 if is_about_one => send(&self.operator, &call.on("x", "x"), body.as_ref()),
            400 if body.is_some() => send(&self.operator, &path, Some(&json!({"unknown": 1}))),
            400 => send(&self.operator, &format!("{path}?limit=0"), None),
            401 => send(&anonymous(self.sound), &path, body.as_ref()),
            404 => {
                let path = call.on(&i64::MAX.to_string(), "0000000000000000");
                send(&self.operator, &path, body.as_ref())
            }
            408 => {
                let mut stream = raw::connect(self.hasty.admin_address.as_ref().unwrap());
                let operator = self.hasty.operator();
                let request = format!(
                    "{} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
                     Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
                    call.method,
                    operator.key.unwrap(),
                );
                stream.write_all(request.as_bytes()).unwrap();
                reply(&mut stream)
            }
            409 if call.id == "rotateKey" => {
                self.operator.send("POST", &revoke, &[], b"").expect(200);
                usual()
            }
            409 if call.id.ends_with("Account") && call.id != "createAccount" => {
                let file = self.sound.settings.database.database_url.strip_prefix("sqlite://").unwrap();
                let due = format!("UPDATE accounts SET purge_at = 1 WHERE id = {}", account["id"]);
                rusqlite::Connection::open(file).unwrap().execute(&due, []).unwrap();
                usual()
            }
            409 => {
                usual().expect(201);
                usual()
            }
            413 => send(&self.operator, &path, Some(&json!({"x": "x".repeat(70_000)}))),
            414 => send(&self.operator, &format!("{path}?{}", "x".repeat(9_000)), body.as_ref()),
            415 => self.operator.send(&call.method, &path, &[("Content-Type", "text/plain")], b"x"),
            500 => send(&self.broken.1, &path, body.as_ref()),
            503 => send(&self.cut_off.as_ref()?.1, &path, body.as_ref()),
            507 => {
                let (_, operator, _) = self.full.as_ref()?;
                // Until the free pages of the database file are used up.
                (0..2_000)
                    .map(|_| send(operator, &path, call.body.clone().map(with_new_name).as_ref()))
                    .find(|reply| reply.status == 507)?
            }
            other => panic!("{}: no known request gets {other}", call.id),
        })
    }
}

/// The body, with a name that no account has.
fn with_new_name(mut body: Value) -> Value {
    if body["name"].is_string() {
        body["name"] = json!(new_account());
    }
    body
}

fn reply(stream: &mut std::net::TcpStream) -> Reply {
    use std::io::Read;

    let mut response = Vec::new();
    drop(stream.read_to_end(&mut response));
    let response = String::from_utf8(response).unwrap();
    Reply::parse(&response)
}

fn full() -> Option<(Service, Client, SmallDisk)> {
    let disk = SmallDisk::mount("16m");
    assert!(disk.is_some() || std::env::var_os("TEST_MOUNT").is_none(), "a file system cannot be mounted");
    let disk = disk?;
    let url = format!("sqlite://{}", disk.path().join("addressbook.db").display());
    let service = Service::start_on(&url, with_administration);
    let operator = service.operator();
    let mut filler = File::create(disk.path().join("filler")).unwrap();
    while filler.write_all(&[b'x'; 4_096]).is_ok() {}
    Some((service, operator, disk))
}

#[test]
fn every_documented_response_is_seen() {
    let servers = Servers::start();
    let schemas = Schemas::of(document());
    let mut unseen = Vec::new();
    for call in calls() {
        for &status in &call.statuses {
            let Some(reply) = servers.provoke(&call, status) else {
                unseen.push(status);
                continue;
            };
            let at = format!("{} {status}", call.id);
            assert_eq!(reply.status, status, "{at}: {}", String::from_utf8_lossy(&reply.body));
            let pointer = format!(
                "/paths/{}/{}/responses/{status}",
                call.path.replace('/', "~1"),
                call.method.to_lowercase()
            );
            let documented = schemas.document.pointer(&pointer).unwrap();
            for name in documented["headers"].as_object().unwrap().keys().filter(|name| *name != "Link") {
                assert!(reply.headers.contains_key(name), "{at} comes without {name}");
            }
            assert_eq!(reply.header("Cache-Control"), "no-store", "{at}");
            let validator = schemas.validator(&format!("{pointer}/content/application~1json/schema"));
            let errors: Vec<_> =
                validator.iter_errors(&reply.json()).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{at}: {errors:?}");
        }
    }
    let needs_more: BTreeSet<u16> = unseen.iter().copied().collect();
    assert!(needs_more.is_subset(&BTreeSet::from([503, 507])), "{needs_more:?}");
}
