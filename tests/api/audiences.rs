//! Audiences: the message of each recipient, and the reason for each exclusion.

use std::time::{Duration, Instant};

use addressbook::domain::Permission;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contacts::{create, path};
use crate::harness::{Backend, Client, Service, TIMEOUT, new_account};

fn contact(client: &Client, username: &str, phone_number: &str, meta: Value) -> Value {
    let body = json!({"username": username, "phone_number": phone_number, "meta": meta});
    client.post("/v1/contacts", &body).expect(201)
}

pub fn resolve(client: &Client, body: &Value) -> Value {
    client.post("/v1/audiences", body).expect(200)
}

/// The outcome of each item in order: its index, and the text or the reason.
pub fn outcomes(audience: &Value) -> Vec<(u64, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let index = |entry: &Value| entry["index"].as_u64().unwrap();
    let recipients = audience["recipients"].as_array().unwrap().iter();
    let exclusions = audience["exclusions"].as_array().unwrap().iter();
    let mut all: Vec<_> = recipients
        .map(|entry| (index(entry), text(&entry["text"])))
        .chain(exclusions.map(|entry| (index(entry), text(&entry["reason"]))))
        .collect();
    all.sort();
    all
}

pub fn adds_up(audience: &Value) {
    let count = |name: &str| audience["counts"][name].as_u64().unwrap();
    let length = |name: &str| audience[name].as_array().unwrap().len() as u64;
    assert_eq!(count("asked"), count("recipients") + count("excluded"));
    assert_eq!((count("recipients"), count("excluded")), (length("recipients"), length("exclusions")));
    let parts =
        audience["recipients"].as_array().unwrap().iter().map(|entry| entry["parts"].as_u64().unwrap_or(0));
    assert_eq!(count("parts"), parts.sum::<u64>());
    let problems = audience["problems"].as_array().unwrap().iter();
    assert_eq!(problems.map(|problem| problem["count"].as_u64().unwrap()).sum::<u64>(), count("excluded"));
}

/// A snapshot as `GET` returns it, without its lists, which have pages of their own.
fn without_lists(created: &Value) -> Value {
    let mut kept = created.clone();
    for list in ["recipients", "exclusions"] {
        assert_eq!(kept.as_object_mut().unwrap().remove(list), Some(json!([])));
    }
    kept
}

/// The number of rows of a snapshot: in `audiences` and in `audience_entries`.
fn rows_of(service: &Service, audience: &str) -> (i64, i64) {
    let id = Uuid::parse_str(audience).unwrap();
    let count = |table: &str, column: &str| {
        query(service, &format!("SELECT count(*) FROM {table} WHERE {column} = $1"), [id.into()])
    };
    (count("audiences", "id"), count("audience_entries", "audience_id"))
}

/// The only column of the only row of a query on the service's database.
fn query(service: &Service, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> i64 {
    let (_, runtime) = service.keys();
    runtime.block_on(async {
        let database = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        let value = row.try_get_by_index(0).unwrap();
        database.close().await.unwrap();
        value
    })
}

/// Polls until an asynchronous effect is visible.
#[track_caller]
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "not in {TIMEOUT:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn lines(client: &Client, body: &Value) -> Vec<Value> {
    let headers = [("Content-Type", "application/json"), ("Accept", "text/html, application/x-ndjson;q=0.9")];
    let reply = client.send("POST", "/v1/audiences", &headers, body.to_string().as_bytes());
    assert_eq!((reply.status, reply.header("Content-Type")), (200, "application/x-ndjson"));
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

on_both_databases! {
    fn every_recipient_is_included_or_excluded_with_a_reason(service: &Service) {
        let client = service.client();
        let john = contact(&client, "john", "+4479000000001", json!({"NAME": "John"}));
        contact(&client, "mary", "+442079460000", json!({"Name": "Mary"}));
        contact(&client, "paul", "+4479000000001", json!({"NAME": "Paul"}));
        contact(&client, "anna", "+4479000000002", json!({"NAME": "Anna"}));
        client.post("/v1/opt_outs", &json!({"phone_number": "00447900 0000 002"})).expect(201);
        client.post("/addressbook/optouts", &json!({"msisdn": "14155550100"})).expect(200);
        let audience = resolve(&client, &json!({
            "recipients": [
                {"id": john["id"]},
                {"username": "mary"},
                {"username": "mary", "fields": {"NAME": "Mary Ann"}},
                {"username": "jon"},
                {"username": "anna"},
                {"phone_number": "0044 79 0000 0000 1"},
                {"phone_number": "+1 (415) 555-0100"},
                {"phone_number": "+49 30 1234567", "fields": {"NAME": "someone"}},
                {"phone_number": "004930 1234567", "fields": {"NAME": "someone"}},
                {"phone_number": "+44 20 7946 0000"},
                {"id": "01a20145-586a-701b-84a0-99f2161e882f"},
                {"username": "paul"},
            ],
            "template": {"text": "Hi {{NAME}}"},
        }));
        let expected = [
            "Hi John", "missing_variable", "Hi Mary Ann", "unknown_alias", "opted_out", "ambiguous_number",
            "opted_out", "Hi someone", "duplicate_number", "duplicate_number", "unknown_id", "duplicate_number",
        ];
        let expected: Vec<_> = (0..).zip(expected.map(str::to_owned)).collect();
        assert_eq!(outcomes(&audience), expected);
        adds_up(&audience);
        let first = json!({
            "index": 0, "id": john["id"], "username": "john", "phone_number": "+4479000000001",
            "text": "Hi John", "encoding": "GSM-7", "parts": 1,
        });
        assert_eq!(audience["recipients"][0], first);
        let missing = &audience["exclusions"][0];
        assert_eq!((&missing["variable"], &missing["similar"]), (&json!("NAME"), &json!("Name")));
        assert_eq!(missing["message"], "NAME is missing; Name exists, but names are case-sensitive");
        assert_eq!(audience["exclusions"][1]["named"], "jon");
        assert_eq!(audience["exclusions"][2]["username"], "anna");
    }

    fn the_defaults_can_be_overridden(service: &Service) {
        let client = service.client();
        for (name, number) in [("john", "+4479000000001"), ("paul", "+4479000000001"), ("anna", "+4479000000002")] {
            create(&client, name, number);
        }
        client.post("/v1/opt_outs", &json!({"phone_number": "4479000000002"})).expect(201);
        let everybody = json!([{"all": true}]);
        let count = |options: Value| {
            let mut body = json!({"recipients": everybody, "template": {"text": "Hi {{NAME}}{{contact.alias}}"}, "missing_variables": "blank"});
            body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
            let audience = resolve(&client, &body);
            adds_up(&audience);
            audience["counts"]["recipients"].as_u64().unwrap()
        };
        assert_eq!(count(json!({})), 1);
        assert_eq!(count(json!({"include_opted_out": true})), 2);
        assert_eq!(count(json!({"repeat_numbers": true})), 2);
        assert_eq!(count(json!({"include_opted_out": true, "repeat_numbers": true})), 3);
        assert_eq!(count(json!({"include_opted_out": true, "repeat_numbers": true, "missing_variables": "exclude"})), 0);
        let bare = resolve(&client, &json!({"recipients": everybody}));
        assert_eq!((&bare["counts"]["recipients"], &bare["counts"]["parts"]), (&json!(1), &json!(0)));
        assert!(bare["recipients"][0]["text"].is_null(), "no template, no text");
    }

    fn a_dry_run_returns_counts_and_examples(service: &Service) {
        let client = service.client();
        for index in 0..30 {
            let meta = if index % 3 == 0 { json!({"NAME": "x"}) } else { json!({"NAME": "x", "CITY": "y"}) };
            contact(&client, &format!("u{index}"), &format!("+44790000{index:04}"), meta);
        }
        let body = json!({"recipients": [{"all": true}], "template": {"text": "{{NAME}} in {{CITY}}"}, "dry_run": true});
        let audience = resolve(&client, &body);
        assert_eq!(audience["counts"], json!({"asked": 30, "recipients": 20, "excluded": 10, "parts": 20}));
        assert_eq!((&audience["recipients"], &audience["exclusions"]), (&json!([]), &json!([])));
        let problem = &audience["problems"][0];
        assert_eq!(problem["message"], "10 of 30 lack CITY");
        assert_eq!((&problem["count"], &problem["variable"]), (&json!(10), &json!("CITY")));
        let examples: Vec<_> = problem["examples"].as_array().unwrap().iter().map(|example| example["username"].as_str().unwrap()).collect();
        assert_eq!(examples, ["u27", "u24", "u21", "u18", "u15"], "the first ones, in the order of the list");
        assert_eq!(resolve(&client, &body), audience, "the same request has the same response");
    }

    fn json_lines_contain_the_same_audience(service: &Service) {
        let client = service.client();
        for index in 0..1_203 {
            let number = format!("+44790{:07}", index % 1_000);
            create(&client, &format!("u{index}"), &number);
        }
        let body = json!({"recipients": [{"username": "nobody"}, {"all": true}], "template": {"text": "To {{contact.alias}}"}});
        let audience = resolve(&client, &body);
        adds_up(&audience);
        assert_eq!(audience["counts"], json!({"asked": 1_204, "recipients": 1_000, "excluded": 204, "parts": 1_000}));
        let mut lines = lines(&client, &body);
        let summary = lines.pop().unwrap();
        assert_eq!(summary["summary"], json!({"counts": audience["counts"], "problems": audience["problems"]}));
        let of = |name: &str| -> Vec<Value> { lines.iter().filter_map(|line| line.get(name).cloned()).collect() };
        assert_eq!(json!(of("recipient")), audience["recipients"]);
        assert_eq!(json!(of("exclusion")), audience["exclusions"]);
        assert_eq!(audience["recipients"][0]["username"], "u1202", "the newest first");
        assert!(lines[0]["exclusion"].is_object(), "lines are in the order of the request");
    }

    fn a_snapshot_is_independent_of_later_changes(service: &Service) {
        let client = service.client();
        let contacts: Vec<Value> =
            (0..7).map(|index| contact(&client, &format!("u{index}"), &format!("+447900000{index:03}"), json!({"N": index}))).collect();
        let body = json!({"recipients": [{"username": "nobody"}, {"all": true}], "template": {"text": "{{N}}"}, "keep": true});
        let reply = client.post("/v1/audiences", &body);
        let kept = reply.expect(201);
        let at = format!("/v1/audiences/{}", kept["id"].as_str().unwrap());
        assert_eq!(reply.header("Location"), at);
        assert_eq!(client.get(&at).expect(200), without_lists(&kept));
        assert_eq!(kept["counts"], json!({"asked": 8, "recipients": 7, "excluded": 1, "parts": 7}));

        client.patch(&path(&contacts[0]), &json!({"phone_number": "+447900000009"})).expect(200);
        client.patch(&path(&contacts[1]), &json!({"meta": {"N": "changed"}, "username": "other"})).expect(200);
        client.post("/v1/opt_outs", &json!({"phone_number": "+447900000002"})).expect(201);
        let mut next = format!("{at}/recipients?limit=3");
        let mut texts = Vec::new();
        let mut pages = 0;
        loop {
            let reply = client.get(&next);
            let page = reply.expect(200);
            texts.extend(page["data"].as_array().unwrap().iter().map(|entry| entry["text"].as_str().unwrap().to_owned()));
            pages += 1;
            let link = reply.header("Link").to_owned();
            assert_eq!(page["has_more"], !link.is_empty());
            let Some(target) = link.strip_prefix('<').and_then(|link| link.split('>').next()) else { break };
            next = target.to_owned();
        }
        assert_eq!((texts.join(""), pages), ("6543210".to_owned(), 3));
        let exclusions = client.get(&format!("{at}/exclusions")).expect(200);
        assert_eq!(exclusions["data"][0]["reason"], "unknown_alias");
        assert_eq!(exclusions["data"][0]["position"], 0);
        assert_eq!(client.get(&at).expect(200), without_lists(&kept));
        let stranger = service.client();
        for path in [at.clone(), format!("{at}/recipients"), format!("{at}/exclusions")] {
            assert_eq!(stranger.get(&path).violation(404).0, "There is no such audience", "{path}");
        }
    }

    fn deleting_a_snapshot_deletes_its_entries(service: &Service) {
        let client = service.client();
        (0..3).for_each(|index| drop(create(&client, &format!("u{index}"), &format!("+447900000{index:03}"))));
        let keep = || {
            let body = json!({"recipients": [{"username": "nobody"}, {"all": true}], "keep": true});
            client.post("/v1/audiences", &body).expect(201)["id"].as_str().unwrap().to_owned()
        };
        let (deleted, remaining) = (keep(), keep());
        let at = format!("/v1/audiences/{deleted}");
        assert_eq!(service.client().delete(&at).violation(404).0, "There is no such audience");
        assert_eq!(rows_of(service, &deleted), (1, 4));
        assert!(client.delete(&at).expect(204).is_null());
        for path in [at.clone(), format!("{at}/recipients"), format!("{at}/exclusions")] {
            assert_eq!(client.get(&path).violation(404).0, "There is no such audience", "{path}");
        }
        client.delete(&at).expect(404);
        let listed = client.get("/v1/audiences").expect(200);
        let listed: Vec<_> = listed["data"].as_array().unwrap().iter().map(|audience| &audience["id"]).collect();
        assert_eq!(listed, [&json!(remaining)]);
        wait_until("the rows of a deleted audience are gone", || rows_of(service, &deleted) == (0, 0));
        assert_eq!(rows_of(service, &remaining), (1, 4));
    }

    fn json_lines_are_sent_where_the_client_prefers_them(service: &Service) {
        let client = service.client();
        let media = |accept: &str| {
            let headers = [("Content-Type", "application/json"), ("Accept", accept)];
            let body = json!({"recipients": [{"all": true}]}).to_string();
            client.send("POST", "/v1/audiences", &headers, body.as_bytes()).header("Content-Type").to_owned()
        };
        for accept in ["Application/X-NDJSON", "application/x-ndjson, */*", "application/json;q=0.1, application/x-ndjson"] {
            assert_eq!(media(accept), "application/x-ndjson", "{accept}");
        }
        // A generated client lists all media types of the document, and parses the first.
        for accept in ["*/*", "application/json, application/x-ndjson", "application/x-ndjson;q=0, */*", "no media type"] {
            assert_eq!(media(accept), "application/json", "{accept}");
        }
    }

    fn a_repeated_request_creates_one_snapshot(service: &Service) {
        let client = service.client();
        create(&client, "john", "+4479000000001");
        let post = |body: &Value| {
            let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "campaign-1")];
            client.send("POST", "/v1/audiences", &headers, body.to_string().as_bytes())
        };
        let body = json!({"recipients": [{"all": true}], "keep": true});
        let first = post(&body);
        create(&client, "mary", "+442079460000");
        let second = post(&body);
        assert_eq!(first.expect(201), second.expect(201));
        assert_eq!((first.header("Idempotent-Replayed"), second.header("Idempotent-Replayed")), ("", "true"));
        let other = json!({"recipients": [{"username": "john"}], "keep": true});
        post(&other).expect(422);
    }

    fn a_message_with_nul_is_excluded(service: &Service) {
        let client = service.client();
        contact(&client, "john", "+4479000000001", json!({"NAME": "John"}));
        for text in ["Hi {{ '\\u0000' }}{{ NAME }}", "{{ ('a\\u0000' ~ NAME)() }}", "{{ contact['\\u0000'] }}"] {
            for more in [json!({}), json!({"keep": true})] {
                let mut body = json!({"recipients": [{"all": true}, {"username": "jon"}], "template": {"text": text}});
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                let reply = client.post("/v1/audiences", &body);
                // Some texts cannot even be parsed.
                if reply.status == 400 {
                    continue;
                }
                assert!([200, 201].contains(&reply.status), "{text}: {}", reply.json());
                let audience = reply.json();
                assert_eq!(audience["counts"]["excluded"], 2, "{audience}");
                assert!(!audience.to_string().contains("\\u0000"), "{audience}");
                if reply.status == 201 {
                    let at = format!("/v1/audiences/{}/exclusions", audience["id"].as_str().unwrap());
                    let exclusions = client.get(&at).expect(200);
                    assert_eq!(exclusions["data"].as_array().unwrap().len(), 2);
                }
            }
        }
        let audience = resolve(&client, &json!({"recipients": [{"all": true}], "template": {"text": "{{ '\\u0000' }}"}}));
        assert_eq!(audience["exclusions"][0]["reason"], "template_failed");
        assert!(audience["exclusions"][0]["message"].as_str().unwrap().ends_with("the text contains the character U+0000"));
    }

    fn groups_and_saved_templates_can_be_referenced(service: &Service) {
        let client = service.client();
        let contacts: Vec<Value> = ["anna", "ben", "cleo"]
            .iter()
            .enumerate()
            .map(|(index, name)| contact(&client, name, &format!("+44790000000{index}"), json!({"NAME": name})))
            .collect();
        let group = client.post("/v1/groups", &json!({"name": "customers"})).expect(201);
        let members = format!("/v1/groups/{}/members", group["id"].as_str().unwrap());
        client.post(&members, &json!({"add": [contacts[0]["id"], contacts[2]["id"]]})).expect(200);
        let template = client.post("/v1/templates", &json!({"name": "welcome", "text": "Hi {{NAME}}{{SIGN}}"})).expect(201);
        let texts = |group: &Value, template: Value| -> Vec<String> {
            let body = json!({"recipients": [{"group": group, "fields": {"SIGN": "!"}}, {"username": "ben"}, {"group": "nobody's"}], "template": template});
            let audience = resolve(&client, &body);
            adds_up(&audience);
            outcomes(&audience).into_iter().map(|(_, outcome)| outcome).collect()
        };
        let expected = ["Hi anna!", "Hi cleo!", "missing_variable", "unknown_group"];
        assert_eq!(texts(&group["name"], json!({"name": "welcome"})), expected);
        assert_eq!(texts(&group["id"], json!({"id": template["id"]})), expected);
        let twice = json!({"recipients": [{"group": group["id"]}, {"all": true}, {"group": "customers"}]});
        let (_, field, code) = client.post("/v1/audiences", &twice).violation(400);
        assert_eq!((field.as_str(), code.as_str()), ("recipients.2.group", "duplicate"));
        client.delete(&path(&contacts[2])).expect(204);
        assert_eq!(texts(&group["id"], json!({"id": template["id"]}))[0..2], ["Hi anna!", "missing_variable"]);
        client.delete(&format!("/v1/groups/{}", group["id"].as_str().unwrap())).expect(204);
        assert_eq!(texts(&group["id"], json!({"id": template["id"]}))[0], "unknown_group");

        let unknown = json!({"recipients": [{"all": true}], "template": {"name": "unknown"}});
        assert_eq!(client.post("/v1/audiences", &unknown).violation(404).0, "There is no such template");
        let response = client.post("/addressbook/resolve", &json!({"aliases": ["anna"], "template_name": "welcome", "missing_variables": "blank"})).expect(200);
        assert_eq!(response["records"][0]["text"], "Hi anna");
        let stranger = service.client();
        let other = json!({"recipients": [{"group": "customers"}, {"username": "anna"}, {"id": contacts[1]["id"]}, {"phone_number": "+447900000001"}, {"all": true}]});
        let audience = resolve(&stranger, &other);
        assert_eq!(audience["counts"], json!({"asked": 4, "recipients": 1, "excluded": 3, "parts": 0}));
        assert_eq!(audience["recipients"][0]["id"], Value::Null, "the number alone: it is nobody's here");
    }

    fn the_address_book_resolves_aliases(service: &Service) {
        let client = service.client();
        contact(&client, "john", "+4479000000001", json!({"NAME": "John"}));
        contact(&client, "mary", "+442079460000", json!({}));
        client.post("/addressbook/optouts", &json!({"msisdn": "14155550100"})).expect(200);
        contact(&client, "anna", "+14155550100", json!({"NAME": "Anna"}));
        let body = json!({"aliases": ["john", "mary", "jon", "anna"], "fields": {"mary": {"NAME": "Mary"}}, "template": "Hi {{NAME}} €"});
        let response = client.post("/addressbook/resolve", &body).expect(200);
        assert_eq!(response["success"], true);
        assert_eq!(response["counts"], json!({"asked": 4, "recipients": 2, "excluded": 2, "parts": 2}));
        let texts: Vec<_> = response["records"].as_array().unwrap().iter().map(|record| (record["alias"].as_str().unwrap(), record["msisdn"].as_str().unwrap(), record["text"].as_str().unwrap())).collect();
        assert_eq!(texts, [("john", "4479000000001", "Hi John €"), ("mary", "442079460000", "Hi Mary €")]);
        let reasons: Vec<_> = response["excluded"].as_array().unwrap().iter().map(|record| (record["alias"].as_str().unwrap(), record["reason"].as_str().unwrap())).collect();
        assert_eq!(reasons, [("jon", "unknown_alias"), ("anna", "opted_out")]);
        let reply = client.post("/addressbook/resolve", &json!({"aliases": ["john"], "template": "Hi {{ NAME"}));
        let (message, field, code) = reply.violation(400);
        assert_eq!((field.as_str(), code.as_str()), ("template", "template_syntax"));
        assert!(message.contains("line 1, column 7"), "{message}");
    }

    fn recipients_are_looked_up_in_their_current_state(service: &Service) {
        let client = service.client();
        let other = service.client_of(&new_account(), Permission::ALL);
        let john = contact(&client, "john", "+4479000000001", json!({"NAME": "John"}));
        contact(&other, "john", "+4479000000009", json!({"NAME": "Another"}));
        let names = json!({
            "recipients": [{"username": "john"}, {"username": "johnny"}, {"id": john["id"]}],
            "template": {"text": "{{ NAME }} {{ contact.msisdn }}"},
            "repeat_numbers": true,
        });
        // Twice each: on SQLite the second lookup is served from the cache.
        let is_now = |expected: [&str; 3]| {
            for _ in 0..2 {
                let texts = outcomes(&resolve(&client, &names)).into_iter().map(|(_, text)| text);
                assert_eq!(texts.collect::<Vec<_>>(), expected);
            }
        };
        is_now(["John 4479000000001", "unknown_alias", "John 4479000000001"]);
        client.patch(&path(&john), &json!({"username": "johnny"})).expect(200);
        is_now(["unknown_alias", "John 4479000000001", "John 4479000000001"]);
        client.patch(&path(&john), &json!({"meta": {"NAME": "Johnny"}, "phone_number": "+4479000000002"})).expect(200);
        is_now(["unknown_alias", "Johnny 4479000000002", "Johnny 4479000000002"]);
        client.post("/v1/opt_outs", &json!({"phone_number": "+4479000000002"})).expect(201);
        is_now(["unknown_alias", "opted_out", "opted_out"]);
        client.delete("/v1/opt_outs/+4479000000002").expect(204);
        is_now(["unknown_alias", "Johnny 4479000000002", "Johnny 4479000000002"]);
        contact(&client, "john", "+4479000000003", json!({"NAME": "Heir"}));
        is_now(["Heir 4479000000003", "Johnny 4479000000002", "Johnny 4479000000002"]);
        client.delete(&path(&john)).expect(204);
        is_now(["Heir 4479000000003", "unknown_alias", "unknown_id"]);
        contact(&client, "johnny", "+4479000000004", json!({"NAME": "New"}));
        is_now(["Heir 4479000000003", "New 4479000000004", "unknown_id"]);
    }

    fn invalid_requests_report_the_path_of_each_violation(service: &Service) {
        let client = service.client();
        let violation = |body: Value| {
            let (_, field, code) = client.post("/v1/audiences", &body).violation(400);
            (field, code)
        };
        let john = json!({"username": "john"});
        for (body, field, code) in [
            (json!({}), "recipients", "required"),
            (json!({"recipients": "john"}), "recipients", "wrong_type"),
            (json!({"recipients": [john, {"username": 1}]}), "recipients.1.username", "wrong_type"),
            (json!({"recipients": [john, {}]}), "recipients.1", "not_exactly_one"),
            (json!({"recipients": [{"username": "a", "all": true}]}), "recipients.0", "not_exactly_one"),
            (json!({"recipients": [{"all": false}]}), "recipients.0.all", "not_one_of"),
            (json!({"recipients": [{"phone_number": "x"}]}), "recipients.0.phone_number", "not_a_phone_number"),
            (json!({"recipients": [{"username": "a", "fields": {"": 1}}]}), "recipients.0.fields", "key_length"),
            (json!({"recipients": [{"username": "a", "x": 1}]}), "recipients.0.x", "unknown"),
            (json!({"recipients": [{"all": true}, john, {"all": true}]}), "recipients.2.all", "duplicate"),
            (json!({"recipients": [{"group": "g"}, {"group": "h"}, {"group": "g"}]}), "recipients.2.group", "duplicate"),
            (json!({"recipients": vec![john.clone(); 1_001]}), "recipients", "too_many_items"),
            (json!({"recipients": [john], "template": {}}), "template", "not_exactly_one"),
            (json!({"recipients": [john], "template": {"text": "{{ A | b }}"}}), "template.text", "template_syntax"),
            (json!({"recipients": [john], "missing_variables": "x"}), "missing_variables", "not_one_of"),
            (json!({"recipients": [john], "limit": 1}), "limit", "unknown"),
            (json!({"recipients": [{"username": null}]}), "recipients.0", "not_exactly_one"),
            (json!({"recipients": [["john"]]}), "recipients.0", "wrong_type"),
        ] {
            assert_eq!(violation(body.clone()), (field.to_owned(), code.to_owned()), "{body}");
        }
    }
}

/// An operator's settings limit the response.
#[test]
fn an_audience_beyond_its_limit_is_rejected_completely() {
    let service = Service::start(Backend::Sqlite, |settings| {
        settings.limits.audience_answer_limit = 3;
        settings.limits.audience_kept_limit = 4;
        settings.storage.audience_ttl = std::time::Duration::from_millis(400);
    });
    let (service, everybody) = (service.unwrap(), json!([{"all": true}]));
    let client = service.client();
    let add = |name: &str| create(&client, name, &format!("+4479{:08}", fastrand::u32(..100_000_000)));
    (0..3).for_each(|index| drop(add(&format!("u{index}"))));
    let body = |more: Value| {
        let mut body = json!({"recipients": everybody});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    assert_eq!(resolve(&client, &body(json!({})))["counts"]["asked"], 3);
    add("u3");
    let (message, ..) = client.post("/v1/audiences", &body(json!({}))).violation(422);
    assert!(message.contains("application/x-ndjson"), "{message}");
    assert_eq!(lines(&client, &body(json!({}))).len(), 5);
    assert_eq!(resolve(&client, &body(json!({"dry_run": true})))["counts"]["asked"], 4);
    let kept = client.post("/v1/audiences", &body(json!({"keep": true}))).expect(201);
    let at = format!("/v1/audiences/{}", kept["id"].as_str().unwrap());
    client.get(&at).expect(200);
    add("u4");
    let keyed = || {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "k")];
        client.send("POST", "/v1/audiences", &headers, body(json!({"keep": true})).to_string().as_bytes())
    };
    keyed().expect(422);
    keyed().expect(422);
    std::thread::sleep(std::time::Duration::from_millis(500));
    client.get(&at).expect(404);
    client.get(&format!("{at}/recipients")).expect(404);
}
