//! Groups, in both dialects.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::Client;

/// Creates a contact; returns its id.
pub fn contact(client: &Client, name: &str, number: &str) -> String {
    crate::contacts::create(client, name, number)["id"].as_str().unwrap().to_owned()
}

/// Creates a group; returns its id.
pub fn group(client: &Client, name: &str) -> String {
    client.post("/v1/groups", &json!({"name": name})).expect(201)["id"].as_str().unwrap().to_owned()
}

/// Adds and removes members; returns the member count and the outcomes.
pub fn change(client: &Client, group: &str, body: &Value) -> (u64, Vec<String>) {
    let response = client.post(&format!("/v1/groups/{group}/members"), body).expect(200);
    let results = response["data"].as_array().unwrap().iter();
    let results = results.map(|item| item["outcome"].as_str().unwrap().to_owned()).collect();
    (response["member_count"].as_u64().unwrap(), results)
}

/// The values of one member of a list, in its order.
fn values(list: &Value, member: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

fn some_contacts(client: &Client, count: usize) -> Vec<String> {
    (0..count).map(|index| contact(client, &format!("c{index}"), &format!("+44790000{index:04}"))).collect()
}

on_both_databases! {
    fn are_created_read_updated_and_deleted(service: &Service) {
        let client = service.client();
        let new = json!({"name": "  Cafe\u{301} ", "description": "Those who come for coffee"});
        let reply = client.post("/v1/groups", &new);
        let created = reply.expect(201);
        let id = created["id"].as_str().unwrap();
        assert_eq!(reply.header("Location"), format!("/v1/groups/{id}"));
        assert_eq!(created["name"], "Caf\u{e9}");
        assert_eq!((&created["member_count"], &created["created_at"]), (&json!(0), &created["updated_at"]));
        assert_eq!(client.get(&format!("/v1/groups/{id}")).expect(200), created);

        let record = client.get("/addressbook/groups/Caf%C3%A9").expect(200)["record"].clone();
        assert_eq!(client.get(&format!("/addressbook/groups/{id}")).expect(200)["record"], record);
        for (v1, addressbook) in [("id", "id"), ("name", "name"), ("description", "description"),
            ("member_count", "member_count"), ("created_at", "created_on"), ("updated_at", "updated_on")]
        {
            assert_eq!(created[v1], record[addressbook], "{v1}");
        }

        let path = format!("/v1/groups/{id}");
        let same = client.patch(&path, &json!({"name": "Caf\u{e9}"})).expect(200);
        assert_eq!(same, created, "nothing has changed");
        let renamed = client.patch(&path, &json!({"name": "Tea", "description": null})).expect(200);
        assert_eq!((&renamed["name"], &renamed["description"]), (&json!("Tea"), &Value::Null));
        assert_eq!(client.get("/addressbook/groups/Caf%C3%A9").status, 404);
        assert_eq!(client.get("/addressbook/groups/Tea").expect(200)["record"]["id"], id);
        let other = client.post("/addressbook/groups", &json!({"name": "Caf\u{e9}"})).expect(200);
        assert_eq!(other["success"], true);
        let taken = client.patch(&path, &json!({"name": "Caf\u{e9}"})).violation(409);
        assert_eq!(taken, ("name is already taken".into(), "name".into(), "taken".into()));
        assert_eq!(client.get(&path).expect(200), renamed);

        // In the address book, by name.
        let by_name = "/addressbook/groups/Tea";
        let changed = client.post(by_name, &json!({"description": "With biscuits"})).expect(200);
        let record = client.get(by_name).expect(200)["record"].clone();
        assert_eq!((&changed["success"], &changed["record"]), (&json!(true), &record));
        assert_eq!((&record["id"], &record["description"]), (&json!(id), &json!("With biscuits")));
        let taken = client.post(by_name, &json!({"name": "Caf\u{e9}"})).expect(409);
        assert_eq!(taken["error"]["name"], "ConflictError");
        let cleared = client.post(by_name, &json!({"description": null, "name": null})).expect(200);
        assert_eq!((&cleared["record"]["name"], &cleared["record"]["description"]), (&json!("Tea"), &Value::Null));

        assert_eq!(client.delete(&path).status, 204);
        for reply in [client.get(&path), client.delete(&path), client.patch(&path, &json!({"name": "Tea"})),
            client.get("/addressbook/groups/Tea"), client.delete(by_name),
            client.post(by_name, &json!({"name": "Tea"})),
            client.get(&format!("{path}/members")), client.get("/addressbook/groups/Tea/contacts"),
            client.post(&format!("{path}/members"), &json!({"add": [id]}))]
        {
            assert_eq!(reply.violation(404).0, "There is no such group");
        }
        assert_ne!(group(&client, "Tea"), id, "the name is free");
        let by_name = "/addressbook/groups/Caf%C3%A9";
        assert_eq!(client.delete(by_name).expect(200), json!({"success": true}));
        assert_eq!(client.get(by_name).status, 404);
    }

    fn are_created_once_per_idempotency_key(service: &Service) {
        for (path, status) in [("/v1/groups", 201), ("/addressbook/groups", 200)] {
            let client = service.client();
            let send = |body: &str| {
                let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "key")];
                client.send("POST", path, &headers, body.as_bytes())
            };
            let first = send(r#"{"name": "a", "description": "b"}"#);
            let again = send(r#"{"name": "a", "description": "b"}"#);
            assert_eq!(first.expect(status), again.expect(status));
            assert_eq!((first.header("Idempotent-Replayed"), again.header("Idempotent-Replayed")), ("", "true"));
            assert_eq!(send(r#"{"name": "b"}"#).status, 422);
            // In its current state.
            let id = first.json().pointer("/record/id").or(first.json().get("id")).unwrap().as_str().unwrap().to_owned();
            let john = crate::contacts::create(&client, "john", "+4479000000001");
            client.post(&format!("/v1/groups/{id}/members"), &json!({"add": [john["id"]]})).expect(200);
            let now = send(r#"{"name": "a", "description": "b"}"#).json().to_string();
            let then = String::from_utf8(first.body.clone()).unwrap();
            assert!(then.contains(r#""member_count":0"#) == now.contains(r#""member_count":1"#), "{now}");
            assert_eq!(client.post(path, &json!({"name": "a"})).violation(409).2, "taken");
            assert_eq!(client.get("/addressbook/groups").expect(200)["total"], 1);
            client.delete(&format!("/v1/groups/{id}")).expect(204);
            assert_eq!(send(r#"{"name": "a", "description": "b"}"#).status, 410);
        }
    }

    fn can_be_found_by_a_name_that_looks_like_an_id(service: &Service) {
        let client = service.client();
        let name = uuid::Uuid::now_v7().to_string();
        let id = group(&client, &name);
        let john = contact(&client, "john", "+4479000000001");
        let members = format!("/addressbook/groups/{name}/contacts");
        assert_eq!(client.post(&members, &json!({"contacts": [john]})).expect(200)["member_count"], 1);
        assert_eq!(client.get(&members).expect(200)["total"], 1);
        let listed = client.get(&format!("/v1/contacts?group={name}")).expect(200);
        assert_eq!(listed["data"][0]["id"], json!(john));
        let audience = client.post("/v1/audiences", &json!({"recipients": [{"group": name}]})).expect(200);
        assert_eq!(audience["counts"]["recipients"], 1);
        // The id takes precedence: the other group's name does not hide the group.
        let other = group(&client, &id);
        assert_eq!(client.get(&format!("/addressbook/groups/{id}")).expect(200)["record"]["id"], json!(id));
        client.delete(&format!("/addressbook/groups/{id}")).expect(200);
        assert_eq!(client.get(&format!("/addressbook/groups/{id}")).expect(200)["record"]["id"], json!(other));
        client.delete(&format!("/addressbook/groups/{id}")).expect(200);
        client.delete(&format!("/addressbook/groups/{name}")).expect(404);
    }

    fn are_rejected_with_the_path_of_every_violation(service: &Service) {
        let client = service.client();
        let long = "x".repeat(65);
        for (body, field, code) in [
            (json!({}), "name", "required"),
            (json!({"name": " "}), "name", "blank"),
            (json!({"name": long}), "name", "too_long"),
            (json!({"name": "a\u{200b}"}), "name", "forbidden_character"),
            (json!({"name": null}), "name", "required"),
            (json!({"name": "a", "description": "x".repeat(201)}), "description", "too_long"),
            (json!({"name": "a", "members": []}), "members", "unknown"),
        ] {
            for path in ["/v1/groups", "/addressbook/groups"] {
                let (_, at, what) = client.post(path, &body).violation(400);
                assert_eq!((at.as_str(), what.as_str()), (field, code), "{path} {body}");
            }
        }
        let id = group(&client, "a");
        let one = contact(&client, "one", "+4479000000001");
        let many: Vec<_> = (0..1_001).map(|_| &one).collect();
        let (some, rest) = many.split_at(400);
        let members = format!("/v1/groups/{id}/members");
        for (body, field, code) in [
            (json!({}), "add", "no_items"),
            (json!({"add": []}), "add", "no_items"),
            (json!({"add": [], "remove": []}), "add", "no_items"),
            (json!({"add": null}), "add", "no_items"),
            (json!({"add": [one, 5]}), "add.1", "wrong_type"),
            (json!({"add": [one, "john"]}), "add.1", "not_a_uuid"),
            (json!({"add": [one], "remove": ["x"]}), "remove.0", "not_a_uuid"),
            (json!({"add": many}), "add", "too_many_items"),
            (json!({"add": some, "remove": rest}), "remove", "too_many_items"),
        ] {
            let (_, at, what) = client.post(&members, &body).violation(400);
            assert_eq!((at.as_str(), what.as_str()), (field, code), "{body}");
        }
        let contacts = "/addressbook/groups/a/contacts";
        for (body, field, code) in [
            (json!({}), "contacts", "no_items"),
            (json!({"contacts": [one, "x"]}), "contacts.1", "not_an_id_or_phone"),
            (json!({"aliases": ["one", " "]}), "aliases.1", "blank"),
            (json!({"contacts": some, "aliases": vec!["one"; 601]}), "aliases", "too_many_items"),
        ] {
            let (_, at, what) = client.post(contacts, &body).violation(400);
            assert_eq!((at.as_str(), what.as_str()), (field, code), "{body}");
        }
        assert_eq!(client.get(&format!("/addressbook/groups/{long}")).violation(400).2, "too_long");
        assert_eq!(client.get("/v1/groups/a").violation(400).2, "not_a_uuid");
        assert_eq!(client.delete("/addressbook/groups/a/contacts/x").violation(400).1, "contact");
        // One invalid item rejects the whole batch.
        assert_eq!(client.get(&format!("/v1/groups/{id}")).expect(200)["member_count"], 0);
        // The largest batch, with the longest spelling of each item, fits into the body limit.
        assert_eq!(change(&client, &id, &json!({"add": many[1..]})).1.len(), 1_000);
    }

    fn add_and_remove_members(service: &Service) {
        let client = service.client();
        let (id, ids) = (group(&client, "all"), some_contacts(&client, 5));
        let stranger = contact(&service.client(), "stranger", "+4479000000009");
        let add = json!({"add": [ids[2], ids[0], ids[2], stranger]});
        let results = ["added", "added", "already_member", "no_such_contact"];
        assert_eq!(change(&client, &id, &add), (2, results.map(str::to_owned).to_vec()));
        // An empty list is accepted.
        assert_eq!(change(&client, &id, &json!({"add": [ids[0]], "remove": []})), (2, vec!["already_member".to_owned()]));
        let both = json!({"add": [ids[1], ids[0]], "remove": [ids[0], ids[0], ids[4], stranger, ids[1]]});
        let results = ["added", "already_member", "removed", "not_member", "not_member", "no_such_contact", "removed"];
        assert_eq!(change(&client, &id, &both), (1, results.map(str::to_owned).to_vec()));
        let response = client.post(&format!("/v1/groups/{id}/members"), &json!({"add": [ids[4], ids[3]]})).expect(200);
        assert_eq!(values(&response["data"], "id"), [ids[4].as_str(), &ids[3]], "in the order given");

        let path = format!("/v1/groups/{id}/members");
        let newest_first = [&ids[4], &ids[3], &ids[2]];
        let page = client.get(&path).expect(200);
        assert_eq!((values(&page["data"], "id"), &page["has_more"]), (newest_first.map(String::clone).to_vec(), &json!(false)));
        assert_eq!(page["data"][0], client.get(&format!("/v1/contacts/{}", ids[4])).expect(200));
        let first = client.get(&format!("{path}?limit=2"));
        assert_eq!(first.expect(200)["has_more"], true);
        let next = format!("<{path}?limit=2&starting_after={}>; rel=\"next\"", ids[3]);
        assert_eq!(first.header("Link"), next);
        let second = client.get(&format!("{path}?limit=2&starting_after={}", ids[3]));
        assert_eq!(values(&second.expect(200)["data"], "id"), [ids[2].as_str()]);
        let back = client.get(&format!("{path}?limit=2&ending_before={}", ids[2])).expect(200);
        assert_eq!(values(&back["data"], "id"), [ids[4].as_str(), &ids[3]]);

        let page = client.get("/addressbook/groups/all/contacts?offset=1&limit=1").expect(200);
        assert_eq!((values(&page["records"], "id"), &page["total"]), (vec![ids[3].clone()], &json!(3)));
    }

    fn accept_members_by_number_and_by_alias(service: &Service) {
        let client = service.client();
        group(&client, "a b/c");
        let path = "/addressbook/groups/a%20b%2Fc";
        let one = contact(&client, "one", "+4479000000001");
        for name in ["two", "three"] {
            contact(&client, name, "+4479000000002");
        }
        let body = json!({
            "contacts": ["4479000000001", one, "+44 7900 000000 2", "4479000000003"],
            "aliases": ["two", " two ", "nobody"],
        });
        let response = client.post(&format!("{path}/contacts"), &body).expect(200);
        let result = |kind: &str, text: &str, result: &str| json!({kind: text, "outcome": result});
        let expected = json!({"success": true, "member_count": 2, "results": [
            result("contact", "4479000000001", "added"),
            result("contact", &one, "already_member"),
            result("contact", "+44 7900 000000 2", "ambiguous"),
            result("contact", "4479000000003", "no_such_contact"),
            result("alias", "two", "added"),
            result("alias", " two ", "already_member"),
            result("alias", "nobody", "no_such_contact"),
        ]});
        assert_eq!(response, expected);
        let listed = client.get(&format!("{path}/contacts")).expect(200);
        assert_eq!((values(&listed["records"], "alias"), &listed["total"]), (vec!["two".to_owned(), "one".to_owned()], &json!(2)));

        let remove = |contact: &str| client.delete(&format!("{path}/contacts/{contact}"));
        assert_eq!(remove("4479000000001").expect(200), json!({"success": true}));
        assert_eq!(remove(&one).violation(404).0, "There is no such contact in the group");
        assert_eq!(remove("4479000000003").violation(404).0, "There is no such contact");
        assert_eq!(remove("4479000000002").json()["error"]["statusCode"], 409);
        assert_eq!(client.delete(&format!("/addressbook/groups/none/contacts/{one}")).violation(404).0, "There is no such group");
        assert_eq!(client.get(path).expect(200)["record"]["member_count"], 1);
    }

    fn are_listed_in_both_orders(service: &Service) {
        let client = service.client();
        let ids: Vec<_> = ["b", "a", "c"].iter().map(|name| group(&client, name)).collect();
        change(&client, &ids[1], &json!({"add": some_contacts(&client, 3)}));
        let page = client.get("/v1/groups?limit=2");
        assert_eq!(values(&page.expect(200)["data"], "name"), ["c", "a"]);
        assert_eq!(page.expect(200)["data"][1]["member_count"], 3);
        assert_eq!(page.header("Link"), format!("</v1/groups?limit=2&starting_after={}>; rel=\"next\"", ids[1]));
        let page = client.get(&format!("/v1/groups?starting_after={}", ids[1])).expect(200);
        assert_eq!(values(&page["data"], "name"), ["b"]);
        let named = client.get("/v1/groups?name=a").expect(200);
        assert_eq!(values(&named["data"], "id"), [ids[1].as_str()]);
        assert_eq!(client.get("/v1/groups?name=d").expect(200)["data"], json!([]));

        client.delete(&format!("/v1/groups/{}", group(&client, "gone")));
        let list = |query: &str| {
            let page = client.get(&format!("/addressbook/groups?{query}")).expect(200);
            assert_eq!(page["total"], 3, "{query}");
            values(&page["records"], "name").join(" ")
        };
        assert_eq!(list(""), "c a b");
        assert_eq!(list("sortDir=ASC"), "b a c");
        assert_eq!(list("sortField=name"), "c b a");
        assert_eq!(list("sortField=name&sortDir=ASC&offset=1&limit=1"), "b");
        assert_eq!(list("offset=2"), "b");
        assert_eq!(client.get("/addressbook/groups?sortField=alias").violation(400).2, "not_one_of");
    }

    fn filter_contacts(service: &Service) {
        let client = service.client();
        let (id, ids) = (group(&client, "some of them"), some_contacts(&client, 6));
        group(&client, "nobody");
        change(&client, &id, &json!({"add": [ids[0], ids[2], ids[4]]}));
        let list = |query: &str| {
            let page = client.get(&format!("/v1/contacts?{query}"));
            (values(&page.expect(200)["data"], "username").join(" "), page.header("Link").to_owned())
        };
        assert_eq!(list(&format!("group={id}")).0, "c4 c2 c0");
        let (names, link) = list("group=some%20of%20them&limit=2");
        assert_eq!(names, "c4 c2");
        assert!(link.contains("&group=some%20of%20them>"), "{link}");
        assert_eq!(list(&format!("group={id}&starting_after={}", ids[2])).0, "c0");
        assert_eq!(list(&format!("group={id}&ending_before={}&limit=1", ids[0])).0, "c2");
        assert_eq!(list(&format!("group={id}&username=c2")).0, "c2");
        assert_eq!(list(&format!("group={id}&username=c3")).0, "");
        assert_eq!(list(&format!("group={id}&phone_number=447900000004")).0, "c4");
        assert_eq!(list(&format!("group={id}&phone_number=447900000003")).0, "");
        client.patch(&format!("/v1/contacts/{}", ids[0]), &json!({"meta": {"a": 1}})).expect(200);
        assert_eq!(list(&format!("group={id}&updated_since=2020-01-01T00:00:00Z")).0, "c0 c4 c2");
        assert_eq!(list("group=nobody").0, "");
        // Immediately, even if the page was cached before.
        assert_eq!(list(&format!("group={id}")).0, "c4 c2 c0");
        change(&client, &id, &json!({"add": [ids[5]], "remove": [ids[4]]}));
        assert_eq!(list(&format!("group={id}")).0, "c5 c2 c0");
        for query in ["group=none", "group=none&username=c0", &format!("group={}", ids[0])] {
            assert_eq!(client.get(&format!("/v1/contacts?{query}")).violation(404).0, "There is no such group");
        }
        assert_eq!(client.get("/v1/contacts?group=%20").violation(400).1, "group");
    }

    fn are_shown_by_contacts_on_request(service: &Service) {
        let client = service.client();
        let ids = some_contacts(&client, 3);
        let groups = [group(&client, "a"), group(&client, "b")];
        for group in &groups {
            change(&client, group, &json!({"add": [ids[0], ids[2]]}));
        }
        let shown = json!([{"id": groups[1], "name": "b"}, {"id": groups[0], "name": "a"}]);
        let path = format!("/v1/contacts/{}", ids[0]);
        let plain = client.get(&path);
        assert!(plain.expect(200).get("groups").is_none() && !plain.header("ETag").is_empty());
        for headers in [&[][..], &[("If-None-Match", "*")]] {
            let reply = client.send("GET", &format!("{path}?expand=groups"), headers, b"");
            assert_eq!((&reply.expect(200)["groups"], reply.header("ETag")), (&shown, ""));
        }
        let list = |query: &str| {
            let page = client.get(&format!("/v1/contacts?{query}")).expect(200);
            page["data"].as_array().unwrap().iter().map(|contact| contact["groups"].clone()).collect::<Vec<_>>()
        };
        // Twice: the second page is served from the cache, if there is one.
        for _ in 0..2 {
            assert_eq!(list("expand=groups"), [shown.clone(), json!([]), shown.clone()]);
            assert_eq!(list(""), [Value::Null, Value::Null, Value::Null]);
        }
        change(&client, &groups[0], &json!({"add": [ids[1]], "remove": [ids[0]]}));
        client.patch(&format!("/v1/groups/{}", groups[1]), &json!({"name": "c"})).expect(200);
        let (c, a) = (json!({"id": groups[1], "name": "c"}), json!({"id": groups[0], "name": "a"}));
        assert_eq!(list("expand=groups"), [json!([c, a]), json!([a]), json!([c])]);
        assert_eq!(list("expand=groups&group=c&limit=1"), [json!([c, a])]);
        client.delete(&format!("/v1/groups/{}", groups[1]));
        assert_eq!(list("expand=groups"), [json!([a]), json!([a]), json!([])]);
        let link = client.get("/v1/contacts?expand=groups&limit=1").header("Link").to_owned();
        assert!(link.contains("&expand=groups>"), "{link}");
        assert_eq!(client.get("/v1/contacts?expand=group").violation(400).2, "not_one_of");
        assert_eq!(client.get(&format!("{path}?expand=")).violation(400).2, "not_one_of");

        let many: BTreeSet<_> = (0..101).map(|index| group(&client, &format!("g{index}"))).collect();
        for group in &many {
            change(&client, group, &json!({"add": [ids[1]]}));
        }
        let shown = client.get(&format!("/v1/contacts/{}?expand=groups", ids[1])).expect(200);
        assert_eq!(shown["groups"].as_array().unwrap().len(), 100);
    }

    fn lose_deleted_contacts_and_deleting_a_group_keeps_its_contacts(service: &Service) {
        let client = service.client();
        let ids = some_contacts(&client, 3);
        let groups = [group(&client, "a"), group(&client, "b")];
        for group in &groups {
            change(&client, group, &json!({"add": ids}));
        }
        assert_eq!(client.delete(&format!("/v1/contacts/{}", ids[0])).status, 204);
        assert_eq!(client.delete("/addressbook/contacts/447900000001").status, 200);
        for group in &groups {
            let response = client.get(&format!("/v1/groups/{group}")).expect(200);
            assert_eq!(response["member_count"], 1);
            let members = client.get(&format!("/v1/groups/{group}/members")).expect(200);
            assert_eq!(values(&members["data"], "id"), [ids[2].as_str()]);
        }
        assert_eq!(client.delete(&format!("/v1/groups/{}", groups[0])).status, 204);
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 1);
        assert_eq!(client.get(&format!("/v1/contacts/{}?expand=groups", ids[2])).expect(200)["groups"][0]["name"], "b");
        assert_eq!(client.get(&format!("/v1/groups/{}", groups[1])).expect(200)["member_count"], 1);
    }

    fn are_scoped_to_one_account(service: &Service) {
        let (owner, stranger) = (service.client(), service.client());
        let (id, contact) = (group(&owner, "mine"), contact(&owner, "me", "+4479000000001"));
        change(&owner, &id, &json!({"add": [contact]}));
        let mine = owner.get(&format!("/v1/groups/{id}")).expect(200);
        for reply in [
            stranger.get(&format!("/v1/groups/{id}")),
            stranger.patch(&format!("/v1/groups/{id}"), &json!({"name": "yours"})),
            stranger.delete(&format!("/v1/groups/{id}")),
            stranger.get(&format!("/v1/groups/{id}/members")),
            stranger.post(&format!("/v1/groups/{id}/members"), &json!({"remove": [contact]})),
            stranger.get(&format!("/v1/contacts?group={id}")),
            stranger.get("/v1/contacts?group=mine"),
            stranger.get("/addressbook/groups/mine"),
            stranger.delete("/addressbook/groups/mine"),
            stranger.get("/addressbook/groups/mine/contacts"),
            stranger.post("/addressbook/groups/mine/contacts", &json!({"aliases": ["me"]})),
            stranger.delete(&format!("/addressbook/groups/mine/contacts/{contact}")),
        ] {
            assert_eq!(reply.violation(404).0, "There is no such group");
        }
        assert_eq!(stranger.get("/v1/groups").expect(200)["data"], json!([]));
        assert_eq!(stranger.get("/addressbook/groups").expect(200)["total"], 0);
        // The same name, and a group that only contacts of its own account can join.
        let theirs = group(&stranger, "mine");
        assert_eq!(change(&stranger, &theirs, &json!({"add": [contact]})).1, ["no_such_contact"]);
        assert_eq!(owner.get(&format!("/v1/groups/{id}")).expect(200), mine);
        assert_eq!(owner.get(&format!("/v1/contacts/{contact}?expand=groups")).expect(200)["groups"][0]["id"], id);
    }
}
