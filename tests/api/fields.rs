//! `/v1/fields`, and the index that every way of writing maintains.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::harness::change_log::Follower;
use crate::harness::field_index::{declare, wait_until_ready};
use crate::harness::imports::ImportClient;
use crate::harness::{Backend, Client, Service, folder, new_account, new_database};

/// Whether [`Value`] has these members.
#[track_caller]
fn assert_counts(field: &Value, indexed: u64, mismatched: u64) {
    assert_eq!((&field["indexed"], &field["mismatched"]), (&json!(indexed), &json!(mismatched)), "{field}");
}

/// Creates contacts with these `meta`, in one batch; returns their ids.
fn create(client: &Client, metas: impl Iterator<Item = Value>) -> Vec<String> {
    let items: Vec<Value> = metas
        .enumerate()
        .map(|(i, meta)| json!({"username": format!("user{i}"), "phone_number": "+4479000000001", "meta": meta}))
        .collect();
    let mut ids = Vec::new();
    for items in items.chunks(1_000) {
        let batch =
            client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": items})).expect(200);
        let results = batch["results"].as_array().unwrap().iter();
        ids.extend(results.map(|result| result["id"].as_str().unwrap().to_owned()));
    }
    ids
}

/// A value of each kind in turn.
fn meta(i: usize) -> Value {
    match i % 8 {
        0 => json!({"CITY": "London", "AGE": i, "VIP": true, "BORN": "2001-02-03"}),
        1 => json!({"CITY": "Köln", "AGE": -0.5, "VIP": "false", "BORN": "2001-02-03T04:05:06+01:00"}),
        2 => json!({"CITY": i, "AGE": "18", "VIP": false}),
        3 => json!({"CITY": "x".repeat(256), "AGE": "eighteen", "VIP": "yes", "BORN": "3.2.2001"}),
        4 => json!({"CITY": null, "AGE": null, "VIP": null, "BORN": null}),
        5 => json!({"CITY": ["London"], "AGE": {"years": 18}, "VIP": [], "BORN": 20_010_203}),
        6 => json!({"CITY": "", "AGE": 9_007_199_254_740_993_u64, "VIP": "true"}),
        _ => json!({"other": "London"}),
    }
}

on_both_databases! {
    fn is_declared_listed_and_deleted(service: &Service) {
        let client = service.client();
        let reply = client.post("/v1/fields", &json!({"key": "CITY", "type": "text"}));
        let declared = reply.expect(201);
        let path = format!("/v1/fields/{}", declared["id"].as_str().unwrap());
        let expected = json!({
            "id": declared["id"], "key": "CITY", "type": "text", "state": "building", "indexed": 0, "mismatched": 0,
            "created_at": declared["created_at"],
        });
        assert_eq!((&declared, reply.header("Location")), (&expected, path.as_str()));
        let ready = wait_until_ready(&client, &path);
        assert_eq!(ready["id"], declared["id"]);
        let taken = client.post("/v1/fields", &json!({"key": "CITY", "type": "number"}));
        let (message, field, code) = taken.violation(409);
        assert_eq!((message.as_str(), field.as_str(), code.as_str()), ("key is already taken", "key", "taken"));
        assert_eq!(taken.json()["error"]["code"], "field_declared");
        // As the keys of `meta`, it is not trimmed.
        let spaced = declare(&client, " CITY", "boolean");
        let list = client.get("/v1/fields?limit=1").expect(200);
        assert_eq!((&list["data"][0]["key"], &list["has_more"]), (&json!(" CITY"), &json!(true)));
        let found = client.get("/v1/fields?key=CITY").expect(200);
        assert_eq!(found, json!({"data": [ready], "has_more": false}));
        client.delete(&spaced).expect(204);
        client.delete(&spaced).expect(404);
        client.get(&spaced).expect(404);
        assert_eq!(client.get("/v1/fields").expect(200), found);
        // With another type.
        client.delete(&path).expect(204);
        let again = declare(&client, "CITY", "datetime");
        assert_eq!(wait_until_ready(&client, &again)["type"], "datetime");
        for (body, field, code) in [
            (json!({}), "key", "required"),
            (json!({"key": "A"}), "type", "required"),
            (json!({"key": "A", "type": "TEXT"}), "type", "not_one_of"),
            (json!({"key": "", "type": "text"}), "key", "blank"),
            (json!({"key": "x".repeat(65), "type": "text"}), "key", "too_long"),
            (json!({"key": "a\u{0}", "type": "text"}), "key", "nul_character"),
        ] {
            let (_, at, violation) = client.post("/v1/fields", &body).violation(400);
            assert_eq!((at.as_str(), violation.as_str()), (field, code), "{body}");
        }
    }

    fn an_account_has_at_most_20(service: &Service) {
        let client = service.client();
        let paths: Vec<String> = (0..20).map(|i| declare(&client, &format!("KEY{i}"), "text")).collect();
        let one_more = json!({"key": "KEY20", "type": "text"});
        assert_eq!(client.post("/v1/fields", &one_more).expect(422)["error"]["code"], "field_quota");
        assert_eq!(client.get("/v1/fields?limit=100").expect(200)["data"].as_array().unwrap().len(), 20);
        client.delete(&paths[7]).expect(204);
        client.post("/v1/fields", &one_more).expect(201);
        client.post("/v1/fields", &json!({"key": "KEY21", "type": "text"})).expect(422);
    }

    fn accounts_have_fields_of_their_own(service: &Service) {
        let (client, other) = (service.client(), service.client());
        let path = declare(&client, "CITY", "text");
        other.get(&path).expect(404);
        other.delete(&path).expect(404);
        declare(&other, "CITY", "number");
        assert_eq!(client.get(&path).expect(200)["type"], "text");
    }
}

on_each! {
    every_write_maintains_the_index
    a_build_goes_on_after_a_kill
    writes_of_another_instance_know_the_field
}

/// After each way of writing, the index has exactly what the contacts have.
fn every_write_maintains_the_index(backend: Backend) {
    let Some(service) = Service::start(backend, |_| {}) else { return };
    let client = service.client();
    let ids = create(&client, (0..480).map(meta));
    let mut follower = Follower::of(&service.settings.database.database_url, &client);
    let path = |id: &String| format!("/v1/contacts/{id}");

    // What exists is indexed, and what is written during the build.
    let fields: Vec<String> = [("CITY", "text"), ("AGE", "number"), ("VIP", "boolean"), ("BORN", "datetime")]
        .map(|(key, field_type)| declare(&client, key, field_type))
        .to_vec();
    client.patch(&path(&ids[479]), &json!({"meta": {"CITY": "Paris"}})).expect(200);
    client.patch(&path(&ids[0]), &json!({"meta": {"CITY": 7, "AGE": "x"}})).expect(200);
    client.delete(&path(&ids[478])).expect(204);
    follower.assert_agreement();
    let ready: Vec<Value> = fields.iter().map(|field| wait_until_ready(&client, field)).collect();
    follower.assert_agreement();
    // Of 60 of each kind, one of the last two is deleted, and one has a value.
    for (field, [indexed, mismatched]) in
        ready.iter().zip([[240, 120], [239 - 1, 121], [239, 120], [120, 120]])
    {
        let name = &field["key"];
        let expected = match name.as_str().unwrap() {
            "CITY" => [60 + 60 + 60 + 59 + 1, 60 + 60],
            "AGE" => [59 + 60 + 60 + 59, 60 + 60 + 1],
            "VIP" => [60 + 60 + 60 + 59, 60 + 60],
            _ => [60 + 60, 60 + 60],
        };
        assert_eq!(expected, [indexed, mismatched]);
        assert_counts(field, indexed, mismatched);
    }

    // Creates, updates of one field, of none, and to and from what does not fit; renames; another number.
    for (i, body) in [
        json!({"meta": {"CITY": "Leeds"}}),
        json!({"meta": {"CITY": null}}),
        json!({"meta": {"AGE": []}}),
        json!({"meta": {"AGE": 1, "VIP": "no", "BORN": "2020-02-29"}}),
        json!({"meta": null}),
        json!({"display_name": "no meta"}),
        json!({"username": "renamed", "meta": {"CITY": "Rome"}}),
        json!({"username": "renamed again"}),
        json!({"phone_number": "+4479000000002", "meta": {"CITY": "Oslo"}}),
    ]
    .into_iter()
    .enumerate()
    {
        client.patch(&path(&ids[10 + i]), &body).expect(200);
        if body["username"].is_null() {
            client.patch(&path(&ids[9]), &body).expect(200);
        }
        follower.assert_agreement();
    }
    // In groups: each contact is changed by several commands at the same time, and some are deleted.
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            let (client, ids) = (&client, &ids);
            scope.spawn(move || {
                for i in 0..12 {
                    let contact = path(&ids[100 + i]);
                    let city = format!("City {thread}");
                    client.patch(&contact, &json!({"meta": {"CITY": city, "AGE": thread}}));
                    if i % 4 == thread % 4 {
                        client.delete(&contact);
                    }
                    let body = json!({"alias": format!("new-{thread}-{i}"), "msisdn": "4479000000009", "meta": meta(i)});
                    client.post("/addressbook/contacts", &body).expect(200);
                }
            });
        }
    });
    follower.assert_agreement();

    // Batches, with items that fail.
    let items: Vec<Value> = (0..60)
        .map(|i| match i % 3 {
            0 => json!({"username": format!("user{}", 200 + i), "meta": {"CITY": format!("Batch {i}"), "AGE": "y"}}),
            1 => json!({"username": format!("batch{i}"), "phone_number": "+4479000000003", "meta": meta(i)}),
            _ => json!({"username": format!("user{}", 200 + i), "phone_number": "x"}),
        })
        .collect();
    let batch = client.post("/v1/contacts/batch", &json!({"mode": "upsert", "contacts": items})).expect(200);
    assert_eq!(batch["counts"]["failed"], 20);
    follower.assert_agreement();
    let deleted = json!({"ids": ids[300..340]});
    client.post("/v1/contacts/batch/delete", &deleted).expect(200);
    follower.assert_agreement();

    // Imports, and back again.
    let mut csv = "username,phone_number,meta.CITY,meta.AGE,meta.BORN\n".to_owned();
    for row in 0..700 {
        writeln!(csv, "user{},+4479{row:08},Import {row},{row},2000-01-01", 350 + row).unwrap();
    }
    let before = client.get(&fields[0]).expect(200);
    let (import, _) = ImportClient::committed(&client, &json!({}), &csv);
    follower.assert_agreement();
    assert_ne!(client.get(&fields[0]).expect(200)["indexed"], before["indexed"]);
    import.undo();
    follower.assert_agreement();
    assert_eq!(client.get(&fields[0]).expect(200), before);

    // A field that is deleted is not maintained; one that is declared again under its key is.
    client.delete(&fields[0]).expect(204);
    client.patch(&path(&ids[400]), &json!({"meta": {"CITY": "deleted"}})).expect(200);
    follower.assert_agreement();
    let again = declare(&client, "CITY", "number");
    client.patch(&path(&ids[401]), &json!({"meta": {"CITY": 401}})).expect(200);
    wait_until_ready(&client, &again);
    follower.assert_agreement();
    client.delete(&path(&ids[401])).expect(204);
    follower.assert_agreement();
    follower.disconnect();
}

fn start(url: &str) -> ServerProcess {
    let args = ["--bind", "127.0.0.1:0", "--log", "off", "--database-url", url];
    ServerProcess::start(&mut addressbook(&folder(), &args))
}

/// Kills the server while a field is built, and starts it again.
fn a_build_goes_on_after_a_kill(backend: Backend) {
    const CONTACTS: usize = 6_000;
    let Some(url) = new_database(backend) else { return };
    let mut serving = start(&url);
    let key = serving.first_key();
    let client = |serving: &ServerProcess| Client::new(serving.address(), Some(key.clone()));
    let ids = create(&client(&serving), (0..CONTACTS).map(|i| json!({"AGE": i % 50})));
    let mut follower = Follower::of(&url, &client(&serving));
    follower.disconnect();
    let field = declare(&client(&serving), "AGE", "number");
    let mut killed_while_building = 0;
    for kill in 1..=3 {
        let building = loop {
            let building = client(&serving).get(&field).expect(200);
            if building["state"] == "ready" || building["indexed"].as_u64().unwrap() >= 300 * kill {
                break building;
            }
        };
        killed_while_building += usize::from(building["state"] == "building");
        serving.kill();
        serving = start(&url);
        let resumed = client(&serving).get(&field).expect(200);
        assert!(resumed["indexed"].as_u64() >= building["indexed"].as_u64(), "{resumed} after {building}");
        let contact = format!("/v1/contacts/{}", ids[usize::try_from(kill).unwrap() * 1_700]);
        client(&serving).patch(&contact, &json!({"meta": {"AGE": "x"}})).expect(200);
        follower.assert_agreement();
        follower.disconnect();
    }
    assert!(killed_while_building > 0);
    let ready = wait_until_ready(&client(&serving), &field);
    assert_counts(&ready, CONTACTS as u64 - 3, 3);
    follower.assert_agreement();
    follower.disconnect();
}

/// Whichever instance a field is declared at, the others maintain it from their next write on.
fn writes_of_another_instance_know_the_field(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    // SQLite has one instance: there, a group that is being pipelined must know the field.
    let instances = if backend == Backend::Postgres { 2 } else { 1 };
    let services: Vec<Service> = (0..instances).map(|_| Service::start_on(&url, |_| {})).collect();
    let account = new_account();
    let clients: Vec<Client> = (0..2).map(|i| services[i % instances].client_of(&account, &[])).collect();
    let mut follower = Follower::of(&url, &clients[0]);
    // Both know that there is no field.
    let ids = create(&clients[0], (0..40).map(|_| json!({"CITY": "before"})));
    clients[1].patch(&format!("/v1/contacts/{}", ids[0]), &json!({"meta": {"CITY": "before 2"}})).expect(200);
    for round in 0..4 {
        let field = declare(&clients[round % 2], "CITY", "text");
        let other = &clients[(round + 1) % 2];
        let body = json!({"username": format!("new{round}"), "phone_number": "+4479000000001", "meta": {"CITY": "new"}});
        other.post("/v1/contacts", &body).expect(201);
        other.patch(&format!("/v1/contacts/{}", ids[round]), &json!({"meta": {"CITY": round}})).expect(200);
        other.delete(&format!("/v1/contacts/{}", ids[20 + round])).expect(204);
        let ready = wait_until_ready(other, &field);
        follower.assert_agreement();
        assert_counts(&ready, 40, 0);
        clients[round % 2].delete(&field).expect(204);
        other.patch(&format!("/v1/contacts/{}", ids[round]), &json!({"meta": {"CITY": "after"}})).expect(200);
        follower.assert_agreement();
        std::thread::sleep(Duration::from_millis(1));
    }
    follower.disconnect();
}
