//! `Idempotency-Key`: a repeated create has one effect.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::harness::{Backend, Client, Reply, Service, new_account, new_database};

fn create(client: &Client, path: &str, key: &str, body: &str) -> Reply {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.send("POST", path, &headers, body.as_bytes())
}

/// The stored row of a key, if any. (No two tests use the same key for this.)
fn stored_row(service: &Service, key: &str) -> Option<String> {
    let (_, runtime) = service.keys();
    runtime.block_on(async {
        let database = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        let sql = "SELECT contact FROM idempotency_keys WHERE key = $1";
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [key.into()]);
        let rows = database.query_all_raw(statement).await.unwrap();
        database.close().await.unwrap();
        assert!(rows.len() < 2);
        rows.first().map(|row| row.try_get::<Option<String>>("", "contact").unwrap().unwrap_or_default())
    })
}

const BODIES: [(&str, &str, &str); 3] = [
    (
        "/v1/contacts",
        r#"{"username":"john","phone_number":"+4479000000001","meta":{"b":1,"a":2}}"#,
        r#"{"username":"mary","phone_number":"+4479000000001"}"#,
    ),
    (
        "/addressbook/contacts",
        r#"{"alias":"john","msisdn":"4479000000001","meta":{"b":1,"a":2}}"#,
        r#"{"alias":"mary","msisdn":"4479000000001"}"#,
    ),
    (
        "/contacts",
        r#"{"alias":"john","msisdn":"4479000000001","meta":{"b":1,"a":2}}"#,
        r#"{"alias":"mary","msisdn":"4479000000001"}"#,
    ),
];

on_both_databases! {
    fn a_repeated_request_replays_the_first_result(service: &Service) {
        for (path, body, other) in BODIES {
            let account = new_account();
            let client = service.client_of(&account, &[]);
            let first = create(&client, path, "key-1", body);
            assert!((200..300).contains(&first.status), "{}", first.status);
            assert_eq!(first.header("Idempotent-Replayed"), "");

            // With another API key of the same account, too.
            let again = || create(&service.client_of(&account, &[]), path, "key-1", body);
            let same = again();
            assert_eq!((same.status, &same.body), (first.status, &first.body));
            assert_eq!(same.header("Idempotent-Replayed"), "true");
            assert_eq!(same.header("Location"), first.header("Location"));
            assert_eq!(same.header("ETag"), first.header("ETag"));

            // A replay shows the current state, and 410 once the resource is deleted.
            let contact = |reply: &Reply| {
                let json = reply.json();
                json.get("record").cloned().unwrap_or(json)
            };
            let id = contact(&first)["id"].as_str().unwrap().to_owned();
            let at = format!("/v1/contacts/{id}");
            client.patch(&at, &json!({"username": "changed"})).expect(200);
            let changed = again();
            assert_eq!((changed.status, changed.header("Idempotent-Replayed")), (first.status, "true"));
            let name = contact(&changed).get("username").or(contact(&changed).get("alias")).cloned();
            assert_eq!(name, Some(json!("changed")));
            assert_eq!(changed.header("ETag").is_empty(), first.header("ETag").is_empty());
            assert_ne!(changed.body, first.body);
            client.delete(&at).expect(204);
            for _ in 0..2 {
                let replay_after_delete = again();
                let error = &replay_after_delete.expect(410)["error"];
                let message = "The contact that the first request with this idempotency key created has been deleted";
                assert_eq!(error["message"], message);
                assert!(error["code"] == "gone" || error["name"] == "GoneError", "{error}");
                assert_eq!(replay_after_delete.header("Idempotent-Replayed"), "");
            }
            assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 0);

            let mismatch = create(&client, path, "key-1", other);
            assert_eq!(mismatch.status, 422);
            let error = &mismatch.json()["error"];
            assert!(error["code"] == "idempotency_key_reused" || error["name"] == "UnprocessableEntityError", "{error}");
            // Another idempotency key or another account is another request.
            assert!((200..300).contains(&create(&client, path, "key-2", body).status));
            assert!((200..300).contains(&create(&service.client(), path, "key-1", body).status));
            assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 1);
        }
    }

    fn a_replay_shows_what_was_created_to_a_key_that_may_not_read(service: &Service) {
        use addressbook::domain::Permission::{CreateContacts, CreateGroups, CreateTemplates};
        let others = [
            ("/v1/groups", r#"{"name":"a"}"#, ""),
            ("/addressbook/groups", r#"{"name":"a"}"#, ""),
            ("/v1/templates", r#"{"name":"a","text":"Hi"}"#, ""),
        ];
        for (path, body, _) in BODIES.into_iter().chain(others) {
            let account = new_account();
            let create_only = service.client_of(&account, &[CreateContacts, CreateGroups, CreateTemplates]);
            let client = service.client_of(&account, &[]);
            let first = create(&create_only, path, "key", body);
            let id = first.json().pointer("/record/id").or(first.json().get("id")).unwrap().as_str().unwrap().to_owned();
            let (kind, change) = match path {
                "/v1/templates" => ("templates", json!({"text": "Changed"})),
                "/v1/groups" | "/addressbook/groups" => ("groups", json!({"description": "Changed"})),
                _ => ("contacts", json!({"username": "changed", "meta": {"changed": true}})),
            };
            client.patch(&format!("/v1/{kind}/{id}"), &change).expect(200);
            let replay = create(&create_only, path, "key", body);
            assert_eq!((replay.status, &replay.body), (first.status, &first.body), "{path}");
            assert_eq!(replay.header("ETag"), first.header("ETag"));
            assert_eq!(replay.header("Idempotent-Replayed"), "true");
            let now = create(&client, path, "key", body);
            assert!(String::from_utf8_lossy(&now.body).to_lowercase().contains("changed"), "{path}");
        }
    }

    fn keys_are_scoped_to_the_operation(service: &Service) {
        let client = service.client();
        create(&client, BODIES[0].0, "key", BODIES[0].1).expect(201);
        create(&client, BODIES[1].0, "key", BODIES[1].2).expect(200);
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 2);
    }

    fn failed_requests_are_not_stored(service: &Service) {
        for (path, body, _) in BODIES {
            let client = service.client();
            let john = crate::contacts::create(&client, "john", "+4479000000001");
            let key = format!("failed {path}").replace(' ', "-");
            assert_eq!(create(&client, path, &key, body).status, 409);
            assert_eq!(stored_row(service, &key), None);
            client.delete(&crate::contacts::path(&john)).expect(204);
            assert!((200..300).contains(&create(&client, path, &key, body).status));
            assert!(stored_row(service, &key).is_some());
        }
        for path in ["/v1/groups", "/addressbook/groups", "/v1/templates"] {
            let client = service.client();
            let body = if path.contains("groups") { r#"{"name":"a"}"# } else { r#"{"name":"a","text":"Hi"}"# };
            let key = format!("failed {path}").replace(' ', "-");
            let first = create(&client, path, "another", body);
            assert_eq!(create(&client, path, &key, body).status, 409);
            assert_eq!(stored_row(service, &key), None);
            let id = first.json().pointer("/record/id").or(first.json().get("id")).unwrap().as_str().unwrap().to_owned();
            assert!((200..300).contains(&client.delete(&format!("{path}/{id}")).status));
            assert!((200..300).contains(&create(&client, path, &key, body).status), "{path}");
        }
    }

    fn a_key_is_stored_with_an_id_and_nothing_else(service: &Service) {
        let client = service.client();
        let json = |body: Value| body.to_string();
        for (path, body) in [
            ("/v1/contacts", json(json!({"username": "confidant", "phone_number": "+4479000000077", "meta": {"A": "confided"}}))),
            ("/addressbook/contacts", json(json!({"alias": "confidante", "msisdn": "4479000000078", "meta": {"A": "confided"}}))),
            ("/v1/groups", json(json!({"name": "confidants", "description": "confided"}))),
            ("/addressbook/groups", json(json!({"name": "confidantes"}))),
            ("/v1/opt_outs", json(json!({"phone_number": "+4479000000079", "note": "confided"}))),
            ("/addressbook/optouts", json(json!({"msisdn": "4479000000080"}))),
            ("/v1/templates", json(json!({"name": "confidence", "text": "confided"}))),
            ("/v1/audiences", json(json!({"recipients": [{"username": "confidant"}], "keep": true}))),
        ] {
            let key = format!("stored-{path}");
            let first = create(&client, path, &key, &body);
            let id = first.json().pointer("/record/id").or(first.json().get("id")).unwrap().clone();
            let stored: Value = serde_json::from_str(&stored_row(service, &key).unwrap()).unwrap();
            assert_eq!(stored, json!({"id": id, "is_new": true}), "{path}");
            let again = create(&client, path, &key, &body);
            assert_eq!((again.status, again.body), (first.status, first.body), "{path}");
        }
    }

    fn requests_rejected_before_the_handler_reserve_no_key(service: &Service) {
        let client = service.client();
        create(&client, "/v1/contacts", "key", "{}").expect(400);
        create(&client, "/v1/contacts", "key", BODIES[0].1).expect(201);
        for key in ["", " ", "a b", &"x".repeat(256), "ü"] {
            let (_, field, _) = create(&client, "/v1/contacts", key, BODIES[0].2).violation(400);
            assert_eq!(field, "Idempotency-Key", "{key}");
        }
        create(&client, "/v1/contacts", &"x".repeat(255), BODIES[0].2).expect(201);
    }

    fn concurrent_requests_with_one_key_create_one_contact(service: &Service) {
        let client = service.client();
        for round in 0..5 {
            let key = format!("round-{round}");
            let body = json!({"username": key, "phone_number": "+4479000000001"}).to_string();
            let replies: Vec<Reply> = std::thread::scope(|scope| {
                let racers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| create(&client.clone(), "/v1/contacts", &key, &body))).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            let created: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
            assert!(created.iter().all(|reply| reply.body == created[0].body), "one contact");
            assert_eq!(created.iter().filter(|reply| reply.header("Idempotent-Replayed").is_empty()).count(), 1);
            for reply in replies.iter().filter(|reply| reply.status != 201) {
                assert_eq!(reply.expect(409)["error"]["code"], "idempotency_key_in_use");
            }
            let again = create(&client, "/v1/contacts", &key, &body);
            assert_eq!(again.body, created[0].body);
        }
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 5);
    }
}

/// The same request through several instances at once: one is carried out, and all get its result.
#[test]
fn concurrent_requests_through_two_instances_have_one_effect() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let services = [(); 2].map(|()| Service::start_on(&url, |_| {}));
    let first = services[0].client();
    let clients = [first.clone(), Client::new(&services[1].address, first.key.clone())];
    let creates = [
        ("/v1/contacts", r#"{"username":"NAME","phone_number":"+4479000000001"}"#),
        ("/v1/groups", r#"{"name":"NAME"}"#),
        ("/v1/templates", r#"{"name":"NAME","text":"Hello"}"#),
        ("/v1/opt_outs", r#"{"phone_number":"+4479100000NUM"}"#),
    ];
    for (path, body) in creates {
        for round in 0..12 {
            let number = format!("{round:03}");
            let body = body.replace("NAME", &number).replace("NUM", &number);
            let replies: Vec<Reply> = std::thread::scope(|scope| {
                let requests: Vec<_> = (0..8)
                    .map(|i| {
                        scope.spawn({
                            let (clients, number, body) = (&clients, &number, &body);
                            move || create(&clients[i % 2], path, number, body)
                        })
                    })
                    .collect();
                requests.into_iter().map(|request| request.join().unwrap()).collect()
            });
            let mut ids = std::collections::BTreeSet::new();
            for reply in replies {
                // In flight within the same instance, or done.
                if reply.status == 409 {
                    assert_eq!(reply.json()["error"]["code"], "idempotency_key_in_use", "{path} {number}");
                } else {
                    ids.insert(reply.expect(201)["id"].as_str().unwrap().to_owned());
                }
            }
            assert_eq!(ids.len(), 1, "{path} {number}");
        }
    }
}
