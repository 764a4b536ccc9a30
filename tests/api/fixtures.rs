//! One thing of each kind, to call operations on: made in a new account by the operations of the document,
//! from their own examples.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Client, Service};
use crate::operations::Call;

/// A kind of thing.
struct Kind {
    /// What its collection is called in paths, before a parameter that names one of it; under `/v1` first.
    collections: &'static [&'static str],
    /// The operation that makes one.
    create: &'static str,
    /// What belongs to it besides, once it and those above it are there.
    then: fn(&Client, &Things),
}

/// Every kind. Whoever adds one to the service adds a line here, after those that it needs; with it the
/// operations on it are in every test that goes through the document.
const KINDS: &[Kind] = &[
    Kind { collections: &["contacts"], create: "createContact", then: |_, _| () },
    Kind {
        collections: &["groups"],
        create: "createGroup",
        then: |client, things| {
            let join = json!({"add": [things.id("contacts")]});
            client.post(&format!("/v1/groups/{}/members", things.id("groups")), &join).expect(200);
        },
    },
    Kind { collections: &["opt_outs", "optouts"], create: "createOptOut", then: |_, _| () },
    Kind { collections: &["templates"], create: "createTemplate", then: |_, _| () },
    Kind { collections: &["audiences"], create: "createAudience", then: |_, _| () },
];

/// The members of bodies that are unique in an account; no two requests may have the same.
const NAMES: [&str; 3] = ["username", "alias", "name"];
const NUMBERS: [&str; 2] = ["phone_number", "msisdn"];

/// The ids of one thing of each kind, by the names of its collection.
#[derive(Clone, Debug, Default)]
pub struct Things(BTreeMap<&'static str, String>);

impl Things {
    /// Makes them for a client: the examples as they stand.
    pub fn make(calls: &[Call], client: &Client) -> Self {
        Self::make_of(calls, client, |body| body)
    }

    /// Makes them for a client: the examples with names and numbers of their own.
    pub fn make_other(calls: &[Call], client: &Client, number: usize) -> Self {
        Self::make_of(calls, client, |body| other(body, number))
    }

    fn make_of(calls: &[Call], client: &Client, change: impl Fn(Value) -> Value) -> Self {
        let mut things = Self::default();
        for Kind { collections, create, then } in KINDS {
            let call = calls.iter().find(|call| call.id == *create).unwrap_or_else(|| panic!("{create}"));
            let body = change(call.to_make().json());
            let made = call.clone().on(&things).with_body(body.to_string()).send(client).expect(201);
            let id = made["id"].as_str().unwrap();
            things.0.extend(collections.iter().map(|collection| (*collection, id.to_owned())));
            then(client, &things);
        }
        things
    }

    /// The same text for every kind: what names nothing.
    pub fn all(text: &str) -> Self {
        let collections = KINDS.iter().flat_map(|kind| kind.collections);
        Self(collections.map(|collection| (*collection, text.to_owned())).collect())
    }

    /// Ids that nothing has.
    pub fn nowhere() -> Self {
        Self::all(&Uuid::now_v7().to_string())
    }

    /// The id of the thing of a collection.
    #[track_caller]
    pub fn id(&self, collection: &str) -> &str {
        let id = self.0.get(collection);
        id.unwrap_or_else(|| panic!("what is one of {collection}? `KINDS` in things.rs has to say"))
    }

    /// Every id.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// All that an account has, as `/v1` lists it.
    pub fn listed(client: &Client) -> Vec<Value> {
        let collections = KINDS.iter().map(|kind| kind.collections[0]);
        collections.map(|collection| client.get(&format!("/v1/{collection}")).expect(200)).collect()
    }
}

/// A body with other names and numbers.
pub fn other(mut body: Value, number: usize) -> Value {
    for (member, value) in body.as_object_mut().into_iter().flatten() {
        if NAMES.contains(&member.as_str()) {
            *value = json!(format!("thing {number}"));
        } else if NUMBERS.contains(&member.as_str()) {
            *value = json!(format!("+4479{number:08}"));
        }
    }
    body
}

/// A body that names this contact, where it names some by their ids or numbers.
pub fn naming(mut body: Value, contact: &str) -> Value {
    for (member, value) in body.as_object_mut().into_iter().flatten() {
        if ["add", "contacts"].contains(&member.as_str()) {
            *value = json!([contact]);
        }
    }
    body
}

/// The member of a body that is unique in an account.
pub fn unique_member(body: &Value) -> Option<&'static str> {
    NAMES.into_iter().find(|name| body[*name].is_string())
}

/// A new account in which an operation gives an answer: a client of it, and the call. What is called is
/// one of the things of the account; a create is called where nothing has its name, unless it is the other
/// case that is asked for.
pub fn account_for(service: &Service, calls: &[Call], call: &Call, status: u16) -> (Client, Call) {
    let client = service.client();
    let call = &if [201, 409, 410, 422, 507].contains(&status) { call.to_make() } else { call.clone() };
    let first = match status {
        200 => !call.statuses.contains(&201),
        201 | 410 | 422 => true,
        _ => false,
    };
    if call.creates() && first {
        return (client, call.clone());
    }
    let things = Things::make(calls, &client);
    (client, call.clone().on(&things))
}
