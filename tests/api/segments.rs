//! `/v1/segments`.

use addressbook::domain::Permission;
use serde_json::{Value, json};

use crate::filters::{encoded, link};
use crate::harness::change_log::Follower;
use crate::harness::field_index::{declare, wait_until_ready};
use crate::harness::{Client, new_account};

/// A segment as it is shown alone.
fn counted(segment: &Value, count: usize) -> Value {
    let mut counted = segment.clone();
    counted["count"] = json!(count);
    counted
}

/// Creates a segment; returns its path.
#[track_caller]
fn save(client: &Client, name: &str, filter: &str) -> String {
    let segment = client.post("/v1/segments", &json!({"name": name, "filter": filter})).expect(201);
    format!("/v1/segments/{}", segment["id"].as_str().unwrap())
}

/// Creates contacts with these names, of London and Leeds in turn.
fn populate(client: &Client, names: &[&str]) {
    let contact = |(i, name): (usize, &&str)| {
        let city = if i % 2 == 0 { "London" } else { "Leeds" };
        json!({"username": name, "phone_number": format!("+4479{i:08}"), "meta": {"CITY": city}})
    };
    let contacts: Vec<Value> = names.iter().enumerate().map(contact).collect();
    client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts})).expect(200);
}

fn names(contacts: &Value, name: &str) -> Vec<String> {
    let contacts = contacts.as_array().unwrap().iter();
    contacts.map(|contact| contact[name].as_str().unwrap().to_owned()).collect()
}

const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];

on_both_databases! {
    fn its_members_are_those_of_this_moment(service: &Service) {
        let client = service.client();
        wait_until_ready(&client, &declare(&client, "CITY", "text"));
        let path = save(&client, "londoners", "meta.CITY = \"London\"");
        let members = |query: &str| client.get(&format!("{path}/members{query}"));
        let count = || client.get(&path).expect(200)["count"].clone();
        assert_eq!((count(), members("").expect(200)), (json!(0), json!({"has_more": false, "data": []})));
        populate(&client, &ALL);
        assert_eq!((count(), names(&members("").expect(200)["data"], "username")), (json!(3), vec!["e".into(), "c".into(), "a".into()]));
        let mut found = Vec::new();
        let mut next = Some(format!("{path}/members?limit=2&expand=groups"));
        while let Some(page) = next {
            let reply = client.get(&page);
            assert!(reply.expect(200)["data"].as_array().unwrap().iter().all(|contact| contact["groups"].is_array()));
            found.extend(names(&reply.expect(200)["data"], "username"));
            next = link(reply.header("Link"), "next");
        }
        assert_eq!(found, ["e", "c", "a"]);
        let moved = client.get("/v1/contacts?username=a").expect(200)["data"][0]["id"].clone();
        client.patch(&format!("/v1/contacts/{}", moved.as_str().unwrap()), &json!({"meta": {"CITY": "York"}})).expect(200);
        assert_eq!((count(), names(&members("").expect(200)["data"], "username")), (json!(2), vec!["e".into(), "c".into()]));
        client.patch(&path, &json!({"filter": "meta.CITY = \"York\""})).expect(200);
        assert_eq!((count(), names(&members("").expect(200)["data"], "username")), (json!(1), vec!["a".into()]));
        let tag = client.get(&path).header("ETag").to_owned();
        assert_eq!(client.send("GET", &path, &[("If-None-Match", &tag)], b"").status, 304);
    }

    fn what_its_filter_is_about_decides_who_reads_its_members(service: &Service) {
        let account = new_account();
        let owner = service.client_of(&account, &[]);
        populate(&owner, &ALL);
        let group = owner.post("/v1/groups", &json!({"name": "vips"})).expect(201)["id"].clone();
        let grouped = save(&owner, "grouped", "NOT group = \"vips\"");
        let silent = save(&owner, "silent", "NOT opted_out");
        let reader = [Permission::ReadSegments, Permission::ReadContacts];
        for (segment, other) in [(&grouped, Permission::ReadGroups), (&silent, Permission::ReadOptOuts)] {
            let members = format!("{segment}/members");
            let stranger = service.client_of(&account, &reader);
            let lacking = stranger.get(&members).violation(403).0;
            assert!(lacking.contains(other.as_str()), "{lacking}");
            assert_eq!(stranger.get(segment).expect(200)["count"], Value::Null);
            let friend = service.client_of(&account, &[reader[0], reader[1], other]);
            assert_eq!(friend.get(&members).expect(200)["data"].as_array().unwrap().len(), 5);
            assert_eq!(friend.get(segment).expect(200)["count"], 5);
        }
        // The group does not exist any more, so that its members cannot be counted.
        owner.delete(&format!("/v1/groups/{}", group.as_str().unwrap())).expect(204);
        owner.get(&format!("{grouped}/members")).expect(404);
        assert_eq!(owner.get(&grouped).expect(200)["count"], Value::Null);
    }

    fn is_saved_in_one_way_of_writing(service: &Service) {
        let client = service.client();
        wait_until_ready(&client, &declare(&client, "CITY", "text"));
        let written = " ( meta.CITY=\"London\" AND NOT opted_out )AND username = \"j*\"";
        let reply = client.post("/v1/segments", &json!({"name": " londoners ", "filter": written}));
        let created = reply.expect(201);
        let path = format!("/v1/segments/{}", created["id"].as_str().unwrap());
        let expected = json!({
            "id": created["id"], "name": "londoners", "filter": created["filter"],
            "created_at": created["created_at"], "updated_at": created["created_at"],
        });
        assert_eq!(created, expected);
        assert_eq!((reply.header("Location"), reply.header("ETag")), (path.as_str(), "\"1\""));
        assert!(created["filter"].as_str().unwrap().contains("username = \"j*\""), "{created}");
        assert_eq!(client.get(&path).expect(200), counted(&created, 0));
        assert_eq!(client.get("/v1/segments?name=londoners").expect(200)["data"], json!([created]));
        // The same filter is no change.
        let same = client.patch(&path, &json!({"filter": created["filter"]}));
        assert_eq!((same.expect(200)["updated_at"].clone(), same.header("ETag")), (created["updated_at"].clone(), "\"1\""));
        let changed = client.patch(&path, &json!({"filter": "display_name:*"}));
        assert_eq!((&changed.expect(200)["filter"], changed.header("ETag")), (&json!("display_name:*"), "\"2\""));
        let taken = client.post("/v1/segments", &json!({"name": "londoners", "filter": "opted_out"}));
        assert_eq!(taken.expect(409)["error"]["code"], "name_taken");
        let mut follower = Follower::of(&service.settings.database.database_url, &client);
        follower.assert_agreement();
        client.delete(&path).expect(204);
        client.get(&path).expect(404);
        follower.assert_agreement();
        let events: Vec<&str> = follower.entries().iter().map(|entry| entry.event.as_str()).collect();
        assert_eq!(events, ["segment.created", "segment.updated", "segment.deleted"]);
        follower.disconnect();
    }

    fn its_filter_is_checked(service: &Service) {
        let client = service.client();
        wait_until_ready(&client, &declare(&client, "AGE", "number"));
        for (filter, code) in [
            ("", "blank"),
            ("meta.AGE >", "filter_syntax"),
            ("meta.AGE = \"x\"", "filter_syntax"),
        ] {
            let (message, field, violation) =
                client.post("/v1/segments", &json!({"name": "a", "filter": filter})).violation(400);
            assert_eq!((field.as_str(), violation.as_str()), ("filter", code), "{filter}: {message}");
        }
        let undeclared = client.post("/v1/segments", &json!({"name": "a", "filter": "meta.CITY:*"}));
        assert_eq!(undeclared.expect(400)["error"]["code"], "field_not_declared");
        let valid = client.post("/v1/segments", &json!({"name": "a", "filter": "meta.AGE > 18"})).expect(201);
        let path = format!("/v1/segments/{}", valid["id"].as_str().unwrap());
        let undeclared = client.patch(&path, &json!({"filter": "meta.CITY:*"}));
        assert_eq!(undeclared.expect(400)["error"]["code"], "field_not_declared");
        assert_eq!(client.get(&path).expect(200), counted(&valid, 0));
    }

    fn a_field_that_it_needs_is_not_deleted(service: &Service) {
        let client = service.client();
        let city = declare(&client, "CITY", "text");
        let born = declare(&client, "BORN", "datetime");
        wait_until_ready(&client, &city);
        wait_until_ready(&client, &born);
        let mut segments = Vec::new();
        for (name, filter) in [
            ("birthdays", "anniversary(meta.BORN) = today()"),
            ("londoners", "meta.CITY = \"London\""),
            ("strangers", "NOT meta.CITY:*"),
        ] {
            let segment = client.post("/v1/segments", &json!({"name": name, "filter": filter})).expect(201);
            segments.push(format!("/v1/segments/{}", segment["id"].as_str().unwrap()));
        }
        let kept = |field: &str| {
            let error = client.delete(field).expect(409)["error"].clone();
            assert_eq!(error["code"], "field_in_use");
            error["message"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            kept(&city),
            "The filters of the segments \"londoners\", \"strangers\" need the field; change or delete the segments first"
        );
        assert_eq!(
            kept(&born),
            "The filter of the segment \"birthdays\" needs the field; change or delete the segment first"
        );
        assert_eq!(client.get(&born).expect(200)["state"], "ready");
        client.delete(&segments[0]).expect(204);
        client.delete(&born).expect(204);
        client.patch(&segments[1], &json!({"filter": "opted_out"})).expect(200);
        kept(&city);
        client.delete(&segments[2]).expect(204);
        client.delete(&city).expect(204);
    }

    /// Whichever is first, no segment names a field that is not declared.
    fn a_field_is_deleted_or_a_segment_created(service: &Service) {
        let client = service.client();
        for round in 0..8 {
            let field = declare(&client, "CITY", "text");
            wait_until_ready(&client, &field);
            let segment = json!({"name": format!("round {round}"), "filter": "meta.CITY:*"});
            let (deleted, created) = std::thread::scope(|scope| {
                let deleted = scope.spawn(|| client.clone().delete(&field).status);
                let created = client.clone().post("/v1/segments", &segment);
                (deleted.join().unwrap(), created)
            });
            match (deleted, created.status) {
                (204, 400) => {}
                (409, 201) => {
                    let path = format!("/v1/segments/{}", created.json()["id"].as_str().unwrap());
                    client.delete(&path).expect(204);
                    client.delete(&field).expect(204);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn filters_name_segments(service: &Service) {
        let account = new_account();
        let client = service.client_of(&account, &[]);
        wait_until_ready(&client, &declare(&client, "CITY", "text"));
        populate(&client, &ALL);
        let londoners = save(&client, "londoners", "meta.CITY = \"London\"");
        save(&client, "few", "username IN (\"a\", \"b\")");
        let matching = |client: &Client, filter: &str| {
            let page = client.get(&format!("/v1/contacts?filter={}", encoded(filter))).expect(200);
            names(&page["data"], "username").concat()
        };
        let id = londoners.rsplit('/').next().unwrap();
        for (filter, expected) in [
            ("segment = \"londoners\"".to_owned(), "eca"),
            (format!("segment = \"{id}\""), "eca"),
            ("NOT segment = \"londoners\"".to_owned(), "db"),
            ("segment = \"londoners\" AND segment = \"few\"".to_owned(), "a"),
            ("segment IN (\"londoners\", \"few\") AND NOT username = \"e\"".to_owned(), "cba"),
        ] {
            assert_eq!(matching(&client, &filter), expected, "{filter}");
            let book = client.get(&format!("/addressbook/contacts/count?filter={}", encoded("segment = \"few\"")));
            assert_eq!(book.expect(200)["count"], 2);
        }
        client.patch(&londoners, &json!({"filter": "meta.CITY = \"Leeds\""})).expect(200);
        assert_eq!(matching(&client, "segment = \"londoners\""), "db");
        let get = |filter: &str| client.get(&format!("/v1/contacts?filter={}", encoded(filter)));
        get("segment = \"nobody's\"").expect(404);
        for filter in ["segment != \"few\"", "segment:*", "segment > \"few\"", "segment = 5"] {
            assert_eq!(get(filter).violation(400).2, "filter_syntax", "{filter}");
        }
        // A segment names none, so that none contains itself.
        for (path, method) in [("/v1/segments", "POST"), (&londoners, "PATCH"), ("/addressbook/segments", "POST")] {
            let body = json!({"name": "nested", "filter": "opted_out OR segment = \"few\""}).to_string();
            let reply = client.send(method, path, &[("Content-Type", "application/json")], body.as_bytes());
            assert_eq!(reply.violation(400).2, "filter_syntax");
        }
        // Those of its segments are conditions of a filter.
        let many = |name: &str, count: usize| {
            save(&client, name, &(0..count).map(|i| format!("username = \"{i}\"")).collect::<Vec<_>>().join(" OR "));
        };
        many("49", 49);
        assert_eq!(matching(&client, "segment = \"49\" OR username = \"a\""), "a");
        assert_eq!(get("segment = \"49\" OR segment = \"few\" OR username = \"a\"").violation(400).2, "filter_syntax");
        // What the filter of a segment is about is not known before it is read.
        let reader = service.client_of(&account, &[Permission::ReadContacts, Permission::ReadSegments]);
        let lacking = reader.get(&format!("/v1/contacts?filter={}", encoded("segment = \"few\""))).violation(403).0;
        assert!(lacking.contains("read:Groups") && lacking.contains("read:OptOuts"), "{lacking}");
    }

    fn the_address_book_has_the_same_segments(service: &Service) {
        let client = service.client();
        populate(&client, &ALL);
        let new = json!({"name": "few", "filter": "alias IN (\"a\", \"b\", \"e\") AND created_on > now() - 1d"});
        let record = client.post("/addressbook/segments", &new).expect(200)["record"].clone();
        assert_eq!(record["filter"], "alias IN (\"a\", \"b\", \"e\") AND created_on > now() - 1d");
        let id = record["id"].as_str().unwrap();
        let shared = client.get(&format!("/v1/segments/{id}")).expect(200);
        assert_eq!(shared["filter"], "username IN (\"a\", \"b\", \"e\") AND created_at > now() - 1d");
        for key in [id, "few"] {
            let path = format!("/addressbook/segments/{key}");
            let mut expected = record.clone();
            expected["count"] = json!(3);
            assert_eq!(client.get(&path).expect(200), json!({"success": true, "record": expected}));
            let page = client.get(&format!("{path}/contacts?limit=2&offset=1")).expect(200);
            assert_eq!((names(&page["records"], "alias"), &page["total"]), (vec!["b".into(), "a".into()], &json!(3)));
        }
        save(&client, "another", "opted_out");
        let listed = |query: &str| client.get(&format!("/addressbook/segments{query}")).expect(200);
        assert_eq!(names(&listed("")["records"], "name"), ["another", "few"]);
        assert_eq!((names(&listed("?sortField=name&sortDir=DESC&limit=1")["records"], "name"), &listed("")["total"]), (vec!["few".into()], &json!(2)));
        let renamed = client.post("/addressbook/segments/few", &json!({"name": "fewer"})).expect(200);
        assert_eq!((&renamed["record"]["name"], &renamed["record"]["filter"]), (&json!("fewer"), &record["filter"]));
        assert_eq!(client.delete("/addressbook/segments/fewer").expect(200), json!({"success": true}));
        client.get(&format!("/v1/segments/{id}")).expect(404);
    }

    fn an_explanation_counts_each_condition(service: &Service) {
        let client = service.client();
        wait_until_ready(&client, &declare(&client, "CITY", "text"));
        populate(&client, &ALL);
        let path = save(&client, "few", "meta.CITY = \"London\" AND (NOT username = \"a\" OR display_name = \"nobody\")");
        let expected = json!({
            "count": 2,
            "conditions": [
                {"condition": "meta.CITY = \"London\"", "count": 3},
                {"condition": "username = \"a\"", "count": 1},
                {"condition": "display_name = \"nobody\"", "count": 0},
            ],
        });
        assert_eq!(client.get(&format!("{path}/explain")).expect(200), expected);
        client.get(&format!("{path}/explain?limit=1")).violation(400);
        let account = new_account();
        let silent = save(&service.client_of(&account, &[]), "silent", "opted_out");
        let reader = service.client_of(&account, &[Permission::ReadSegments, Permission::ReadContacts]);
        assert!(reader.get(&format!("{silent}/explain")).violation(403).0.contains("read:OptOuts"));
    }

    fn a_group_is_made_of_a_moment(service: &Service) {
        let client = service.client();
        wait_until_ready(&client, &declare(&client, "CITY", "text"));
        populate(&client, &ALL);
        save(&client, "londoners", "meta.CITY = \"London\"");
        let group = client.post("/v1/groups", &json!({"name": "then"})).expect(201)["id"].clone();
        let path = format!("/v1/groups/{}/members", group.as_str().unwrap());
        let add = |filter: &str| client.post(&path, &json!({"filter": filter})).expect(200);
        let added = add("segment = \"londoners\"");
        let outcomes = |changed: &Value| names(&changed["data"], "outcome");
        assert_eq!((&added["member_count"], outcomes(&added)), (&json!(3), vec!["added".into(); 3]));
        let again = add("username IN (\"d\", \"e\")");
        assert_eq!((&again["member_count"], outcomes(&again)), (&json!(4), vec!["already_member".into(), "added".into()]));
        assert_eq!(add("username = \"nobody\""), json!({"member_count": 4, "data": []}));
        assert_eq!(names(&client.get(&path).expect(200)["data"], "username").concat(), "edca");
        // Whoever moves stays in the group.
        let moved = client.get("/v1/contacts?username=a").expect(200)["data"][0]["id"].clone();
        client.patch(&format!("/v1/contacts/{}", moved.as_str().unwrap()), &json!({"meta": {"CITY": "York"}})).expect(200);
        assert_eq!(names(&client.get(&path).expect(200)["data"], "username").concat(), "edca");
        let both = client.post(&path, &json!({"filter": "opted_out", "add": [moved]}));
        assert_eq!(both.violation(400).1, "filter");
        // Ten thousand, and no more.
        for batch in 0..10 {
            let names: Vec<String> = (0..1_000).map(|i| format!("many {batch} {i}")).collect();
            populate(&client, &names.iter().map(String::as_str).collect::<Vec<_>>());
        }
        assert_eq!(add("username = \"many*\"")["member_count"], 10_004);
        client.post(&path, &json!({"filter": "username = \"*\" OR opted_out"})).violation(400);
        assert_eq!(client.get("/v1/groups").expect(200)["data"][0]["member_count"], 10_004);
    }
}
