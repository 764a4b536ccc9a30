//! `Idempotency-Key`: a create that is sent again does its work once.

use serde_json::json;

use crate::harness::{Client, Reply, new_account};

fn create(client: &Client, path: &str, key: &str, body: &str) -> Reply {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.send("POST", path, &headers, body.as_bytes())
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
    fn the_same_request_gets_the_first_answer_again(service: &Service) {
        for (path, body, other) in BODIES {
            let account = new_account();
            let client = service.client_of(&account, &[]);
            let first = create(&client, path, "key-1", body);
            assert!((200..300).contains(&first.status), "{}", first.status);
            assert_eq!(first.header("Idempotent-Replayed"), "");

            // Even after the contact has changed, and after it is gone.
            let id = first.json().pointer("/record/id").or(first.json().get("id")).unwrap().as_str().unwrap().to_owned();
            client.patch(&format!("/v1/contacts/{id}"), &json!({"username": "changed"})).expect(200);
            for round in 0..2 {
                // With another key of the same account, too.
                let again = create(&service.client_of(&account, &[]), path, "key-1", body);
                assert_eq!((again.status, &again.body), (first.status, &first.body), "{round}");
                assert_eq!(again.header("Idempotent-Replayed"), "true");
                assert_eq!(again.header("Location"), first.header("Location"));
                assert_eq!(again.header("ETag"), first.header("ETag"));
                if round == 0 {
                    client.delete(&format!("/v1/contacts/{id}")).expect(204);
                }
            }
            assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 0);

            let mismatch = create(&client, path, "key-1", other);
            assert_eq!(mismatch.status, 422);
            let error = &mismatch.json()["error"];
            assert!(error["code"] == "idempotency_key_reused" || error["name"] == "UnprocessableEntityError", "{error}");
            // Another key, another account: another attempt.
            assert!((200..300).contains(&create(&client, path, "key-2", body).status));
            assert!((200..300).contains(&create(&service.client(), path, "key-1", body).status));
            assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 1);
        }
    }

    fn each_operation_has_keys_of_its_own(service: &Service) {
        let client = service.client();
        create(&client, BODIES[0].0, "key", BODIES[0].1).expect(201);
        create(&client, BODIES[1].0, "key", BODIES[1].2).expect(200);
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 2);
    }

    fn a_conflict_is_an_answer_too(service: &Service) {
        let client = service.client();
        let john = crate::v1::create(&client, "john", "+4479000000001");
        let first = create(&client, "/v1/contacts", "key", BODIES[0].1);
        assert_eq!(first.status, 409);
        // The handle is free now; the attempt's answer stands.
        client.delete(&crate::v1::path(&john)).expect(204);
        let again = create(&client, "/v1/contacts", "key", BODIES[0].1);
        assert_eq!((again.status, again.body), (409, first.body));
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 0);
    }

    fn what_was_refused_at_the_edge_is_not_an_attempt(service: &Service) {
        let client = service.client();
        create(&client, "/v1/contacts", "key", "{}").expect(400);
        create(&client, "/v1/contacts", "key", BODIES[0].1).expect(201);
        for key in ["", " ", "a b", &"x".repeat(256), "ü"] {
            let (_, field, _) = create(&client, "/v1/contacts", key, BODIES[0].2).fault(400);
            assert_eq!(field, "Idempotency-Key", "{key}");
        }
        create(&client, "/v1/contacts", &"x".repeat(255), BODIES[0].2).expect(201);
    }

    fn of_many_at_once_one_makes_the_contact(service: &Service) {
        let client = service.client();
        for round in 0..5 {
            let key = format!("round-{round}");
            let body = json!({"username": key, "phone_number": "+4479000000001"}).to_string();
            let replies: Vec<Reply> = std::thread::scope(|scope| {
                let racers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| create(&client.clone(), "/v1/contacts", &key, &body))).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
            assert!(made.iter().all(|reply| reply.body == made[0].body), "one contact");
            assert_eq!(made.iter().filter(|reply| reply.header("Idempotent-Replayed").is_empty()).count(), 1);
            for reply in replies.iter().filter(|reply| reply.status != 201) {
                assert_eq!(reply.expect(409)["error"]["code"], "idempotency_key_in_use");
            }
            let again = create(&client, "/v1/contacts", &key, &body);
            assert_eq!(again.body, made[0].body);
        }
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 5);
    }
}
