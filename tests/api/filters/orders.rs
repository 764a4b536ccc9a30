//! `order_by`: lists are in the order that the request asks for, whatever chooses their contacts.

use std::cmp::Ordering;

use serde_json::json;

use super::random::{self, ADDRESS_BOOK, FIELDS, V1};
use super::reference::{self, Filter, Subject};
use super::{client_of, create, declare_all, encoded, ids, link, listed_by, listed_by_offset, subjects};
use crate::harness::{Backend, Client, Service};

/// What contacts are ordered by: a property, by its number in the names of a dialect, or a declared field.
#[derive(Clone, Copy)]
enum Key {
    Property(usize),
    DisplayName,
    Field(&'static str, &'static str),
}

impl Key {
    fn name(self, names: [&str; 4]) -> String {
        match self {
            Self::Property(index) => names[index].to_owned(),
            Self::DisplayName => "display_name".to_owned(),
            Self::Field(key, _) => reference::meta(key),
        }
    }

    /// How the values of two contacts compare; `None` if one of them has none.
    fn compare(self, a: &Subject, b: &Subject) -> Option<Ordering> {
        let texts = |member: &str| {
            let [a, b] = [a, b].map(|subject| subject.contact[member].as_str().unwrap());
            a.cmp(b)
        };
        match self {
            Self::Property(2) => Some(Ordering::Equal),
            Self::Property(index) => Some(texts(V1[index])),
            Self::DisplayName => Some(texts("display_name")),
            Self::Field(key, field_type) => {
                let [a, b] = [a, b].map(|subject| &subject.contact["meta"][key]);
                Some(match field_type {
                    "text" => reference::indexed_text(a)?.cmp(&reference::indexed_text(b)?),
                    "number" => reference::compare_numbers(
                        &reference::indexed_number(a)?,
                        &reference::indexed_number(b)?,
                    ),
                    "boolean" => reference::indexed_boolean(a)?.cmp(&reference::indexed_boolean(b)?),
                    _ => reference::indexed_time(a)?.cmp(&reference::indexed_time(b)?),
                })
            }
        }
    }

    /// The ids of contacts that are given newest first.
    fn sorted(self, subjects: &[&Subject], descending: bool) -> Vec<String> {
        let has_value = |subject: &&Subject| self.compare(subject, subject).is_some();
        let (mut with, without): (Vec<&Subject>, Vec<&Subject>) =
            subjects.iter().rev().copied().partition(has_value);
        // Oldest first, and stable.
        with.sort_by(|a, b| self.compare(a, b).unwrap());
        if descending {
            with.reverse();
        }
        let all = with.into_iter().chain(without.into_iter().rev());
        all.map(|subject| subject.contact["id"].as_str().unwrap().to_owned()).collect()
    }
}

fn keys() -> impl Iterator<Item = Key> {
    let fields = FIELDS.into_iter().map(|(key, field_type)| Key::Field(key, field_type));
    (0..4).map(Key::Property).chain([Key::DisplayName]).chain(fields)
}

/// The ids of all pages.
fn listed(client: &Client, query: &str, limit: usize) -> Vec<String> {
    listed_by(client, query, limit, "next").concat()
}

pub fn contacts_are_in_the_order_of_the_request(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    fastrand::seed(seed);
    let client = client_of(service);
    let subjects = subjects(&client, 120);
    let assert_order = |key: Key, filter: Option<&Filter>| {
        let chosen = |subject: &&Subject| filter.is_none_or(|filter| filter.matches(subject));
        let matching: Vec<&Subject> = subjects.iter().filter(chosen).collect();
        for (suffix, descending) in [("", false), (" desc", true)] {
            let query = |names: [&str; 4]| {
                let order = encoded(&format!("{}{suffix}", key.name(names)));
                let filter = filter.map(|filter| format!("&filter={}", encoded(&filter.text(names))));
                format!("&order_by={order}{}", filter.unwrap_or_default())
            };
            let expected = key.sorted(&matching, descending);
            let limit = [7, 40, 100][fastrand::usize(..3)];
            assert_eq!(listed(&client, &query(V1), limit), expected, "{}", query(V1));
            let limit = [13, 60][fastrand::usize(..2)];
            // Their number is the total.
            let records = listed_by_offset(&client, &query(ADDRESS_BOOK), limit);
            assert_eq!(ids(&records.into()), expected, "{}", query(ADDRESS_BOOK));
        }
    };
    for key in keys() {
        assert_order(key, None);
        assert_order(key, Some(&random::filter(1)));
        assert_order(key, Some(&random::filter(3)));
    }
    // The other filters of the list, and the groups in the response.
    let path = "/v1/contacts?group=friends&expand=groups&order_by=meta.AGE&limit=1";
    let reply = client.get(path);
    assert!(
        reply.expect(200)["data"][0]["groups"].as_array().unwrap().iter().any(|it| it["name"] == "friends")
    );
    let next = link(reply.header("Link"), "next").unwrap();
    for part in ["group=friends", "expand=groups", "order_by=meta%2EAGE"] {
        assert!(next.contains(part), "{next}");
    }
}

/// So many conditions that 400 contacts are probed at a time, in the order of a field that all but the last 50 have, and of
/// names that 300 share.
pub fn an_order_without_matches_ends_its_pages_early(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let client = client_of(service);
    declare_all(&client, &[("N", "number")]);
    let contact = |i: usize| {
        let meta = if i < 900 { json!({"N": 900 - i}) } else { json!({}) };
        json!({"username": format!("user{i:03}"), "phone_number": "+4479000000001", "display_name": format!("name {}", i / 300), "meta": meta})
    };
    let created = create(&client, &(0..950).map(contact).collect::<Vec<_>>());
    let others: Vec<String> = (0..49).map(|i| format!("NOT display_name = \"x{i}\"")).collect();
    for (order, matches) in [
        ("meta.N", [0, 499, 500, 949]),
        ("username desc", [0, 549, 550, 949]),
        ("display_name", [0, 399, 400, 949]),
        ("display_name desc", [0, 549, 550, 949]),
    ] {
        for matching in matches {
            // No index has the matches of a negation.
            let filter = format!("NOT username != \"user{matching:03}\" AND {}", others.join(" AND "));
            let query = format!("&order_by={}&filter={}", encoded(order), encoded(&filter));
            let first = client.get(&format!("/v1/contacts?limit=10{query}")).expect(200);
            assert_eq!(first["has_more"], true, "not all are probed at once");
            assert_eq!(listed(&client, &query, 10), [created[matching].clone()], "{order} {matching}");
        }
        let filter = format!("NOT username = \"user000\" AND {}", others.join(" AND "));
        let query = format!("&order_by={}&filter={}", encoded(order), encoded(&filter));
        let mut expected = created[1..].to_vec();
        if order != "display_name" {
            expected.reverse();
        }
        if order == "meta.N" {
            // Those without a value last.
            expected.rotate_left(50);
        }
        assert_eq!(listed(&client, &query, 97), expected, "{order}");
    }
}

/// A page begins where the contact before it stood, although it was changed or deleted since.
pub fn a_cursor_keeps_its_place_in_an_order(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let client = client_of(service);
    declare_all(&client, &[("N", "number")]);
    let contact = |i: usize| json!({"username": format!("user{i}"), "phone_number": "+4479000000001", "meta": {"N": i}});
    let created = create(&client, &(0..6).map(contact).collect::<Vec<_>>());
    for order in ["meta.N", "username", "display_name", "updated_at", "created_at"] {
        let reply = client.get(&format!("/v1/contacts?limit=2&order_by={order}"));
        assert_eq!(ids(&reply.expect(200)["data"]), created[..2], "{order}");
        let next = link(reply.header("Link"), "next").unwrap();
        let path = format!("/v1/contacts/{}", created[1]);
        client.patch(&path, &json!({"username": "zoe", "meta": {"N": 9}})).expect(200);
        assert_eq!(ids(&client.get(&next).expect(200)["data"]), created[2..4], "{order}");
        // Where it is now, without its place.
        let bare = format!("/v1/contacts?limit=9&order_by={order}&starting_after={}", created[1]);
        let behind: &[String] = if order == "created_at" { &created[2..] } else { &[] };
        assert_eq!(ids(&client.get(&bare).expect(200)["data"]), behind, "{order}");
        client.patch(&path, &json!({"username": "user1", "meta": {"N": 1}})).expect(200);
        for id in &created[2..] {
            // Behind it in the order of changes again.
            let body = json!({"meta": {"touched": order}});
            client.patch(&format!("/v1/contacts/{id}"), &body).expect(200);
        }
    }
    let next = |order: &str| {
        let reply = client.get(&format!("/v1/contacts?limit=2&order_by={order}"));
        reply.expect(200);
        link(reply.header("Link"), "next").unwrap()
    };
    let followed: Vec<String> = ["meta.N", "username", "display_name", "created_at"].map(next).into();
    assert_eq!(client.delete(&format!("/v1/contacts/{}", created[1])).status, 204);
    for next in followed {
        assert_eq!(ids(&client.get(&next).expect(200)["data"]), created[2..4], "{next}");
    }
    let bare = format!("/v1/contacts?order_by=meta.N&starting_after={}", created[1]);
    assert_eq!(client.get(&bare).status, 404);
}

pub fn what_is_wrong_with_an_order_is_said(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let client = client_of(service);
    for path in ["/v1/contacts", "/addressbook/contacts"] {
        let get = |query: &str| client.get(&format!("{path}?{query}"));
        let reply = get("order_by=meta.CITY");
        assert_eq!(reply.status, 400);
        assert!(reply.json().to_string().contains("POST /v1/fields"), "{path}");
        for (order, expected) in [
            ("group", "order_by is invalid at character 1: contacts are ordered by"),
            ("meta.CITY, meta.AGE", "order_by is invalid at character 10: expected the end: contacts are"),
            ("meta.CITY DESC", "order_by is invalid at character 11: expected asc, desc or the end"),
            ("meta.CITY desc asc", "order_by is invalid at character 16: expected the end"),
            ("=", "order_by is invalid at character 1: expected a property or a declared field"),
        ] {
            let (message, field, code) = get(&format!("order_by={}", encoded(order))).violation(400);
            assert!(message.starts_with(expected), "{message}");
            assert_eq!((field.as_str(), code.as_str()), ("order_by", "filter_syntax"));
        }
        assert_eq!(get("order_by=").violation(400).2, "blank");
        let (message, field, _) = get("search=john&order_by=updated_at").violation(400);
        assert_eq!(message, "order_by must not be given together with search");
        assert_eq!(field, "order_by");
    }
    let nil = uuid::Uuid::nil();
    let (message, ..) =
        client.get(&format!("/v1/contacts?order_by=username&ending_before={nil}")).violation(400);
    assert_eq!(message, "order_by must not be given together with ending_before");
    for (order, place) in [
        ("created_at", "%3Dx"),
        ("updated_at", "=x"),
        ("updated_at", "none"),
        ("username", "none"),
        ("display_name", "none"),
        ("username", "x"),
        ("meta.CITY", "%3D%00"),
    ] {
        let path = format!("/v1/contacts?order_by={order}&starting_after={nil}&starting_after_value={place}");
        assert_eq!(client.get(&path).violation(400).1, "starting_after_value", "{order} {place}");
    }
    let (message, ..) = client.get("/v1/contacts?starting_after_value=").violation(400);
    assert_eq!(message, "starting_after_value must be a position, exactly as a response contained it");
}
