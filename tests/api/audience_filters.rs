//! Recipients of an audience by segment and by filter.

use addressbook::domain::Permission;
use serde_json::{Value, json};

use crate::audiences::{adds_up, lines, outcomes, resolve};
use crate::filters::{encoded, pages};
use crate::harness::field_index::{declare, wait_until_ready};
use crate::harness::{Backend, Client, Service, new_account};

/// The contacts with these names and cities, from the oldest to the newest. The number of `d` has opted out, `e` has that of
/// `a`, and `b` and `e` are in the group `vips`.
const CONTACTS: [(&str, Option<&str>); 6] = [
    ("a", Some("London")),
    ("b", Some("Leeds")),
    ("c", Some("London")),
    ("d", Some("London")),
    ("e", Some("London")),
    ("f", None),
];

const LONDONERS: &str = "meta.CITY = \"London\"";

/// Creates them, the field `CITY`, and the segment `londoners`; returns the ids of the contacts, and the path of the segment.
fn populate(client: &Client) -> (Vec<Value>, String) {
    wait_until_ready(client, &declare(client, "CITY", "text"));
    let contact = |(i, (name, city)): (usize, &(&str, Option<&str>))| {
        let number = if *name == "e" { 0 } else { i };
        let meta = city.map_or(json!({}), |city| json!({"CITY": city}));
        json!({"username": name, "phone_number": format!("+4479{number:08}"), "meta": meta})
    };
    let contacts: Vec<Value> = CONTACTS.iter().enumerate().map(contact).collect();
    let created =
        client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts})).expect(200);
    let ids: Vec<Value> =
        created["results"].as_array().unwrap().iter().map(|result| result["id"].clone()).collect();
    client.post("/v1/opt_outs", &json!({"phone_number": contacts[3]["phone_number"]})).expect(201);
    client.post("/addressbook/groups", &json!({"name": "vips"})).expect(200);
    client.post("/addressbook/groups/vips/contacts", &json!({"aliases": ["b", "e"]})).expect(200);
    (ids, save(client, "londoners", LONDONERS))
}

/// Creates a segment; returns its path.
fn save(client: &Client, name: &str, filter: &str) -> String {
    let segment = client.post("/v1/segments", &json!({"name": name, "filter": filter})).expect(201);
    format!("/v1/segments/{}", segment["id"].as_str().unwrap())
}

/// The names on all pages of the list of contacts.
fn listed(client: &Client, filter: &str) -> Vec<Value> {
    let first = format!("/v1/contacts?limit=2&filter={}", encoded(filter));
    pages(client, first, "next").iter().flat_map(usernames).collect()
}

fn usernames(entries: &Value) -> Vec<Value> {
    entries.as_array().unwrap().iter().map(|entry| entry["username"].clone()).collect()
}

/// A request for recipients, whoever they are.
fn all_of(recipients: &Value) -> Value {
    json!({"recipients": recipients, "include_opted_out": true, "repeat_numbers": true})
}

on_both_databases! {
    fn a_filter_selects_whom_the_list_of_contacts_has(service: &Service) {
        let client = service.client();
        populate(&client);
        for (filter, count) in [
            (LONDONERS, 4),
            ("NOT meta.CITY = \"London\"", 2),
            ("group = \"vips\"", 2),
            ("NOT opted_out AND username != \"f\"", 4),
            ("segment = \"londoners\" AND NOT group:*", 3),
            ("username = \"nobody\"", 0),
            ("username:*", 6),
        ] {
            let expected = listed(&client, filter);
            assert_eq!(expected.len(), count, "{filter}");
            let body = all_of(&json!([{"filter": filter}]));
            let audience = resolve(&client, &body);
            adds_up(&audience);
            assert_eq!(usernames(&audience["recipients"]), expected, "{filter}");
            let streamed = lines(&client, &body);
            let streamed: Vec<_> =
                streamed.iter().filter_map(|line| line.get("recipient")).map(|entry| entry["username"].clone()).collect();
            assert_eq!(streamed, expected, "{filter}");
        }
        let segment = resolve(&client, &all_of(&json!([{"segment": "londoners"}])));
        assert_eq!(usernames(&segment["recipients"]), listed(&client, LONDONERS));
    }

    fn segments_and_filters_mix_with_other_recipients(service: &Service) {
        let client = service.client();
        let (ids, _) = populate(&client);
        let mut body = json!({
            "recipients": [
                {"segment": "londoners", "fields": {"SIGN": "!"}},
                {"username": "c"},
                {"segment": "no such segment"},
                {"filter": "username IN (\"e\", \"f\")"},
                {"filter": "username = \"f\"", "fields": {"CITY": "York", "SIGN": "?"}},
            ],
            "template": {"text": "Hi {{CITY}}{{SIGN}}"},
        });
        let audience = resolve(&client, &body);
        adds_up(&audience);
        let text = |index: u64, text: &str| (index, text.to_owned());
        assert_eq!(outcomes(&audience), [
            text(0, "Hi London!"), text(0, "Hi London!"), text(0, "duplicate_number"), text(0, "opted_out"),
            text(1, "duplicate_number"), text(2, "unknown_segment"), text(3, "duplicate_number"),
            text(3, "missing_variable"), text(4, "Hi York?"),
        ]);
        assert_eq!(usernames(&audience["recipients"]), ["e", "c", "f"]);
        let unknown = audience["exclusions"].as_array().unwrap().iter().find(|entry| entry["index"] == 2).unwrap();
        assert_eq!(unknown["named"], "no such segment");
        assert_eq!(unknown["message"], "no segment has this id or name");
        let problem = json!({
            "reason": "unknown_segment", "count": 1, "message": "1 of 9: no segment has this id or name", "examples": [unknown],
        });
        assert!(audience["problems"].as_array().unwrap().contains(&problem), "{audience}");

        let streamed = lines(&client, &body);
        let summary = &streamed.last().unwrap()["summary"];
        assert_eq!((&summary["counts"], &summary["problems"]), (&audience["counts"], &audience["problems"]));
        body["dry_run"] = json!(true);
        let dry = resolve(&client, &body);
        assert_eq!((&dry["counts"], &dry["problems"]), (&audience["counts"], &audience["problems"]));
        // What was acknowledged before is in the answer.
        client.delete(&format!("/v1/contacts/{}", ids[4].as_str().unwrap())).expect(204);
        client.delete("/v1/opt_outs/+447900000003").expect(204);
        let segment = resolve(&client, &json!({"recipients": [{"segment": "londoners"}]}));
        assert_eq!(usernames(&segment["recipients"]), ["d", "c", "a"]);
    }

    fn a_kept_audience_stays_as_its_segments_were(service: &Service) {
        let client = service.client();
        let (ids, segment) = populate(&client);
        let body = json!({
            "recipients": [{"segment": "londoners"}, {"filter": "group = \"vips\""}, {"segment": "none"}],
            "repeat_numbers": true, "keep": true,
        });
        let kept = client.post("/v1/audiences", &body).expect(201);
        let path = format!("/v1/audiences/{}", kept["id"].as_str().unwrap());
        let state = || ["", "/recipients", "/exclusions"].map(|list| client.get(&format!("{path}{list}")).expect(200));
        let before = state();
        assert_eq!(usernames(&before[1]["data"]), ["e", "c", "a", "e", "b"]);
        let excluded = |entry: &Value| entry["reason"].as_str().unwrap().to_owned();
        assert_eq!(before[2]["data"].as_array().unwrap().iter().map(excluded).collect::<Vec<_>>(), ["opted_out", "unknown_segment"]);
        assert_eq!(before[0]["counts"], json!({"asked": 7, "recipients": 5, "excluded": 2, "parts": 0}));

        let contact = |index: usize| format!("/v1/contacts/{}", ids[index].as_str().unwrap());
        client.patch(&contact(0), &json!({"meta": {"CITY": "York"}, "username": "renamed"})).expect(200);
        client.patch(&contact(5), &json!({"meta": {"CITY": "London"}})).expect(200);
        client.post("/addressbook/groups/vips/contacts", &json!({"aliases": ["c"]})).expect(200);
        save(&client, "none", "username:*");
        client.patch(&segment, &json!({"filter": "opted_out"})).expect(200);
        assert_eq!(state(), before);
        // An audience does not keep the segment.
        client.delete(&segment).expect(204);
        assert_eq!(state(), before);
        assert_eq!(outcomes(&resolve(&client, &json!({"recipients": [{"segment": "londoners"}]}))), [(0, "unknown_segment".to_owned())]);
    }

    fn what_is_wrong_with_an_item_is_said_with_its_path(service: &Service) {
        let client = service.client();
        let (_, segment) = populate(&client);
        let id = segment.rsplit('/').next().unwrap();
        let post = |recipients: &Value| client.post("/v1/audiences", &json!({"recipients": recipients}));
        let john = json!({"username": "a"});
        for (recipients, field, code) in [
            (json!([john, {"filter": ""}]), "recipients.1.filter", "blank"),
            (json!([john, {"filter": "meta.CITY ="}]), "recipients.1.filter", "filter_syntax"),
            (json!([john, {"filter": "meta.CITY = 5"}]), "recipients.1.filter", "filter_syntax"),
            (json!([{"segment": ""}]), "recipients.0.segment", "blank"),
            (json!([{"segment": "a", "filter": "opted_out"}]), "recipients.0", "not_exactly_one"),
            (json!([{"segment": "a"}, {"segment": "a"}]), "recipients.1.segment", "duplicate"),
            (json!([{"segment": id}, john, {"segment": "londoners"}]), "recipients.2.segment", "duplicate"),
            (json!([{"filter": "opted_out"}, {"filter": "(opted_out)"}]), "recipients.1.filter", "duplicate"),
            (json!(vec![json!({"filter": "x"}); 11]), "recipients", "too_many_items"),
        ] {
            let violation = post(&recipients).violation(400);
            assert_eq!((violation.1.as_str(), violation.2.as_str()), (field, code), "{recipients}: {}", violation.0);
        }
        let (message, ..) = post(&json!([{"filter": "opted_out AND username = \"a\" OR username = \"b\""}])).violation(400);
        assert!(message.starts_with("recipients.0.filter is invalid at character 30: AND and OR are mixed"), "{message}");
        let (message, ..) = post(&json!(vec![json!({"segment": "a"}); 11])).violation(400);
        assert_eq!(message, "recipients must have at most 10 items with segment or filter");
        let ten: Vec<Value> = (0..10).map(|i| json!({"segment": format!("s{i}")})).collect();
        assert_eq!(post(&json!(ten)).expect(200)["counts"]["excluded"], 10);

        // `alias` is a name of the other dialect.
        for key in ["AGE", "alias"] {
            let undeclared = post(&json!([john, {"filter": format!("{key} = \"a\"")}])).expect(400)["error"].clone();
            assert_eq!(undeclared["code"], "field_not_declared");
            let message = undeclared["message"].as_str().unwrap();
            let expected = format!("recipients.1: \"{key}\" is not a declared field; declare it with POST /v1/fields");
            assert!(message.starts_with(&expected), "{message}");
        }
        for (filter, what) in [("group = \"none\"", "group"), ("segment = \"none\"", "segment")] {
            let message = post(&json!([{"filter": filter}])).violation(404).0;
            assert_eq!(message, format!("recipients.0: There is no such {what}"));
        }
        // As the members of the segment.
        let stale = save(&client, "stale", "group = \"vips\"");
        client.delete("/addressbook/groups/vips").expect(200);
        assert_eq!(client.get(&format!("{stale}/members")).status, 404);
        let message = post(&json!([{"segment": "stale"}])).violation(404).0;
        assert_eq!(message, "recipients.0: There is no such group");
        assert_eq!(client.get("/v1/audiences").expect(200)["data"], json!([]));
    }

    fn what_the_filter_of_a_segment_is_about_decides_who_sees_its_contacts(service: &Service) {
        let account = new_account();
        let owner = service.client_of(&account, &[]);
        populate(&owner);
        save(&owner, "vips", "group = \"vips\"");
        save(&owner, "silent", "opted_out");
        let reader = [Permission::ReadContacts, Permission::ReadSegments];
        for (segment, other, count) in
            [("vips", Permission::ReadGroups, 2), ("silent", Permission::ReadOptOuts, 1)]
        {
            for options in [json!({}), json!({"dry_run": true})] {
                let mut body = all_of(&json!([{"segment": "londoners"}, {"segment": segment}]));
                body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
                let reply = service.client_of(&account, &reader).post("/v1/audiences", &body);
                let message = reply.violation(403).0;
                assert!(message.ends_with(&format!("lacks the permission {}", other.as_str())), "{message}");
                assert!(reply.header("WWW-Authenticate").contains("insufficient_scope"));
                let friend = service.client_of(&account, &[reader[0], reader[1], other]);
                assert_eq!(resolve(&friend, &body)["counts"]["asked"], 4 + count);
            }
        }
        let plain = all_of(&json!([{"segment": "londoners"}, {"filter": LONDONERS}]));
        assert_eq!(resolve(&service.client_of(&account, &reader), &plain)["counts"]["asked"], 8);
        // Another account has other segments.
        let stranger = resolve(&service.client(), &all_of(&json!([{"segment": "londoners"}])));
        assert_eq!(stranger["exclusions"][0]["reason"], "unknown_segment");
    }
}

fn too_many_matches_are_rejected_before_anything_is_stored(backend: Backend) {
    let service = Service::start(backend, |settings| {
        settings.limits.audience_answer_limit = 7;
        settings.limits.audience_kept_limit = 3;
        settings.limits.audience_quota = 150;
    });
    let Some(service) = service else { return };
    let client = service.client();
    populate(&client);
    let recipients = json!([{"segment": "londoners"}, {"filter": "username != \"a\""}]);
    let (message, ..) = client.post("/v1/audiences", &json!({"recipients": recipients})).violation(422);
    assert_eq!(
        message,
        "The audience has more than 7 recipients, the most that a single response can have; stream it as \
         application/x-ndjson, or request a dry run"
    );
    let keep =
        |recipients: &Value| client.post("/v1/audiences", &json!({"recipients": recipients, "keep": true}));
    let message = "The audience has 9 recipients, but a kept audience can have at most 3";
    assert_eq!(keep(&recipients).violation(422).0, message);
    assert_eq!(resolve(&client, &json!({"recipients": recipients, "dry_run": true}))["counts"]["asked"], 9);
    assert_eq!(lines(&client, &json!({"recipients": recipients})).len(), 10);
    let vips = json!([{"filter": "group = \"vips\""}]);
    keep(&vips).expect(201);
    assert_eq!(keep(&vips).expect(422)["error"]["code"], "audience_quota");
    assert_eq!(client.get("/v1/audiences").expect(200)["data"].as_array().unwrap().len(), 1);
}

on_each! {
    too_many_matches_are_rejected_before_anything_is_stored
}
