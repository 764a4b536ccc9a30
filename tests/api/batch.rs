//! Batches: each item has the result of a request of its own, in both dialects.

use std::collections::BTreeSet;
use std::sync::Barrier;

use addressbook::domain::Permission;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Map, Value, json};

use crate::harness::{Backend, Client, Reply, Service, new_account, new_database};

/// A dialect's words.
#[derive(Clone, Copy)]
struct Dialect {
    collection: &'static str,
    handle: &'static str,
    phone: &'static str,
    results: &'static str,
    found: &'static str,
    handles: &'static str,
}

const V1: Dialect = Dialect {
    collection: "/v1/contacts",
    handle: "username",
    phone: "phone_number",
    results: "results",
    found: "data",
    handles: "usernames",
};

const ADDRESS_BOOK: Dialect = Dialect {
    collection: "/addressbook/contacts",
    handle: "alias",
    phone: "msisdn",
    results: "records",
    found: "records",
    handles: "aliases",
};

/// The same operations under their other path.
const ALIAS: Dialect = Dialect { collection: "/contacts", ..ADDRESS_BOOK };

const DIALECTS: [Dialect; 3] = [V1, ADDRESS_BOOK, ALIAS];

impl Dialect {
    fn path(self) -> String {
        format!("{}/batch", self.collection)
    }

    /// The name of a member, from that in v1.
    fn member(self, name: &str) -> &str {
        match name {
            "username" => self.handle,
            "phone_number" => self.phone,
            other => other,
        }
    }

    /// The object with the members of this dialect, in place of those of v1.
    fn item(self, item: &Value) -> Value {
        let Value::Object(members) = item else { return item.clone() };
        let members = members.iter().map(|(name, value)| (self.member(name).to_owned(), value.clone()));
        Value::Object(members.collect::<Map<_, _>>())
    }

    fn body(self, mode: &str, match_by: &str, items: &[Value]) -> Value {
        let match_by = self.member(match_by);
        let items: Vec<Value> = items.iter().map(|item| self.item(item)).collect();
        json!({"mode": mode, "match_by": match_by, "contacts": items})
    }

    /// Sends a batch that is carried out; returns the results, after checking what all have in common.
    #[track_caller]
    fn apply(self, client: &Client, mode: &str, match_by: &str, items: &[Value]) -> Vec<Value> {
        self.results(&client.post(&self.path(), &self.body(mode, match_by, items)), items.len())
    }

    #[track_caller]
    fn results(self, reply: &Reply, items: usize) -> Vec<Value> {
        let body = reply.expect(200);
        assert_eq!(body.get("success").is_some(), self.handle == "alias", "{body}");
        let results = body[self.results].as_array().unwrap().clone();
        assert_eq!(results.len(), items);
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result["index"], index);
            assert_eq!(result["error"].is_object(), result["status"] == "failed", "{result}");
        }
        for status in ["created", "updated", "unchanged", "failed"] {
            let count = results.iter().filter(|result| result["status"] == status).count();
            assert_eq!(body["counts"][status], count, "{body}");
        }
        results
    }

    /// The error of the single create of an item.
    fn create_error(self, client: &Client, item: &Value) -> Value {
        client.post(self.collection, &self.item(item)).json()["error"].clone()
    }

    /// The error of the single update of a contact.
    fn update_error(self, client: &Client, id: &str, item: &Value, if_match: Option<&str>) -> Value {
        let method = if self.handle == "username" { "PATCH" } else { "POST" };
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(if_match.map(|tag| ("If-Match", tag)));
        let body = self.item(item).to_string();
        let path = format!("{}/{id}", self.collection);
        client.send(method, &path, &headers, body.as_bytes()).json()["error"].clone()
    }
}

fn contact(username: &str, number: usize) -> Value {
    json!({"username": username, "phone_number": format!("+4479{number:08}")})
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().unwrap()).collect()
}

/// The code or the name of the error of each item that failed.
fn codes(results: &[Value]) -> Vec<&str> {
    results
        .iter()
        .filter(|result| result["status"] == "failed")
        .map(|result| result["error"]["code"].as_str().or(result["error"]["name"].as_str()).unwrap())
        .collect()
}

/// Everything that an account has, and the number of its last change.
fn state(service: &Service, client: &Client) -> (Value, i64) {
    (client.get("/v1/contacts?limit=100").expect(200), last_change(service, client))
}

/// The number of the last entry of the change log of a client's account.
fn last_change(service: &Service, client: &Client) -> i64 {
    // The id of the key, which the log names.
    let key = client.key.as_deref().unwrap().split('_').nth(2).unwrap().to_owned();
    let sql = "SELECT coalesce(max(sequence), 0) AS last FROM changes WHERE account_id = \
               (SELECT account_id FROM api_keys WHERE id = $1)";
    query(service, sql, &key).map_or(0, |row| row.try_get("", "last").unwrap())
}

fn query(service: &Service, sql: &str, text: &str) -> Option<sea_orm::QueryResult> {
    let (_, runtime) = service.keys();
    runtime.block_on(async {
        let database = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [text.into()]);
        let row = database.query_one_raw(statement).await.unwrap();
        database.close().await.unwrap();
        row
    })
}

fn names(client: &Client) -> BTreeSet<String> {
    let page = client.get("/v1/contacts?limit=100").expect(200);
    let names = page["data"].as_array().unwrap().iter();
    names.map(|contact| contact["username"].as_str().unwrap().to_owned()).collect()
}

on_both_databases! {
    fn creates_fail_alone_as_single_creates_do(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            crate::contacts::create(&client, "taken", "+4479000000001");
            let items = [
                contact("ann", 2),
                contact("taken", 3),
                json!({"username": " ", "phone_number": "x", "meta": 7}),
                json!({}),
                json!({"username": "bob", "phone_number": "+4479000000004", "zzz": 1, "usrname": "b"}),
                json!({"username": "bob", "phone_number": "+4479000000004", "meta": {"m": {"a": {"b": {"c": {"d": {"e": 1}}}}}}}),
                json!({"username": null, "phone_number": "+4479000000004"}),
                json!({"username": "cat", "phone_number": "+4479000000005", "meta": null}),
                json!({"username": "dan", "phone_number": "+4479000000006", "meta": {"A": null, "B": {"c": [1]}}}),
                json!({"username": "big", "phone_number": "+4479000000006", "meta": {"A": "x".repeat(17_000)}}),
                json!({"username": "wrong", "phone_number": "+4479000000006", "meta": {"A": "x".repeat(17_000)}, "zzz": 1}),
            ];
            let results = dialect.apply(&client, "create", "username", &items);
            for (item, result) in items.iter().zip(&results) {
                if result["status"] == "created" {
                    assert_eq!(result[dialect.handle], item["username"]);
                    let path = format!("/v1/contacts/{}", result["id"].as_str().unwrap());
                    let stored = client.get(&path).expect(200);
                    assert_eq!(stored["username"], item["username"]);
                    let meta = if item["meta"].is_null() { json!({}) } else { item["meta"].clone() };
                    assert_eq!((&stored["phone_number"], &stored["meta"]), (&item["phone_number"], &meta));
                } else {
                    assert_eq!(result["error"], dialect.create_error(&client, item), "{item}");
                    assert!(result.get("id").is_none());
                }
            }
            let created: Vec<_> = (0..items.len()).filter(|index| results[*index]["status"] == "created").collect();
            assert_eq!(created, [0, 7, 8]);
        }
    }

    fn an_item_that_is_no_object_or_has_bad_json_fails_alone(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let item = |text: &str| text.replace("NAME", dialect.handle).replace("PHONE", dialect.phone);
            let number = r#""PHONE":"+4479000000001""#;
            let items = [
                format!(r#"{{"NAME":"ann",{number}}}"#),
                "null".to_owned(),
                "[]".to_owned(),
                "7".to_owned(),
                r#""text""#.to_owned(),
                r#"["bob","+4479000000001"]"#.to_owned(),
                format!(r#"{{"NAME":"a","NAME":"b",{number}}}"#),
                format!(r#"{{"NAME":"c",{number},"meta":{{"A":1,"A":2}}}}"#),
                format!(r#"{{"NAME":"d",{number},"meta":{{"A":18446744073709551616}}}}"#),
                format!(r#"{{"NAME":"e",{number},"meta":{{"A":1e400}}}}"#),
                format!(r#"{{"NAME":"\ud800",{number}}}"#),
                format!(r#"{{"NAME":"f\u0000",{number}}}"#),
                format!(r#"{{"NAME":"\u0067",{number},"meta":{{"A":1.5e3}}}}"#),
            ];
            let body = format!(r#"{{"contacts":[{}],"mode":"create"}}"#, item(&items.join(",")));
            let reply = client.send_json("POST", &dialect.path(), &body);
            let results = dialect.results(&reply, items.len());
            let failed = ["failed"; 11];
            assert_eq!(statuses(&results), [&["created"], &failed[..], &["created"]].concat());
            for (json, result) in items.iter().zip(&results).skip(6).take(6) {
                let single = client.send_json("POST", dialect.collection, &item(json)).json();
                // Positions differ.
                let text = |error: &Value| error["message"].as_str().unwrap().split(" at line").next().unwrap().to_owned();
                assert_eq!(text(&result["error"]), text(&single["error"]), "{json}");
                assert_eq!(result["error"]["details"], single["error"]["details"], "{json}");
            }
            for result in &results[1..6] {
                assert_eq!(result["error"]["message"], "The item must be a JSON object");
            }
            assert_eq!(names(&client), BTreeSet::from(["ann".to_owned(), "g".to_owned()]));
        }
    }

    fn an_upsert_updates_what_exists_and_creates_the_rest(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let old = client.post("/v1/contacts", &json!({
                "username": "old", "phone_number": "+4479000000001", "display_name": "O",
                "meta": {"A": 1, "B": {"x": 1, "y": 2}},
            })).expect(201);
            let path = crate::contacts::path(&old);
            let same = crate::contacts::create(&client, "same", "+4479000000002");
            let items = [
                json!({"username": "old", "meta": {"A": null, "B": {"y": 3}}}),
                contact("new", 3),
                json!({"username": "same", "phone_number": "00 44 79000-000002"}),
                json!({"username": "nobody"}),
                json!({"username": "old2", "phone_number": 7}),
                json!({"phone_number": "+4479000000004"}),
            ];
            let before = last_change(service, &client);
            let results = dialect.apply(&client, "upsert", "username", &items);
            assert_eq!(statuses(&results), ["updated", "created", "unchanged", "failed", "failed", "failed"]);
            for index in 3..6 {
                assert_eq!(results[index]["error"], dialect.create_error(&client, &items[index]));
            }
            let stored = client.get(&path);
            assert_eq!(stored.header("ETag"), "\"2\"");
            let stored = stored.expect(200);
            assert_eq!(stored["meta"], json!({"B": {"x": 1, "y": 3}}));
            assert_eq!((&stored["display_name"], &stored["phone_number"]), (&json!("O"), &old["phone_number"]));
            assert_eq!(client.get(&crate::contacts::path(&same)).header("ETag"), "\"1\"");
            assert_eq!(last_change(service, &client), before + 2, "an unchanged contact is not logged");
            assert_eq!((&results[0]["id"], &results[2]["id"]), (&old["id"], &same["id"]));

            // Of an existing contact, an item is what an update says of it.
            let items = [
                json!({"username": "old", "phone_number": "x"}),
                json!({"username": "old", "zzz": 1}),
                json!({"username": "old", "meta": {"B": {"z": "x".repeat(17_000)}}}),
            ];
            for item in &items {
                let results = dialect.apply(&client, "upsert", "username", std::slice::from_ref(item));
                let id = old["id"].as_str().unwrap();
                assert_eq!(results[0]["error"], dialect.update_error(&client, id, item, None), "{item}");
            }
            assert_eq!(client.get(&path).header("ETag"), "\"2\"");
        }
    }

    fn null_clears_what_the_update_clears(service: &Service) {
        let client = service.client();
        let body = json!({
            "username": "a", "phone_number": "+4479000000001", "display_name": "A",
            "avatar_url": "https://example.com/a.png", "meta": {"A": 1},
        });
        let contact = client.post("/v1/contacts", &body).expect(201);
        let cleared = json!({"username": "a", "phone_number": null, "display_name": null, "avatar_url": null, "meta": null});
        assert_eq!(statuses(&V1.apply(&client, "upsert", "username", &[cleared])), ["updated"]);
        let stored = client.get(&crate::contacts::path(&contact)).expect(200);
        assert_eq!((&stored["display_name"], &stored["avatar_url"], &stored["meta"]), (&json!("a"), &Value::Null, &json!({})));
        assert_eq!(stored["phone_number"], "+4479000000001");
        // Of a new contact, null is absent.
        let new = json!({"username": "b", "phone_number": "+4479000000002", "display_name": null, "avatar_url": null, "meta": null});
        assert_eq!(statuses(&V1.apply(&client, "upsert", "username", &[new])), ["created"]);
    }

    fn an_update_needs_its_contact(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let a = crate::contacts::create(&client, "a", "+4479000000001");
            let id = a["id"].as_str().unwrap();
            let missing = "019a6f5b-0f80-7a79-9ef8-7dc174836688";
            let by_name = [
                json!({"username": "a", "meta": {"A": 1}}),
                json!({"username": "nobody", "meta": {"A": 1}}),
                json!({"username": "nobody", "phone_number": "x"}),
                json!({"meta": {"A": 1}}),
            ];
            let results = dialect.apply(&client, "update", "username", &by_name);
            assert_eq!(statuses(&results), ["updated", "failed", "failed", "failed"]);
            assert_eq!(results[1]["error"], dialect.update_error(&client, missing, &json!({}), None));
            assert_eq!(results[2]["error"], dialect.update_error(&client, missing, &json!({"phone_number": "x"}), None));
            assert_eq!(results[3]["error"]["details"][0]["field"], dialect.handle);
            assert_eq!(results[3]["error"]["details"][0]["code"], "required");

            let by_id = [
                json!({"id": id, "meta": {"A": 2}}),
                json!({"id": missing, "meta": {"A": 2}}),
                json!({"id": "x", "meta": {"A": 2}}),
                json!({"meta": {"A": 2}}),
            ];
            let results = dialect.apply(&client, "update", "id", &by_id);
            assert_eq!(statuses(&results), ["updated", "failed", "failed", "failed"]);
            assert_eq!(results[1]["error"], dialect.update_error(&client, missing, &json!({}), None));
            for (result, code) in results[2..].iter().zip(["not_a_uuid", "required"]) {
                assert_eq!((&result["error"]["details"][0]["field"], &result["error"]["details"][0]["code"]), (&json!("id"), &json!(code)));
            }
            assert_eq!(results[0][dialect.handle], "a", "a key that may read contacts sees the name");
            // An id is a member only where it identifies the contact.
            for (mode, match_by) in [("update", "username"), ("upsert", "phone_number"), ("create", "id")] {
                let item = json!({"id": id, "username": "a", "phone_number": "+4479000000001"});
                let results = dialect.apply(&client, mode, match_by, &[item]);
                assert_eq!((&results[0]["error"]["details"][0]["field"], &results[0]["error"]["details"][0]["code"]), (&json!("id"), &json!("unknown")));
            }
        }
    }

    fn an_upsert_by_id_creates_items_without_one(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let a = crate::contacts::create(&client, "a", "+4479000000001");
            let items = [
                json!({"id": a["id"], "username": "renamed"}),
                contact("b", 2),
                json!({"id": "019a6f5b-0f80-7a79-9ef8-7dc174836688", "username": "c", "phone_number": "+4479000000003"}),
                contact("renamed", 3),
            ];
            let results = dialect.apply(&client, "upsert", "id", &items);
            assert_eq!(statuses(&results), ["updated", "created", "failed", "failed"]);
            assert_eq!(results[3]["error"]["message"], "contacts.0 has the same name");
            assert_eq!(names(&client), BTreeSet::from(["renamed".to_owned(), "b".to_owned()]));
        }
    }

    fn a_number_identifies_one_contact_or_none(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let a = crate::contacts::create(&client, "a", "+4479000000001");
            for name in ["b", "c"] {
                crate::contacts::create(&client, name, "+4479000000002");
            }
            let items = [
                json!({"phone_number": "0044 79 000000001", "username": "renamed"}),
                json!({"phone_number": "+4479000000002", "meta": {"A": 1}}),
                json!({"phone_number": "+4479000000002", "meta": 7}),
                json!({"phone_number": "+4479000000003", "username": "new"}),
                json!({"phone_number": "+4479000000003", "username": "new2"}),
                json!({"phone_number": "+4479000000004", "username": "b"}),
            ];
            let results = dialect.apply(&client, "upsert", "phone_number", &items);
            assert_eq!(statuses(&results), ["updated", "failed", "failed", "created", "failed", "failed"]);
            assert_eq!(results[0]["id"], a["id"]);
            let ambiguous = "Several contacts have this phone number; use the id of the contact";
            assert_eq!(results[1]["error"]["message"], ambiguous);
            assert_eq!(results[2]["error"]["details"][0]["field"], "meta", "an invalid item is invalid first");
            assert_eq!(results[4]["error"]["message"], "contacts.3 is about the same contact");
            assert_eq!(results[5]["error"], dialect.create_error(&client, &items[5]), "the name is taken");
            let results = dialect.apply(&client, "update", "phone_number", &[json!({"phone_number": "+4479000000009"})]);
            assert_eq!(codes(&results), [if dialect.handle == "alias" { "NotFoundError" } else { "not_found" }]);
        }
    }

    fn of_several_items_for_one_contact_the_first_counts(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let a = crate::contacts::create(&client, "a", "+4479000000001");
            let code = if dialect.handle == "alias" { "ConflictError" } else { "duplicate_item" };
            let message = |result: &Value| result["error"]["message"].as_str().unwrap().to_owned();

            let items = [contact("n", 1), contact("m", 2), contact(" n ", 3), contact("m", 4), contact("n", 5)];
            let results = dialect.apply(&client, "create", "username", &items);
            assert_eq!(statuses(&results), ["created", "created", "failed", "failed", "failed"]);
            assert_eq!(codes(&results), [code; 3]);
            let first = |index: usize| format!("contacts.{index} is about the same contact");
            assert_eq!(results[2..].iter().map(message).collect::<Vec<_>>(), [first(0), first(1), first(0)]);

            // One that is invalid is about no contact.
            let items = [json!({"username": "a", "meta": 7}), json!({"username": "a", "meta": {"A": 1}}), json!({"username": "a", "meta": {"A": 2}})];
            let results = dialect.apply(&client, "upsert", "username", &items);
            assert_eq!(statuses(&results), ["failed", "updated", "failed"]);
            assert_eq!(message(&results[2]), first(1));
            assert_eq!(client.get(&crate::contacts::path(&a)).header("ETag"), "\"2\"");

            let id = a["id"].as_str().unwrap();
            let items = [json!({"id": id, "meta": {"A": 3}}), json!({"id": id.to_uppercase(), "meta": {"A": 4}})];
            let results = dialect.apply(&client, "update", "id", &items);
            assert_eq!(statuses(&results), ["updated", "failed"]);
            assert_eq!(message(&results[1]), first(0));
        }
    }

    fn a_precondition_is_that_of_the_header(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let ids: Vec<String> = (0..9)
                .map(|i| crate::contacts::create(&client, &format!("c{i}"), "+4479000000001")["id"].as_str().unwrap().to_owned())
                .collect();
            let tags = ["\"1\"", "*", "\"7\", \"1\"", "\"2\"", "W/\"1\"", "1", "", "\"01\"", " * "];
            let items: Vec<Value> =
                ids.iter().zip(tags).map(|(id, tag)| json!({"id": id, "if_match": tag, "meta": {"A": 1}})).collect();
            let results = dialect.apply(&client, "update", "id", &items);
            let expected = ["updated", "updated", "updated", "failed", "failed", "failed", "failed", "failed", "updated"];
            assert_eq!(statuses(&results), expected);
            let stale = V1.update_error(&client, &ids[3], &json!({"meta": {"A": 1}}), Some("\"2\""));
            assert_eq!(results[3]["error"]["message"], stale["message"]);
            assert_eq!(codes(&results), [if dialect.handle == "alias" { "PreconditionFailedError" } else { "precondition_failed" }; 5]);

            // A contact that does not exist has no version.
            let items = [
                json!({"username": "new", "phone_number": "+4479000000001", "if_match": "*"}),
                json!({"username": "c0", "if_match": "\"2\"", "meta": {"A": 2}}),
            ];
            let results = dialect.apply(&client, "upsert", "username", &items);
            assert_eq!(statuses(&results), ["failed", "updated"]);
            let results = dialect.apply(&client, "create", "username", &items[..1]);
            assert_eq!(statuses(&results), ["failed"]);
            let results = dialect.apply(&client, "update", "username", &[json!({"username": "c0", "if_match": 7})]);
            assert_eq!(results[0]["error"]["details"][0]["code"], "wrong_type");
        }
    }

    fn a_rename_to_a_taken_name_fails_alone(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let ids: Vec<Value> = ["a", "b", "c", "d", "e"]
                .iter()
                .map(|name| crate::contacts::create(&client, name, "+4479000000001")["id"].clone())
                .collect();
            let items = [
                json!({"id": ids[0], "username": "b"}),
                json!({"id": ids[1], "username": "a"}),
                json!({"id": ids[2], "username": "free", "phone_number": "+4479000000002"}),
                json!({"id": ids[3], "username": "d", "meta": {"A": 1}}),
                json!({"id": ids[4], "username": "c", "if_match": "\"9\""}),
                contact("e", 3),
            ];
            let results = dialect.apply(&client, "upsert", "id", &items);
            assert_eq!(statuses(&results), ["failed", "failed", "updated", "updated", "failed", "failed"]);
            let id = ids[0].as_str().unwrap();
            let taken = dialect.update_error(&client, id, &json!({"username": "b"}), None);
            assert_eq!((&results[0]["error"], &results[1]["error"]), (&taken, &taken));
            assert!(results[4]["error"]["message"].as_str().unwrap().starts_with("The resource has changed"));
            let expected = ["a", "b", "free", "d", "e"].map(str::to_owned);
            assert_eq!(names(&client), BTreeSet::from(expected));
            for (id, name) in ids.iter().zip(["a", "b", "free", "d", "e"]) {
                let path = format!("/v1/contacts/{}", id.as_str().unwrap());
                assert_eq!(client.get(&path).expect(200)["username"], name);
                let found = client.get(&format!("/v1/contacts?username={name}")).expect(200);
                assert_eq!(found["data"][0]["id"], *id);
            }
        }
    }

    fn an_atomic_batch_is_carried_out_as_a_whole_or_not_at_all(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let a = crate::contacts::create(&client, "a", "+4479000000001");
            for name in ["b", "c"] {
                crate::contacts::create(&client, name, "+4479000000002");
            }
            let good = [json!({"username": "a", "meta": {"A": 1}}), contact("n", 3), contact("m", 4)];
            let before = state(service, &client);
            let at = |member: &str| format!("contacts.3.{member}");
            let number = json!({"phone_number": "+4479000000002"});
            for (mode, match_by, bad, status, said, field) in [
                ("upsert", "username", json!({"username": "x"}), 400, "", at(dialect.phone)),
                ("upsert", "username", json!({"username": "x", "phone_number": "y"}), 400, "", at(dialect.phone)),
                ("upsert", "username", json!([7]), 400, "contacts.3: The item must be a JSON object", String::new()),
                ("upsert", "username", json!({"username": "b", "if_match": "\"7\""}), 412, "contacts.3: The resource has changed", String::new()),
                ("upsert", "username", contact("n", 5), 409, "contacts.3: contacts.1 is about the same contact", String::new()),
                ("create", "username", contact("b", 5), 409, "", at(dialect.handle)),
                ("update", "username", contact("nobody", 5), 404, "contacts.3: There is no such contact", String::new()),
                ("upsert", "phone_number", number, 409, "contacts.3: Several contacts have this phone number", String::new()),
            ] {
                let mut good = good.to_vec();
                match (mode, match_by) {
                    ("create", _) => good[0] = contact("o", 5),
                    ("update", _) => good = ["a", "b", "c"].map(|name| json!({"username": name, "meta": {"A": 1}})).to_vec(),
                    (_, "phone_number") => good[0] = json!({"phone_number": "+4479000000001", "username": "a2"}),
                    _ => {}
                }
                // A later failure, which another item precedes.
                let items = [good, vec![bad.clone(), json!({"zzz": 1})]].concat();
                let mut body = dialect.body(mode, match_by, &items);
                body["atomic"] = json!(true);
                let reply = client.post(&dialect.path(), &body);
                let (message, first, _) = reply.violation(status);
                if field.is_empty() {
                    assert!(message.starts_with(said), "{message}");
                } else {
                    assert_eq!(first, field);
                    assert!(message.to_lowercase().starts_with(&format!("{field} ")), "{message}");
                }
                assert_eq!(state(service, &client), before, "{mode} {match_by} {bad}");
            }
            let mut body = dialect.body("upsert", "username", &good);
            body["atomic"] = json!(true);
            let results = dialect.results(&client.post(&dialect.path(), &body), 3);
            assert_eq!(statuses(&results), ["updated", "created", "created"]);
            assert_eq!(client.get(&crate::contacts::path(&a)).expect(200)["meta"], json!({"A": 1}));
            assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 5);
        }
    }

    fn an_unsound_request_is_rejected_as_a_whole(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let good = dialect.item(&contact("a", 1));
            let other = if dialect.handle == "alias" { "username" } else { "alias" };
            for (body, field, code) in [
                (json!({"contacts": [good]}), "mode", "required"),
                (json!({"mode": "create"}), "contacts", "required"),
                (json!({"mode": "create", "contacts": null}), "contacts", "required"),
                (json!({"mode": "create", "contacts": []}), "contacts", "no_items"),
                (json!({"mode": "create", "contacts": {}}), "contacts", "wrong_type"),
                (json!({"mode": "replace", "contacts": [good]}), "mode", "not_one_of"),
                (json!({"mode": 1, "contacts": [good]}), "mode", "wrong_type"),
                (json!({"mode": "update", "match_by": other, "contacts": [good]}), "match_by", "not_one_of"),
                (json!({"mode": "create", "atomic": "yes", "contacts": [good]}), "atomic", "wrong_type"),
                (json!({"mode": "create", "contacts": [good], "zzz": 1}), "zzz", "unknown"),
                (json!({"mode": "create", "contacts": vec![good.clone(); 1_001]}), "contacts", "too_many_items"),
            ] {
                let (_, at, is) = client.post(&dialect.path(), &body).violation(400);
                assert_eq!((at.as_str(), is.as_str()), (field, code), "{}", body["mode"]);
            }
            for body in ["", "[]", "null", "{", r#"{"mode":"create","contacts":[{]}"#] {
                let reply = client.send_json("POST", &dialect.path(), body);
                assert_eq!(reply.status, 400, "{body}");
            }
            let twice = r#"{"mode":"create","mode":"create","contacts":[{}]}"#;
            assert_eq!(client.send_json("POST", &dialect.path(), twice).violation(400).1, "mode");
            assert!(names(&client).is_empty());
        }
    }

    fn a_repeated_request_gets_the_same_results(service: &Service) {
        for (number, dialect) in DIALECTS.into_iter().enumerate() {
            let account = new_account();
            let client = service.client_of(&account, &[]);
            let a = crate::contacts::create(&client, "a", "+4479000000001");
            let items = [
                json!({"id": a["id"], "meta": {"A": 1}}),
                contact("confidant", 2),
                json!({"id": "x"}),
                json!({"username": "confided"}),
            ];
            let body = dialect.body("upsert", "id", &items);
            let key = format!("batch-{number}-{account}");
            let send = |client: &Client, key: &str, body: &str| {
                let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
                client.send("POST", &dialect.path(), &headers, body.as_bytes())
            };
            let first = send(&client, &key, &body.to_string());
            assert_eq!(statuses(&dialect.results(&first, 4)), ["updated", "created", "failed", "failed"]);
            assert_eq!(first.header("Idempotent-Replayed"), "");
            let before = state(service, &client);
            for client in [&client, &service.client_of(&account, &[])] {
                let again = send(client, &key, &body.to_string());
                assert_eq!((again.status, again.json()), (200, first.json()));
                assert_eq!(again.header("Idempotent-Replayed"), "true");
            }
            assert_eq!(state(service, &client), before);

            // The record has ids and errors, and no names: it may outlive the contacts.
            let hex = if service.settings.database.database_url.starts_with("sqlite") { "hex(result)" } else { "encode(result, 'hex')" };
            let row = query(service, &format!("SELECT contact, {hex} AS result FROM idempotency_keys WHERE key = $1"), &key).unwrap();
            assert_eq!(row.try_get::<Option<String>>("", "contact").unwrap(), None);
            let stored = inflated(&row.try_get::<String>("", "result").unwrap());
            assert!(!stored.contains("confid") && stored.contains("required"), "{stored}");
            let created = first.json()[dialect.results][1]["id"].clone();
            client.delete(&format!("/v1/contacts/{}", created.as_str().unwrap())).expect(204);
            client.patch(&crate::contacts::path(&a), &json!({"username": "b"})).expect(200);
            let again = send(&client, &key, &body.to_string()).json();
            assert_eq!(again["counts"], first.json()["counts"]);
            assert_eq!(again[dialect.results][1], first.json()[dialect.results][1]);
            assert_eq!(again[dialect.results][0][dialect.handle], "b", "a name that was not sent is the current one");

            let other = send(&client, &key, &format!("{body} "));
            assert_eq!(other.status, 422);

            // Results are results, even if all items have failed.
            let all_failed = dialect.body("update", "username", &[contact("later", 1)]).to_string();
            let failed = send(&client, "all-failed", &all_failed);
            assert_eq!(statuses(&dialect.results(&failed, 1)), ["failed"]);
            crate::contacts::create(&client, "later", "+4479000000001");
            let again = send(&client, "all-failed", &all_failed);
            assert_eq!((again.json(), again.header("Idempotent-Replayed")), (failed.json(), "true"));

            // An atomic batch that failed has done nothing, and has not used up its key.
            let mut atomic = dialect.body("create", "username", &[contact("n", 1), contact("later", 1)]);
            atomic["atomic"] = json!(true);
            let atomic = atomic.to_string();
            assert_eq!(send(&client, "atomic", &atomic).status, 409);
            let later = client.get("/v1/contacts?username=later").expect(200)["data"][0].clone();
            client.delete(&crate::contacts::path(&later)).expect(204);
            let done = send(&client, "atomic", &atomic);
            assert_eq!(statuses(&dialect.results(&done, 2)), ["created", "created"]);
            assert_eq!(done.header("Idempotent-Replayed"), "");
        }
    }

    fn the_mode_requires_its_permissions(service: &Service) {
        use Permission::{CreateContacts, ReadContacts, UpdateContacts};
        for dialect in DIALECTS {
            let account = new_account();
            for (mode, missing) in [
                ("create", vec![(vec![UpdateContacts, ReadContacts], "create:Contacts")]),
                ("update", vec![(vec![CreateContacts, ReadContacts], "update:Contacts")]),
                ("upsert", vec![
                    (vec![CreateContacts], "update:Contacts"),
                    (vec![UpdateContacts], "create:Contacts"),
                    (vec![ReadContacts], "create:Contacts and update:Contacts"),
                ]),
            ] {
                let body = dialect.body(mode, "username", &[contact("a", 1)]);
                for (permissions, lacks) in missing {
                    let (message, ..) = service.client_of(&account, &permissions).post(&dialect.path(), &body).violation(403);
                    assert!(message.ends_with(lacks), "{message}");
                }
            }
        }
    }

    fn a_key_that_may_not_read_sees_what_it_sent(service: &Service) {
        use Permission::{CreateContacts, UpdateContacts};
        for dialect in DIALECTS {
            let account = new_account();
            let client = service.client_of(&account, &[]);
            let writer = service.client_of(&account, &[CreateContacts, UpdateContacts]);
            let a = crate::contacts::create(&client, "a", "+4479000000001");
            let by_name = [json!({"username": "a", "meta": {"A": 1}}), contact("b", 2)];
            let results = dialect.apply(&writer, "upsert", "username", &by_name);
            assert_eq!(results[0], json!({"index": 0, "status": "updated", dialect.handle: "a"}));
            assert_eq!(results[1][dialect.handle], "b");
            assert!(results[1]["id"].is_string(), "as a create does");
            let results = dialect.apply(&writer, "update", "id", &[json!({"id": a["id"], "meta": {"A": 1}})]);
            assert_eq!(results[0], json!({"index": 0, "status": "unchanged", "id": a["id"]}));
            let by_number = json!({"phone_number": "+4479000000001", "meta": {"A": 3}});
            let results = dialect.apply(&writer, "update", "phone_number", &[by_number]);
            assert_eq!(results[0], json!({"index": 0, "status": "updated"}));
        }
    }

    fn gets_many_in_the_order_asked(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let contacts: Vec<Value> =
                (0..5).map(|i| crate::contacts::create(&client, &format!("c{i}"), "+4479000000001")).collect();
            let path = format!("{}/get", dialect.path());
            let missing = "019a6f5b-0f80-7a79-9ef8-7dc174836688";
            let body = json!({
                "ids": [contacts[3]["id"], missing, contacts[0]["id"], contacts[3]["id"]],
                dialect.handles: ["c4", "nobody", "c3", " c1 "],
            });
            let found = client.post(&path, &body).expect(200);
            let names: Vec<_> = found[dialect.found].as_array().unwrap().iter().map(|one| one[dialect.handle].as_str().unwrap()).collect();
            assert_eq!(names, ["c3", "c0", "c3", "c4", "c3", "c1"]);
            assert_eq!(found["missing"], json!([{"id": missing}, {dialect.handle: "nobody"}]));
            let single = client.get(&format!("{}/{}", dialect.collection, contacts[3]["id"].as_str().unwrap())).expect(200);
            assert_eq!(found[dialect.found][0], *single.get("record").unwrap_or(&single));

            // A change is seen at once.
            client.patch(&crate::contacts::path(&contacts[3]), &json!({"username": "new", "meta": {"A": 1}})).expect(200);
            let found = client.post(&path, &json!({dialect.handles: ["c3", "new"]})).expect(200);
            assert_eq!(found["missing"], json!([{dialect.handle: "c3"}]));
            assert_eq!(found[dialect.found][0]["meta"], json!({"A": 1}));
            for (body, field, code) in [
                (json!({}), "ids", "no_items"),
                (json!({"ids": ["x"]}), "ids.0", "not_a_uuid"),
                (json!({"ids": [missing], dialect.handles: [""]}), &*format!("{}.0", dialect.handles), "blank"),
                (json!({"ids": vec![missing; 600], dialect.handles: vec!["a"; 600]}), dialect.handles, "too_many_items"),
            ] {
                let (_, at, is) = client.post(&path, &body).violation(400);
                assert_eq!((at.as_str(), is.as_str()), (field, code));
            }
            let other = service.client();
            let found = other.post(&path, &json!({"ids": [contacts[0]["id"]], dialect.handles: ["c1"]})).expect(200);
            assert_eq!((found[dialect.found].as_array().unwrap().len(), found["missing"].as_array().unwrap().len()), (0, 2));
        }
    }

    fn deletes_many_with_their_memberships(service: &Service) {
        for dialect in DIALECTS {
            let client = service.client();
            let contacts: Vec<Value> =
                (0..5).map(|i| crate::contacts::create(&client, &format!("c{i}"), "+4479000000001")).collect();
            let group = client.post("/v1/groups", &json!({"name": "g"})).expect(201);
            let group = format!("/v1/groups/{}", group["id"].as_str().unwrap());
            let ids: Vec<_> = contacts.iter().map(|contact| contact["id"].clone()).collect();
            client.post(&format!("{group}/members"), &json!({"add": ids})).expect(200);
            let body = json!({"ids": [ids[0], ids[1], ids[0]], dialect.handles: ["c1", "c2", "nobody"]});
            // Another account's are out of reach.
            let path = format!("{}/delete", dialect.path());
            let none = service.client().post(&path, &body).expect(200);
            assert_eq!(none["counts"], json!({"deleted": 0, "not_found": 6}));
            let deleted = client.post(&path, &body).expect(200);
            assert_eq!(deleted["counts"], json!({"deleted": 3, "not_found": 3}));
            let expected = json!([
                {"index": 0, "status": "deleted", "id": ids[0]},
                {"index": 1, "status": "deleted", "id": ids[1]},
                {"index": 2, "status": "not_found", "id": ids[0]},
                {"index": 3, "status": "not_found", dialect.handle: "c1"},
                {"index": 4, "status": "deleted", dialect.handle: "c2"},
                {"index": 5, "status": "not_found", dialect.handle: "nobody"},
            ]);
            assert_eq!(deleted["results"], expected);
            assert_eq!(names(&client), BTreeSet::from(["c3".to_owned(), "c4".to_owned()]));
            assert_eq!(client.get(&group).expect(200)["member_count"], 2);
            assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 2);
        }
    }

    fn a_thousand_items_have_their_results_in_order(service: &Service) {
        let client = service.client();
        let items: Vec<Value> = (0..1_000).rev().map(|i| contact(&format!("c{i}"), i)).collect();
        let results = V1.apply(&client, "create", "username", &items);
        for (item, result) in items.iter().zip(&results) {
            assert_eq!((&result["status"], &result["username"]), (&json!("created"), &item["username"]));
        }
        let ids: Vec<&str> = results.iter().map(|result| result["id"].as_str().unwrap()).collect();
        assert!(ids.is_sorted(), "the list shows them in the order of the batch");
        let before = last_change(service, &client);
        let results = V1.apply(&client, "upsert", "username", &items);
        assert!(results.iter().all(|result| result["status"] == "unchanged"));
        assert_eq!(last_change(service, &client), before);
        let renames: Vec<Value> =
            ids.iter().enumerate().map(|(i, id)| json!({"id": id, "username": format!("d{i}"), "phone_number": "+4479000000001"})).collect();
        let results = V1.apply(&client, "update", "id", &renames);
        assert!(results.iter().all(|result| result["status"] == "updated"));
        assert_eq!(last_change(service, &client), before + 1_000);
        let deleted = client.post("/v1/contacts/batch/delete", &json!({"ids": ids})).expect(200);
        assert_eq!(deleted["counts"], json!({"deleted": 1_000, "not_found": 0}));
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 0);
    }

    fn errors_of_items_are_bounded(service: &Service) {
        let client = service.client();
        let unknown = |count: usize| Value::Object((0..count).map(|i| (format!("m{i}"), json!(1))).collect());
        for dialect in DIALECTS {
            let results = dialect.apply(&client, "create", "username", &vec![json!({}); 1_000]);
            assert_eq!(codes(&results).len(), 1_000);
            let many = vec![unknown(100); 1_000];
            let reply = client.post(&dialect.path(), &dialect.body("upsert", "username", &many));
            let results = dialect.results(&reply, 1_000);
            let more = if dialect.handle == "alias" { "moreDetails" } else { "more_details" };
            for result in &results {
                assert_eq!(result["error"]["details"].as_array().unwrap().len(), 10);
                assert_eq!(result["error"][more], true);
            }
            assert!(reply.body.len() < 2_000_000, "{}", reply.body.len());
        }
    }
}

/// A deflated text in hexadecimal.
fn inflated(hex: &str) -> String {
    use std::io::Read;
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    let mut inflated = Vec::new();
    flate2::read::DeflateDecoder::new(&bytes[..]).read_to_end(&mut inflated).unwrap();
    String::from_utf8_lossy(&inflated).into_owned()
}

/// Batches with the same names, through one instance or two, in different orders.
fn concurrent_batches_have_one_winner_for_each_name(backend: Backend) {
    const NAMES: usize = 200;
    const ROUNDS: usize = 6;
    let Some(url) = new_database(backend) else { return };
    let instances = if backend == Backend::Postgres { 2 } else { 1 };
    let services: Vec<_> = (0..instances).map(|_| Service::start_on(&url, |_| {})).collect();
    let first = services[0].client();
    let clients: Vec<Client> =
        services.iter().map(|service| Client::new(&service.address, first.key.clone())).collect();
    for round in 0..ROUNDS {
        let barrier = Barrier::new(4);
        let modes = ["create", "upsert", "upsert", "create"];
        let results: Vec<Vec<Value>> = std::thread::scope(|scope| {
            let threads: Vec<_> = modes
                .iter()
                .enumerate()
                .map(|(thread, mode)| {
                    let (barrier, client) = (&barrier, &clients[thread % clients.len()]);
                    scope.spawn(move || {
                        let mut items: Vec<Value> = (0..NAMES)
                            .map(|i| {
                                json!({
                                    "username": format!("{round}-{i}"),
                                    "phone_number": "+4479000000001",
                                    "meta": {"by": thread},
                                })
                            })
                            .collect();
                        if thread % 2 == 1 {
                            items.reverse();
                        }
                        barrier.wait();
                        let results = V1.apply(client, mode, "username", &items);
                        // By name.
                        if thread % 2 == 1 { results.into_iter().rev().collect() } else { results }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for i in 0..NAMES {
            let of_name: Vec<&Value> = results.iter().map(|results| &results[i]["status"]).collect();
            let created = of_name.iter().filter(|status| ***status == "created").count();
            assert_eq!(created, 1, "{of_name:?}");
            let updates = [1, 2].map(|thread| of_name[thread] == "updated" || of_name[thread] == "created");
            assert_eq!(updates, [true; 2], "{of_name:?}");
        }
    }
    let total = ROUNDS * NAMES;
    assert_eq!(clients[0].get("/addressbook/contacts").expect(200)["total"], total);
}

/// The same request through several instances at once: one is carried out, and all get its results.
fn concurrent_requests_with_one_key_have_one_effect(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let instances = if backend == Backend::Postgres { 2 } else { 1 };
    let services: Vec<_> = (0..instances).map(|_| Service::start_on(&url, |_| {})).collect();
    let first = services[0].client();
    let clients: Vec<Client> =
        services.iter().map(|service| Client::new(&service.address, first.key.clone())).collect();
    for round in 0..8 {
        let items: Vec<Value> = (0..50).map(|i| contact(&format!("{round}-{i}"), i)).collect();
        let mut body = V1.body("create", "username", &items);
        body["atomic"] = json!(round % 2 == 0);
        let body = body.to_string();
        let key = format!("round-{round}");
        let replies: Vec<Reply> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|i| {
                    let (client, key, body) = (&clients[i % clients.len()], &key, &body);
                    scope.spawn(move || {
                        let headers =
                            [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
                        client.send("POST", "/v1/contacts/batch", &headers, body.as_bytes())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut done = Vec::new();
        for reply in &replies {
            if reply.status == 409 {
                assert_eq!(reply.json()["error"]["code"], "idempotency_key_in_use", "{round}");
            } else {
                done.push(reply.expect(200));
            }
        }
        assert_eq!(done[0]["counts"]["created"], 50);
        assert!(done.iter().all(|body| *body == done[0]), "{round}");
        let fresh = replies
            .iter()
            .filter(|reply| reply.status == 200 && reply.header("Idempotent-Replayed").is_empty());
        assert_eq!(fresh.count(), 1);
    }
    assert_eq!(clients[0].get("/addressbook/contacts").expect(200)["total"], 400);
}

on_each! {
    concurrent_batches_have_one_winner_for_each_name
    concurrent_requests_with_one_key_have_one_effect
}
