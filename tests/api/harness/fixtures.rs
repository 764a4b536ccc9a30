//! One resource of each kind to call operations on, created in a new account from the examples in the document.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::imports::ImportClient;
use crate::harness::operations::Call;
use crate::harness::{Client, Service};

struct Kind {
    /// The name of its collection in paths, before the parameter; under `/v1` first.
    collections: &'static [&'static str],
    /// The operation that creates one.
    create: &'static str,
    /// Further set-up, once it and those above it exist.
    then: fn(&Client, &mut Fixtures),
}

/// Every kind of resource, after those that it depends on. A new resource needs a line here; with it, every test that
/// iterates over the document covers its operations.
const KINDS: &[Kind] = &[
    Kind { collections: &["contacts"], create: "createContact", then: |_, _| () },
    Kind {
        collections: &["groups"],
        create: "createGroup",
        then: |client, fixtures| {
            let join = json!({"add": [fixtures.id("contacts")]});
            client.post(&format!("/v1/groups/{}/members", fixtures.id("groups")), &join).expect(200);
        },
    },
    Kind { collections: &["opt_outs", "optouts"], create: "createOptOut", then: |_, _| () },
    Kind { collections: &["templates"], create: "createTemplate", then: |_, _| () },
    Kind { collections: &["fields"], create: "declareField", then: |_, _| () },
    Kind { collections: &["segments"], create: "createSegment", then: |_, _| () },
    Kind { collections: &["audiences"], create: "createAudience", then: |_, _| () },
    Kind {
        collections: &["imports"],
        create: "createImport",
        then: |client, fixtures| {
            let import = ImportClient { client, path: format!("/v1/imports/{}", fixtures.id("imports")) };
            import.put("text/csv", FILE).expect(202);
            fixtures.digest = Some(import.wait("planned")["digest"].as_str().unwrap().to_owned());
        },
    },
    // Of nobody: its example names a contact that does not exist.
    Kind { collections: &["erasures"], create: "eraseContacts", then: |_, _| () },
];

/// Members whose values are unique within an account.
const NAMES: [&str; 4] = ["username", "alias", "name", "key"];
const NUMBERS: [&str; 2] = ["phone_number", "msisdn"];

/// An account has at most 20: the fixtures of one account share this many.
const FIELDS: usize = 10;

/// How long work in the background may take: the machine may be busy.
const LIMIT: Duration = Duration::from_secs(60);

/// The file of the import: one row that is carried out, and one that is rejected.
const FILE: &[u8] = b"Name,Mobile,City\nimported,+4479000000077,Leeds\nrejected,1,\n";

/// The id of one resource of each kind, by collection.
#[derive(Clone, Debug, Default)]
pub struct Fixtures {
    ids: BTreeMap<&'static str, String>,
    /// Of the plan of the import.
    pub digest: Option<String>,
}

impl Fixtures {
    /// Creates them from the examples as they stand.
    pub fn create(calls: &[Call], client: &Client) -> Self {
        Self::create_with(calls, client, |body| body)
    }

    /// Creates them from the examples with other names and numbers.
    pub fn create_renamed(calls: &[Call], client: &Client, number: usize) -> Self {
        Self::create_with(calls, client, |body| {
            let number = if body["key"].is_string() { number % FIELDS } else { number };
            other(body, number)
        })
    }

    fn create_with(calls: &[Call], client: &Client, change: impl Fn(Value) -> Value) -> Self {
        let mut fixtures = Self::default();
        for Kind { collections, create, then } in KINDS {
            // An earlier release may lack it. Who needs one of its kind is told by `id`.
            let Some(call) = calls.iter().find(|call| call.id == *create) else { continue };
            let body = change(call.with_keep().json());
            let reply = call.clone().on(&fixtures).with_body(body.to_string()).send(client);
            let created = match (&body["key"], reply.status) {
                (Value::String(key), 409) => {
                    let key = key.replace(' ', "%20");
                    client.get(&format!("/v1/fields?key={key}")).expect(200)["data"][0].clone()
                }
                _ => reply.expect(201),
            };
            let id = created["id"].as_str().unwrap();
            fixtures.ids.extend(collections.iter().map(|collection| (*collection, id.to_owned())));
            then(client, &mut fixtures);
        }
        fixtures
    }

    /// The same text as id of every kind: refers to nothing.
    pub fn all(text: &str) -> Self {
        let collections = KINDS.iter().flat_map(|kind| kind.collections);
        let ids = collections.map(|collection| (*collection, text.to_owned())).collect();
        Self { ids, digest: None }
    }

    /// Ids that no resource has.
    pub fn nonexistent() -> Self {
        Self::all(&Uuid::now_v7().to_string())
    }

    /// The id of the resource in a collection.
    #[track_caller]
    pub fn id(&self, collection: &str) -> &str {
        let id = self.ids.get(collection);
        id.unwrap_or_else(|| panic!("what is one of {collection}? `KINDS` in fixtures.rs has to say"))
    }

    /// Every id.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.values().map(String::as_str)
    }

    /// Waits until nothing in the background changes them any more.
    pub fn wait_until_settled(&self, client: &Client) {
        for (collection, state) in [("fields", "ready"), ("erasures", "complete")] {
            let (path, began) = (format!("/v1/{collection}/{}", self.id(collection)), Instant::now());
            while client.get(&path).expect(200)["state"] != state {
                assert!(began.elapsed() < LIMIT, "{path} is not {state}");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Every resource of an account, as `/v1` lists it.
    pub fn list_all(client: &Client) -> Vec<Value> {
        let collections = KINDS.iter().map(|kind| kind.collections[0]);
        collections.map(|collection| client.get(&format!("/v1/{collection}")).expect(200)).collect()
    }
}

/// The body with other names and numbers.
pub fn other(mut body: Value, number: usize) -> Value {
    for (member, value) in body.as_object_mut().into_iter().flatten() {
        if NAMES.contains(&member.as_str()) {
            *value = json!(format!("thing {number}"));
        } else if NUMBERS.contains(&member.as_str()) {
            *value = json!(format!("+4479{number:08}"));
        } else if member == "contacts" {
            for item in value.as_array_mut().into_iter().flatten() {
                *item = other(item.take(), number);
            }
        }
    }
    body
}

/// The body with references to contacts replaced by this one.
pub fn with_contact(mut body: Value, contact: &str) -> Value {
    for (member, value) in body.as_object_mut().into_iter().flatten() {
        if ["add", "contacts"].contains(&member.as_str()) && value[0].is_string() {
            *value = json!([contact]);
        }
    }
    body
}

/// The member of a body that must be unique within the account.
pub fn unique_member(body: &Value) -> Option<&'static str> {
    NAMES.into_iter().find(|name| body[*name].is_string())
}

/// A new account in which an operation returns this status: a client of it, and the call. The call refers to the
/// account's fixtures; a create is sent to an account without them, so that its names are free, unless the status is
/// that of a conflict.
pub fn account_for(service: &Service, calls: &[Call], call: &Call, status: u16) -> (Client, Call) {
    let client = service.client();
    let call = &if [201, 409, 410, 422, 507].contains(&status) { call.with_keep() } else { call.clone() };
    let first = match status {
        200 => !call.statuses.contains(&201),
        201 | 410 | 422 => true,
        _ => false,
    };
    if call.creates() && first {
        return (client, call.clone());
    }
    let fixtures = Fixtures::create(calls, &client);
    let call = call.clone().on(&fixtures);
    if call.id == "undoImport" && status == 202 {
        commit_import(&client, &fixtures);
    }
    (client, call)
}

/// Carries out the plan of the import.
pub fn commit_import(client: &Client, fixtures: &Fixtures) {
    let import = ImportClient { client, path: format!("/v1/imports/{}", fixtures.id("imports")) };
    import.commit();
}
