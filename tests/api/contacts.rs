//! `/v1/contacts`: operations on one contact.

use serde_json::{Value, json};

use crate::harness::Client;

/// A contact with the required members only.
pub fn create(client: &Client, username: &str, phone_number: &str) -> Value {
    client.post("/v1/contacts", &json!({"username": username, "phone_number": phone_number})).expect(201)
}

pub fn path(contact: &Value) -> String {
    format!("/v1/contacts/{}", contact["id"].as_str().unwrap())
}

on_both_databases! {
    fn creates_with_required_members_only(service: &Service) {
        let client = service.client();
        let reply =
            client.post("/v1/contacts", &json!({"username": " john ", "phone_number": "00 44 (0)7900-000001"}));
        let contact = reply.expect(201);
        assert_eq!(reply.header("Location"), path(&contact));
        assert_eq!(reply.header("ETag"), "\"1\"");
        assert_eq!(
            contact,
            json!({
                "id": contact["id"],
                "username": "john",
                "phone_number": "+447900000001",
                "display_name": "john",
                "avatar_url": null,
                "meta": {},
                "created_at": contact["created_at"],
                "updated_at": contact["created_at"],
            })
        );
        let created = contact["created_at"].as_str().unwrap();
        assert_eq!(created.len(), "2025-11-10T20:15:12.000Z".len(), "{created}");
        assert!(created.ends_with('Z'), "{created}");
        assert_eq!(client.get(&path(&contact)).expect(200), contact);
    }

    fn creates_with_all_members(service: &Service) {
        let body = json!({
            "username": "josé",
            "phone_number": "+4479000000001",
            "display_name": "José \u{1f468}\u{200d}\u{1f469}",
            "avatar_url": "https://example.com/a.png?b=c",
            "meta": {"Z": [1, 2.5, "x", null, true], "A": {"b": {}}},
        });
        let contact = service.client().post("/v1/contacts", &body).expect(201);
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&contact[name], value, "{name}");
        }
        // The order of members is preserved.
        assert_eq!(contact["meta"].to_string(), body["meta"].to_string());
    }

    fn patch_keeps_what_is_absent_clears_what_is_null_and_sets_the_rest(service: &Service) {
        let client = service.client();
        let contact = client
            .post("/v1/contacts", &json!({
                "username": "john", "phone_number": "+4479000000001", "display_name": "J",
                "avatar_url": "https://example.com/a.png", "meta": {"A": 1, "B": {"x": 1, "y": 2}},
            }))
            .expect(201);
        let path = path(&contact);

        let same = client.patch(&path, &json!({})).expect(200);
        assert_eq!(same, contact, "an empty change changes nothing");

        let changed = client
            .patch(&path, &json!({
                "username": "johnny", "display_name": null, "avatar_url": null,
                "meta": {"A": null, "B": {"y": null, "z": 3}, "C": [null]},
            }))
            .expect(200);
        assert_eq!(changed["username"], "johnny");
        assert_eq!(changed["display_name"], "johnny", "follows the username");
        assert_eq!(changed["avatar_url"], Value::Null);
        assert_eq!(changed["phone_number"], "+4479000000001");
        assert_eq!(changed["meta"], json!({"B": {"x": 1, "z": 3}, "C": [null]}));
        assert_eq!(changed["created_at"], contact["created_at"]);
        assert!(changed["updated_at"].as_str() >= contact["updated_at"].as_str());
        assert_eq!(client.get(&path).expect(200), changed);

        let cleared = client.patch(&path, &json!({"meta": null, "display_name": "Jo"})).expect(200);
        assert_eq!(cleared["meta"], json!({}));
        assert_eq!(cleared["display_name"], "Jo");
        let merge_patch = [("Content-Type", "application/merge-patch+json; charset=utf-8")];
        let moved = client.send("PATCH", &path, &merge_patch, br#"{"phone_number":"+14155550100"}"#).expect(200);
        assert_eq!(moved["phone_number"], "+14155550100");
    }

    fn null_leaves_required_members_unchanged(service: &Service) {
        let client = service.client();
        let contact = create(&client, "john", "+4479000000001");
        for name in ["username", "phone_number"] {
            assert_eq!(client.patch(&path(&contact), &json!({name: null})).expect(200), contact);
        }
        let record = json!({"alias": null, "msisdn": null});
        client.post("/addressbook/contacts/4479000000001", &record).expect(200);
        assert_eq!(client.get(&path(&contact)).expect(200), contact);
    }

    fn put_is_equivalent_to_patch(service: &Service) {
        let client = service.client();
        let contact = create(&client, "john", "+4479000000001");
        let path = path(&contact);
        let put = |headers: &[(&str, &str)], body: &Value| {
            let headers = [&[("Content-Type", "application/json")], headers].concat();
            client.send("PUT", &path, &headers, body.to_string().as_bytes())
        };
        let reply = put(&[("If-Match", "\"1\"")], &json!({"display_name": "J", "phone_number": null}));
        assert_eq!(reply.header("ETag"), "\"2\"");
        let changed = reply.expect(200);
        assert_eq!((&changed["username"], &changed["display_name"]), (&json!("john"), &json!("J")));
        assert_eq!(client.get(&path).expect(200), changed);
        assert_eq!(put(&[("If-Match", "\"1\"")], &json!({"display_name": "K"})).status, 412);
        assert_eq!(put(&[], &json!({"name": "x"})).violation(400).2, "unknown");
        create(&client, "mary", "+4479000000002");
        assert_eq!(put(&[], &json!({"username": "mary"})).violation(409).1, "username");
        assert_eq!(client.with_key("no").send("PUT", &path, &[], b"{}").status, 401);
        assert!(client.send("PURGE", &path, &[], b"").header("Allow").contains("PUT"));
        assert_eq!(client.send("PUT", "/v1/contacts", &[], b"{}").status, 405);
    }

    fn a_merge_beyond_the_limits_of_meta_changes_nothing(service: &Service) {
        let client = service.client();
        let many: Value = (0..50).map(|i| (format!("k{i}"), json!(i))).collect::<serde_json::Map<_, _>>().into();
        let contact = client
            .post("/v1/contacts", &json!({"username": "john", "phone_number": "+4479000000001", "meta": many}))
            .expect(201);
        let (message, field, code) =
            client.patch(&path(&contact), &json!({"display_name": "J", "meta": {"one more": 1}})).violation(400);
        assert_eq!((field.as_str(), code.as_str()), ("meta", "too_many_keys"));
        assert_eq!(message, "meta must have at most 50 keys");
        assert_eq!(client.get(&path(&contact)).expect(200), contact);
    }

    fn deletes(service: &Service) {
        let client = service.client();
        let contact = create(&client, "john", "+4479000000001");
        let reply = client.delete(&path(&contact));
        assert_eq!((reply.status, reply.body.len()), (204, 0));
        assert_eq!(client.get(&path(&contact)).status, 404);
        assert_eq!(client.delete(&path(&contact)).status, 404);
        assert_eq!(client.patch(&path(&contact), &json!({"username": "x"})).status, 404);
        // The handle is available again.
        create(&client, "john", "+4479000000001");
    }

    fn a_taken_username_is_a_conflict_and_changes_nothing(service: &Service) {
        let client = service.client();
        let john = create(&client, "john", "+4479000000001");
        let mary = create(&client, "mary", "+4479000000001");
        let reply = client.post("/v1/contacts", &json!({"username": "john", "phone_number": "+14155550100"}));
        assert_eq!(
            reply.expect(409),
            json!({"error": {
                "code": "username_taken",
                "message": "username is already taken",
                "details": [{"field": "username", "code": "taken", "message": "username is already taken"}],
            }})
        );
        let reply = client.patch(&path(&mary), &json!({"username": "john", "display_name": "M"}));
        assert_eq!(reply.expect(409)["error"]["code"], "username_taken");
        assert_eq!(client.get("/v1/contacts").expect(200)["data"], json!([mary, john]));
        // Compared by code points, within the account.
        create(&client, "John", "+4479000000001");
        create(&service.client(), "john", "+4479000000001");
    }

    fn concurrent_creates_with_one_username_succeed_once(service: &Service) {
        let client = service.client();
        for round in 0..5 {
            let body = json!({"username": format!("racer{round}"), "phone_number": "+4479000000001"});
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let racers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| client.clone().post("/v1/contacts", &body).status)).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
            assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
        }
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 5);
    }

    fn no_concurrent_patch_is_lost(service: &Service) {
        let client = service.client();
        let contact = create(&client, "john", "+4479000000001");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (client, path) = (client.clone(), path(&contact));
                scope.spawn(move || {
                    for i in 0..5 {
                        client.patch(&path, &json!({"meta": {format!("{thread}-{i}"): true}})).expect(200);
                    }
                });
            }
        });
        assert_eq!(client.get(&path(&contact)).expect(200)["meta"].as_object().unwrap().len(), 40);
    }

    fn another_accounts_contact_looks_like_a_missing_one(service: &Service) {
        let (owner, stranger) = (service.client(), service.client());
        let contact = create(&owner, "john", "+4479000000001");
        let missing = "/v1/contacts/019a6f5b-0f80-7a79-9ef8-7dc174836688";
        for (method, body) in [("GET", ""), ("PATCH", r#"{"username":"x"}"#), ("DELETE", "")] {
            let foreign = stranger.send_json(method, &path(&contact), body);
            let absent = stranger.send_json(method, missing, body);
            assert_eq!((foreign.status, &foreign.body), (404, &absent.body));
            let names = |reply: &crate::harness::Reply| {
                let mut names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
                names.sort();
                names
            };
            assert_eq!(names(&foreign), names(&absent));
        }
        assert_eq!(stranger.get("/v1/contacts").expect(200)["data"], json!([]));
        assert_eq!(owner.get(&path(&contact)).expect(200), contact);
    }
}
