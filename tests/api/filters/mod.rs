//! Filters: lists, counts, exports and batches have exactly the contacts that match.

mod counts;
mod orders;
mod plans;
mod random;
mod reference;

use std::collections::{BTreeMap, BTreeSet};

use addressbook::domain::Permission;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use self::counts::{counts_keep_pace_with_writers, every_change_is_counted};
use self::orders::{
    a_cursor_keeps_its_place_in_an_order, an_order_without_matches_ends_its_pages_early,
    contacts_are_in_the_order_of_the_request, what_is_wrong_with_an_order_is_said,
};
use self::plans::{common_conditions_are_merged, every_filter_reads_one_range_and_probes};
use self::random::{ADDRESS_BOOK, FIELDS, GROUPS, V1};
use self::reference::{Filter, Number, SEGMENTS, Subject, Test, Text, TextTest, Time, segment};
use crate::harness::field_index::{declare, wait_until_ready};
use crate::harness::{Backend, Client, Service, new_account};

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn ids(contacts: &Value) -> Vec<String> {
    let contacts = contacts.as_array().unwrap().iter();
    contacts.map(|contact| contact["id"].as_str().unwrap().to_owned()).collect()
}

/// Creates contacts; returns their ids.
fn create(client: &Client, contacts: &[Value]) -> Vec<String> {
    let batch = json!({"mode": "create", "contacts": contacts});
    ids(&client.post("/v1/contacts/batch", &batch).expect(200)["results"])
}

fn declare_all(client: &Client, fields: &[(&str, &str)]) {
    for (key, field_type) in fields {
        wait_until_ready(client, &declare(client, key, field_type));
    }
}

/// The contacts of all pages from one on, page by page.
pub fn pages(client: &Client, first: String, relation: &str) -> Vec<Value> {
    let (mut pages, mut next) = (Vec::new(), Some(first));
    while let Some(path) = next {
        let reply = client.get(&path);
        let mut page = reply.expect(200);
        next = link(reply.header("Link"), relation);
        assert_eq!(page["has_more"], next.is_some(), "{page}");
        pages.push(page["data"].take());
    }
    pages
}

/// The ids of all pages, in their order: forward, or backward from the oldest contact.
fn listed(client: &Client, filter: &str, limit: usize, forward: bool) -> Vec<String> {
    let filter = encoded(filter);
    if forward {
        return listed_by(client, &format!("&filter={filter}"), limit, "next").concat();
    }
    let query = format!("&filter={filter}&ending_before={}", uuid::Uuid::nil());
    let mut pages = listed_by(client, &query, limit, "prev");
    pages.reverse();
    pages.concat()
}

/// The ids of each page.
fn listed_by(client: &Client, query: &str, limit: usize, relation: &str) -> Vec<Vec<String>> {
    let pages = pages(client, format!("/v1/contacts?limit={limit}{query}"), relation);
    let pages: Vec<Vec<String>> = pages.iter().map(ids).collect();
    assert!(pages.iter().all(|page| page.len() <= limit));
    pages
}

pub fn link(header: &str, relation: &str) -> Option<String> {
    let links = header.split(", ").filter_map(|link| link.split_once(">; rel="));
    links.into_iter().find(|(_, rel)| rel.trim_matches('"') == relation).map(|(link, _)| link[1..].to_owned())
}

/// All pages of the address book's list.
fn listed_by_offset(client: &Client, query: &str, limit: usize) -> Vec<Value> {
    let mut records = Vec::new();
    loop {
        let path = format!("/addressbook/contacts?limit={limit}&offset={}{query}", records.len());
        let page = client.get(&path).expect(200);
        let page_records = page["records"].as_array().unwrap();
        records.extend(page_records.iter().cloned());
        let total = usize::try_from(page["total"].as_u64().unwrap()).unwrap();
        assert!(records.len() <= total, "{page}");
        if page_records.len() < limit {
            assert_eq!(records.len(), total, "{page}");
            return records;
        }
    }
}

/// The recipients of an audience.
fn addressed(client: &Client, filter: &str) -> Vec<String> {
    let recipients = json!([{"filter": filter}]);
    let body = json!({"recipients": recipients, "include_opted_out": true, "repeat_numbers": true});
    ids(&client.post("/v1/audiences", &body).expect(200)["recipients"])
}

fn exported(client: &Client, filter: &str) -> Vec<String> {
    let file = client.get(&format!("/v1/contacts/export?format=ndjson&filter={}", encoded(filter)));
    assert_eq!(file.status, 200);
    let text = String::from_utf8(file.body).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line["id"].as_str().map(str::to_owned)).collect()
}

/// Contacts with hostile values, some in groups, some opted out; newest first.
fn subjects(client: &Client, count: usize) -> Vec<Subject> {
    declare_all(client, &FIELDS);
    let created = create(client, &(0..count).map(random::contact).collect::<Vec<_>>());
    let opted_out = "+14155550100";
    client.post("/v1/opt_outs", &json!({"phone_number": opted_out})).expect(201);
    let mut groups: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (i, name) in GROUPS.into_iter().enumerate() {
        let group = client.post("/v1/groups", &json!({"name": name})).expect(201);
        // A few, a third, and all but the oldest.
        let (from, step) = [(1, 40), (0, 3), (1, 1)][i];
        let members: Vec<&String> = created.iter().skip(from).step_by(step).collect();
        let path = format!("/v1/groups/{}/members", group["id"].as_str().unwrap());
        client.post(&path, &json!({"add": members})).expect(200);
        groups.insert(name, members.into_iter().cloned().collect());
    }
    for name in SEGMENTS {
        let body = json!({"name": name, "filter": segment(name).text(V1)});
        client.post("/v1/segments", &body).expect(201);
    }
    // The members of a deleted group are in none.
    let deleted = client.post("/v1/groups", &json!({"name": "deleted"})).expect(201);
    let deleted = format!("/v1/groups/{}", deleted["id"].as_str().unwrap());
    client.post(&format!("{deleted}/members"), &json!({"add": created})).expect(200);
    assert_eq!(client.delete(&deleted).status, 204);
    let found = client.post("/v1/contacts/batch/get", &json!({"ids": created})).expect(200);
    let subject = |contact: &Value| {
        let id = contact["id"].as_str().unwrap();
        let groups = groups.iter().filter(|(_, members)| members.contains(id));
        Subject {
            contact: contact.clone(),
            groups: groups.map(|(name, _)| (*name).to_owned()).collect(),
            opted_out: contact["phone_number"] == opted_out,
        }
    };
    found["data"].as_array().unwrap().iter().rev().map(subject).collect()
}

fn client_of(service: &Service) -> Client {
    service.client_of(&new_account(), Permission::ALL)
}

/// Everything that takes a filter has the contacts for which the reference says so, page by page.
#[track_caller]
fn assert_matches(client: &Client, subjects: &[Subject], filter: &Filter) -> usize {
    let text = filter.text(V1);
    let matching: Vec<&Subject> = subjects.iter().filter(|subject| filter.matches(subject)).collect();
    let expected: Vec<String> =
        matching.iter().map(|subject| subject.contact["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed(client, &text, 100, true), expected, "{text}");
    let count = client.get(&format!("/v1/contacts/count?filter={}", encoded(&text))).expect(200);
    assert_eq!(count, json!({"count": expected.len()}), "{text}");
    if fastrand::u8(..4) > 0 {
        return expected.len();
    }
    // The rest for some of them, for the sake of time.
    assert_eq!(listed(client, &text, 40, false), expected, "backward: {text}");
    let oldest_first: Vec<String> = expected.iter().rev().cloned().collect();
    assert_eq!(exported(client, &text), oldest_first, "{text}");
    assert_eq!(addressed(client, &text), expected, "audience: {text}");
    let found = client.post("/v1/contacts/batch/get", &json!({"filter": text})).expect(200);
    assert_eq!((ids(&found["data"]), &found["missing"]), (expected.clone(), &json!([])), "{text}");

    let text = filter.text(ADDRESS_BOOK);
    let filter = format!("&filter={}", encoded(&text));
    let records = listed_by_offset(client, &filter, 60);
    assert_eq!(ids(&records.into()), expected, "{text}");
    let records = listed_by_offset(client, &format!("{filter}&sortField=alias&sortDir=ASC"), 100);
    let aliases: Vec<&str> = records.iter().map(|record| record["alias"].as_str().unwrap()).collect();
    let mut names: Vec<&str> =
        matching.iter().map(|subject| subject.contact["username"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(aliases, names, "{text}");
    let count = client.get(&format!("/addressbook/contacts/count?filter={}", encoded(&text))).expect(200);
    assert_eq!(count, json!({"success": true, "count": expected.len()}), "{text}");
    expected.len()
}

fn everything_has_exactly_the_contacts_that_match(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    fastrand::seed(seed);
    let client = client_of(service);
    let subjects = subjects(&client, 150);
    let key = |key| Filter::Text(Text::Key("CITY"), key);
    let not = |filter: Filter| Filter::Not(Box::new(filter));
    let both = |a: Filter, b: Filter| Filter::And(vec![a, b]);
    let age = |operator, value| Filter::Number("AGE", Test::Compare(operator, Number(value)));
    // What a mistake would change, each at least once.
    let chosen = [
        not(key(TextTest::Value(Test::Compare("=", "London")))),
        key(TextTest::Value(Test::Compare("!=", "London"))),
        not(key(TextTest::Value(Test::Compare("!=", "London")))),
        key(TextTest::Prefix("Lon%", true)),
        key(TextTest::Prefix("Lon_", true)),
        key(TextTest::Prefix("Lon\u{10ffff}", true)),
        key(TextTest::Prefix("\u{10ffff}", true)),
        key(TextTest::Prefix("Lon", false)),
        Filter::Number("AGE", Test::Compare("<=", Number("18"))),
        Filter::Number("AGE", Test::Compare("<", Number("18"))),
        Filter::Number("AGE", Test::Compare(">", Number("9007199254740992"))),
        not(Filter::Number("AGE", Test::Compare(">=", Number("0")))),
        Filter::Time(Time::Key("BORN"), Test::Compare("<", "2000-01-01")),
        Filter::Boolean("VIP", false, true),
        not(Filter::Boolean("VIP", false, true)),
        not(Filter::Present("AGE")),
        // Several conditions on one value.
        both(age(">=", "17"), age("<", "18")),
        both(age(">", "17"), age("<=", "18")),
        both(age("=", "18"), age("<=", "18")),
        both(age("=", "18"), age("<", "18")),
        both(age("!=", "18"), both(age("!=", "17"), age(">", "-1"))),
        both(key(TextTest::Prefix("Lon", true)), key(TextTest::Prefix("Lon%", false))),
        both(
            Filter::Text(Text::Handle, TextTest::Value(Test::Compare(">", "a"))),
            Filter::Text(Text::Handle, TextTest::Value(Test::Compare("<", "b"))),
        ),
        not(Filter::AnyGroup),
        not(Filter::OptedOut),
        Filter::Segment(SEGMENTS[0]),
        not(Filter::Segment(SEGMENTS[1])),
    ];
    for filter in chosen {
        let matching = assert_matches(&client, &subjects, &filter);
        // U+10FFFF begins none of the texts.
        assert!(matching < subjects.len(), "{}", filter.text(V1));
    }
    let mut partial = 0;
    for _ in 0..60 {
        let matching = assert_matches(&client, &subjects, &random::filter(3));
        partial += usize::from(matching > 0 && matching < subjects.len());
    }
    assert!(partial > 15, "only {partial} filters distinguish contacts");
}

/// A filter that only the oldest contact matches, with so many conditions that few contacts are probed at a time.
fn a_page_that_ends_early_says_where_it_ended(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let client = client_of(service);
    let contact = |i: usize| json!({"username": format!("user{i}"), "phone_number": "+4479000000001", "display_name": format!("{i}")});
    let created = create(&client, &(0..950).map(contact).collect::<Vec<_>>());
    let others: Vec<String> = (0..49).map(|i| format!("NOT display_name = \"x{i}\"")).collect();
    // No index has the matches of a negation.
    let costly = |name: &str| format!("NOT display_name != \"{name}\" AND {}", others.join(" AND "));

    // 950 contacts in pages of 400 that are probed.
    let filter = costly("0");
    let mut path = format!("/v1/contacts?filter={}", encoded(&filter));
    for (count, more) in [(0, true), (0, true), (1, false)] {
        let reply = client.get(&path);
        let page = reply.expect(200);
        assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (count, &json!(more)));
        match link(reply.header("Link"), "next") {
            Some(next) if more => path = next,
            other => assert_eq!((other, more), (None, false)),
        }
    }
    for (filter, id) in [("0", 0), ("399", 399), ("400", 400), ("550", 550), ("949", 949)] {
        let (filter, expected) = (costly(filter), vec![created[id].clone()]);
        assert_eq!(listed(&client, &filter, 10, true), expected);
        assert_eq!(listed(&client, &filter, 10, false), expected);
        assert_eq!(exported(&client, &filter), expected);
        assert_eq!(addressed(&client, &filter), expected);
        let found = client.post("/v1/contacts/batch/get", &json!({"filter": filter})).expect(200);
        assert_eq!(ids(&found["data"]), expected);
    }
    let filter = costly("0").replacen("!= \"0\"", "= \"0\"", 1);
    let expected: Vec<String> = created.iter().skip(1).rev().cloned().collect();
    for limit in [100, 37] {
        assert_eq!(listed(&client, &filter, limit, true), expected);
    }
    assert_eq!(listed(&client, &filter, 99, false), expected);
}

/// By a filter, up to 1,000 contacts are read and deleted; more are an error that changes nothing.
fn a_filter_reads_and_deletes_up_to_a_thousand(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let client = client_of(service);
    declare_all(&client, &[("N", "number")]);
    let contact = |i: usize| json!({"username": format!("user{i}"), "phone_number": "+4479000000001", "meta": {"N": i}});
    let mut created = create(&client, &(0..1_000).map(contact).collect::<Vec<_>>());
    created.extend(create(&client, &[contact(1_000)]));
    let [get, delete] = ["/v1/contacts/batch/get", "/addressbook/contacts/batch/delete"];
    let all = json!({"filter": "meta.N >= 0"});
    for path in [get, delete, "/v1/contacts/batch/delete"] {
        let (message, _, code) = client.post(path, &all).violation(400);
        assert_eq!(message, "filter must match at most 1000 contacts, and matches more");
        assert_eq!(code, "too_many_items");
        let count = client.get("/v1/contacts/count").expect(200);
        assert_eq!(count, json!({"count": 1_001}), "nothing was changed");
    }
    let all_but_one = json!({"filter": "meta.N < 1000"});
    let found = client.post(get, &all_but_one).expect(200);
    assert_eq!(found["data"].as_array().unwrap().len(), 1_000);
    let both = json!({"filter": "meta.N = 1", "ids": [created[0]]});
    assert_eq!(client.post(get, &both).violation(400).2, "not_exactly_one");

    let deleted = client.post(delete, &all_but_one).expect(200);
    assert_eq!(deleted["counts"], json!({"deleted": 1_000, "not_found": 0}));
    let newest_first: Vec<String> = created[..1_000].iter().rev().cloned().collect();
    assert_eq!(ids(&deleted["results"]), newest_first);
    assert_eq!(ids(&client.get("/v1/contacts").expect(200)["data"]), [created[1_000].clone()]);
    let deleted = client.post("/v1/contacts/batch/delete", &json!({"filter": "meta.N = 5"})).expect(200);
    assert_eq!(deleted["counts"], json!({"deleted": 0, "not_found": 0}));
}

fn what_is_wrong_with_a_filter_is_said(kind: Backend) {
    let Some(service) = Service::shared(kind) else { return };
    let client = client_of(service);
    for path in ["/v1/contacts", "/v1/contacts/count", "/v1/contacts/export", "/addressbook/contacts"] {
        let get = |filter: &str| client.get(&format!("{path}?filter={}", encoded(filter)));
        let reply = get("CITY = \"London\"");
        assert_eq!(reply.status, 400, "{path}");
        let error = reply.json();
        let message = &error["error"]["message"];
        if path.starts_with("/v1") {
            assert_eq!(error["error"]["code"], "field_not_declared");
        }
        let message = message.as_str().unwrap();
        assert!(message.contains("POST /v1/fields") && message.contains("\"CITY\""), "{error}");
        let (message, field, code) =
            get("display_name = \"a\" OR display_name = \"b\" AND opted_out").violation(400);
        assert_eq!((field.as_str(), code.as_str()), ("filter", "filter_syntax"), "{path}");
        assert!(message.starts_with("filter is invalid at character 42: AND and OR are mixed"), "{message}");
        assert_eq!(get("group = \"no such group\"").status, 404, "{path}");
        assert_eq!(get("").violation(400).2, "blank", "{path}");
    }
    // The names are those of the dialect.
    for (path, filter) in [("/v1/contacts", "alias = \"a\""), ("/addressbook/contacts", "username = \"a\"")] {
        assert_eq!(client.get(&format!("{path}?filter={}", encoded(filter))).status, 400, "{path}");
    }
}

on_each! {
    every_change_is_counted
    counts_keep_pace_with_writers
    contacts_are_in_the_order_of_the_request
    an_order_without_matches_ends_its_pages_early
    a_cursor_keeps_its_place_in_an_order
    what_is_wrong_with_an_order_is_said
    every_filter_reads_one_range_and_probes
    common_conditions_are_merged
    a_filter_reads_and_deletes_up_to_a_thousand
    what_is_wrong_with_a_filter_is_said
    a_page_that_ends_early_says_where_it_ended
    everything_has_exactly_the_contacts_that_match
}
