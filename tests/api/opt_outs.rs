//! Opt-outs, in both dialects.

use serde_json::{Value, json};

use crate::contacts::{create, path};
use crate::harness::{Client, Reply, new_account};
use addressbook::domain::Permission;

const NUMBER: &str = "+442079460000";

/// Percent-encoded spellings of the number in a path.
const SPELLINGS: [&str; 5] =
    ["442079460000", "%2B442079460000", "00442079460000", "+44%20(20)%207946-0000", "44.20.7946.0000"];

fn opt_out(client: &Client, number: &str) -> Value {
    client.post("/v1/opt_outs", &json!({"phone_number": number})).expect(201)
}

fn is_opted_out(client: &Client, number: &str) -> bool {
    let reply = client.get(&format!("/v1/opt_outs/{number}"));
    assert_eq!(client.get(&format!("/addressbook/optouts/{number}")).status, reply.status);
    reply.status == 200
}

fn total(client: &Client) -> Value {
    client.get("/addressbook/optouts").expect(200)["total"].clone()
}

fn as_record(opt_out: &Value) -> Value {
    json!({
        "id": opt_out["id"],
        "msisdn": opt_out["phone_number"].as_str().unwrap().strip_prefix('+').unwrap(),
        "source": opt_out["source"],
        "note": opt_out["note"],
        "created_on": opt_out["created_at"],
    })
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

on_both_databases! {
    fn a_number_is_opted_out_in_either_dialect(service: &Service) {
        let client = service.client();
        let body = json!({"phone_number": "0044 (0)20 7946-0000", "source": " STOP by SMS ", "note": "Jos\u{65}\u{301}"});
        let reply = client.post("/v1/opt_outs", &body);
        let created = reply.expect(201);
        let expected = json!({
            "id": created["id"], "phone_number": NUMBER, "source": "STOP by SMS", "note": "Jos\u{e9}",
            "created_at": created["created_at"],
        });
        assert_eq!(created, expected);
        let path = format!("/v1/opt_outs/{}", created["id"].as_str().unwrap());
        assert_eq!(reply.header("Location"), path);
        assert_eq!(client.get(&path).expect(200), created);
        for spelling in SPELLINGS {
            assert_eq!(client.get(&format!("/v1/opt_outs/{spelling}")).expect(200), created, "{spelling}");
            let record = client.get(&format!("/addressbook/optouts/{spelling}")).expect(200);
            assert_eq!(record, json!({"success": true, "record": as_record(&created)}), "{spelling}");
        }

        let bare = client.post("/addressbook/optouts", &json!({"msisdn": "14155550100"})).expect(200);
        let bare = bare["record"].clone();
        assert_eq!((&bare["source"], &bare["note"]), (&Value::Null, &Value::Null));
        let shown = client.get(&format!("/v1/opt_outs/{}", bare["id"].as_str().unwrap())).expect(200);
        assert_eq!((as_record(&shown), &shown["phone_number"]), (bare, &json!("+14155550100")));
        assert_eq!(client.get("/v1/opt_outs").expect(200), json!({"has_more": false, "data": [shown, created]}));
    }

    fn an_opt_out_belongs_to_the_number_and_not_to_a_contact(service: &Service) {
        let client = service.client();
        let john = create(&client, "john", NUMBER);
        opt_out(&client, "44 20 7946 0000");
        client.delete(&path(&john)).expect(204);
        assert!(is_opted_out(&client, "442079460000"), "its contact is gone");
        let john = create(&client, "john", "0044.20.79460000");
        assert!(is_opted_out(&client, "442079460000"), "a new contact has the number");
        client.patch(&path(&john), &json!({"phone_number": "+14155550100"})).expect(200);
        assert!(is_opted_out(&client, "442079460000") && !is_opted_out(&client, "14155550100"), "a contact changed its number");
    }

    fn the_first_opt_out_is_kept(service: &Service) {
        let client = service.client();
        let first = client
            .post("/v1/opt_outs", &json!({"phone_number": NUMBER, "source": "SMS", "note": "first"}))
            .expect(201);
        std::thread::sleep(std::time::Duration::from_millis(5));
        let again = json!({"phone_number": "00442079460000", "source": "mail"});
        let reply = client.post("/v1/opt_outs", &again);
        assert_eq!(reply.expect(200), first);
        assert_eq!(reply.header("Location"), format!("/v1/opt_outs/{}", first["id"].as_str().unwrap()));
        let record = client.post("/addressbook/optouts", &json!({"msisdn": NUMBER, "note": "second"})).expect(200);
        assert_eq!(record["record"], as_record(&first));
        assert_eq!(total(&client), 1);
    }

    fn concurrent_opt_outs_of_one_number_create_one(service: &Service) {
        let client = service.client();
        for round in 0..5_u32 {
            let body = json!({"phone_number": format!("+1415555{round:04}")});
            let replies: Vec<Reply> = std::thread::scope(|scope| {
                let racers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| client.clone().post("/v1/opt_outs", &body))).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
            assert!(replies.iter().all(|reply| reply.body == replies[0].body), "one entry");
            assert_eq!(total(&client), round + 1);
        }
    }

    fn concurrent_deletes_succeed_once(service: &Service) {
        let client = service.client();
        opt_out(&client, "+14155550100");
        for _ in 0..5 {
            opt_out(&client, NUMBER);
            let mut statuses: Vec<u16> = std::thread::scope(|scope| {
                let racers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| client.clone().delete("/v1/opt_outs/442079460000").status)).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 404, 404, 404, 404, 404, 404, 404]);
            assert_eq!(total(&client), 1);
        }
    }

    fn source_and_note_of_others_require_the_read_permission(service: &Service) {
        let account = new_account();
        let owner = service.client_of(&account, &[]);
        let said = json!({"phone_number": NUMBER, "source": "sms", "note": "wrote STOP"});
        let id = owner.post("/v1/opt_outs", &said).expect(201)["id"].clone();
        let remarks = |response: &Value| [response["id"].clone(), response["source"].clone(), response["note"].clone()];
        for (permissions, expected) in [
            (vec![Permission::CreateOptOuts], [id.clone(), Value::Null, Value::Null]),
            (vec![Permission::CreateOptOuts, Permission::ReadOptOuts], [id, json!("sms"), json!("wrote STOP")]),
        ] {
            let client = service.client_of(&account, &permissions);
            let response = client.post("/v1/opt_outs", &json!({"phone_number": NUMBER})).expect(200);
            assert_eq!(remarks(&response), expected);
            let response = client.post("/addressbook/optouts", &json!({"msisdn": NUMBER})).expect(200);
            assert_eq!(remarks(&response["record"]), expected);
        }
        // The caller's own source and note are returned.
        let client = service.client_of(&account, &[Permission::CreateOptOuts]);
        let said = json!({"phone_number": "+4479000000777", "source": "web", "note": "asked for it"});
        let response = client.post("/v1/opt_outs", &said).expect(201);
        assert_eq!(remarks(&response)[1..], [json!("web"), json!("asked for it")]);
    }

    fn deleting_requires_its_own_permission(service: &Service) {
        let account = new_account();
        let owner = service.client_of(&account, &[]);
        let by_id = format!("/v1/opt_outs/{}", opt_out(&owner, NUMBER)["id"].as_str().unwrap());
        let others: Vec<_> =
            Permission::ALL.iter().copied().filter(|other| *other != Permission::DeleteOptOuts).collect();
        let client = service.client_of(&account, &others);
        for target in [by_id.as_str(), "/addressbook/optouts/442079460000"] {
            assert!(client.delete(target).violation(403).0.contains("delete:OptOuts"));
        }
        assert!(is_opted_out(&owner, "442079460000"));
        let client = service.client_of(&account, &[Permission::DeleteOptOuts]);
        client.delete(&by_id).expect(204);
        assert!(!is_opted_out(&owner, "442079460000"));
        assert_eq!(client.delete(&by_id).violation(404).0, "There is no such opt-out");

        let first = opt_out(&owner, NUMBER);
        let response = owner.delete("/addressbook/optouts/00%2044%2020%207946%200000").expect(200);
        assert_eq!((response, total(&owner)), (json!({"success": true}), json!(0)));
        // Opted out again: a new opt-out with a new time.
        assert_ne!(opt_out(&owner, NUMBER)["id"], first["id"]);
    }

    fn lists_are_ordered_by_time(service: &Service) {
        let client = service.client();
        let mut created: Vec<String> = (0..15)
            // Not in numeric order.
            .map(|i| opt_out(&client, &format!("+1415555{:04}", (i * 7) % 15))["id"].as_str().unwrap().to_owned())
            .collect();
        created.reverse();

        let (mut seen, mut page) = (Vec::new(), "/v1/opt_outs?limit=4".to_owned());
        let last = loop {
            let reply = client.get(&page);
            seen.extend(ids(&reply.expect(200)["data"]));
            let links = reply.header("Link").to_owned();
            match links.split(", ").find(|link| link.ends_with("rel=\"next\"")) {
                Some(next) => page = next[1..next.find('>').unwrap()].to_owned(),
                None => break reply,
            }
        };
        assert_eq!(seen, created);
        assert_eq!(last.header("Link"), format!("</v1/opt_outs?limit=4&ending_before={}>; rel=\"prev\"", created[12]));
        let data = |query: &str| client.get(&format!("/v1/opt_outs?{query}")).expect(200);
        let before = data(&format!("limit=3&ending_before={}", created[10]));
        assert_eq!((ids(&before["data"]), &before["has_more"]), (created[7..10].to_vec(), &json!(true)));
        let between = data(&format!("starting_after={}&ending_before={}", created[2], created[5]));
        assert_eq!((ids(&between["data"]), &between["has_more"]), (created[3..5].to_vec(), &json!(false)));
        // A cursor remains valid after its opt-out is deleted.
        client.delete(&format!("/v1/opt_outs/{}", created[14])).expect(204);
        assert_eq!(ids(&data(&format!("limit=1&ending_before={}", created[14]))["data"]), created[13..14]);

        let newest = client.get(&format!("/v1/opt_outs/{}", created[0])).expect(200);
        let number = newest["phone_number"].as_str().unwrap().strip_prefix('+').unwrap();
        for query in [format!("phone_number={number}"), format!("phone_number=%2B{number}&limit=1")] {
            assert_eq!(data(&query), json!({"has_more": false, "data": [newest]}), "{query}");
        }
        assert_eq!(data(&format!("phone_number={number}&starting_after={}", created[0]))["data"], json!([]));
        assert_eq!(data("phone_number=442079460000")["data"], json!([]));

        let records = |query: &str| client.get(&format!("/addressbook/optouts{query}")).expect(200);
        let first = records("");
        assert_eq!((ids(&first["records"]), &first["total"]), (created[..10].to_vec(), &json!(14)));
        assert_eq!((&first["offset"], &first["limit"], &first["success"]), (&json!(0), &json!(10), &json!(true)));
        let rest = records("?offset=10&limit=100");
        assert_eq!((ids(&rest["records"]), &rest["offset"]), (created[10..14].to_vec(), &json!(10)));
        let oldest: Vec<_> = created[11..14].iter().rev().cloned().collect();
        assert_eq!(ids(&records("?sortDir=ASC&limit=3")["records"]), oldest);
        assert_eq!(records("?offset=14")["records"], json!([]));
    }

    fn a_repeated_request_creates_one_opt_out(service: &Service) {
        let client = service.client();
        for (path, member, status) in
            [("/v1/opt_outs", "phone_number", 201), ("/addressbook/optouts", "msisdn", 200)]
        {
            let body = json!({member: NUMBER}).to_string();
            let send = |key: &str, body: &str| {
                let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
                client.send("POST", path, &headers, body.as_bytes())
            };
            let first = send("key", &body);
            assert_eq!((first.status, first.header("Idempotent-Replayed")), (status, ""));
            let again = send("key", &body);
            assert_eq!((again.status, &again.body), (status, &first.body));
            assert_eq!(again.header("Idempotent-Replayed"), "true");
            // A retry does not opt the number out again after the opt-out was deleted.
            client.delete("/v1/opt_outs/442079460000").expect(204);
            let message = "The opt-out that the first request with this idempotency key created has been deleted";
            assert_eq!(send("key", &body).violation(410).0, message);
            assert!(!is_opted_out(&client, "442079460000"));
            assert_eq!(send("key", &json!({member: "+14155550100"}).to_string()).status, 422);
            // A response with `is_new: false` is replayed, too.
            assert_eq!(send("other", &body).status, status);
            assert_eq!((send("third", &body).status, send("third", &body).header("Idempotent-Replayed")), (200, "true"));
            client.delete("/v1/opt_outs/442079460000").expect(204);
            assert_eq!(send("third", &body).status, 410);
            assert_eq!(total(&client), 0);
        }
    }

    fn opt_outs_are_scoped_to_the_account(service: &Service) {
        let (owner, stranger) = (service.client(), service.client());
        let id = opt_out(&owner, NUMBER)["id"].as_str().unwrap().to_owned();
        for key in [id.as_str(), "442079460000"] {
            assert!(!is_opted_out(&stranger, key));
            assert_eq!(stranger.delete(&format!("/v1/opt_outs/{key}")).status, 404);
        }
        assert_eq!(stranger.get("/v1/opt_outs").expect(200)["data"], json!([]));
        assert_eq!(total(&stranger), 0);
        let own = opt_out(&stranger, NUMBER);
        assert_ne!(own["id"], json!(id));
        stranger.delete("/v1/opt_outs/442079460000").expect(204);
        assert!(is_opted_out(&owner, "442079460000"));
        assert_eq!(total(&owner), 1);
    }

    fn violations_are_named(service: &Service) {
        let client = service.client();
        for (body, field, code) in [
            (json!({}), "phone_number", "required"),
            (json!({"phone_number": "john"}), "phone_number", "not_a_phone_number"),
            (json!({"phone_number": NUMBER, "source": " "}), "source", "blank"),
            (json!({"phone_number": NUMBER, "source": "x".repeat(65)}), "source", "too_long"),
            (json!({"phone_number": NUMBER, "note": "x".repeat(501)}), "note", "too_long"),
            (json!({"phone_number": NUMBER, "note": "a\nb"}), "note", "forbidden_character"),
            (json!({"phone_number": NUMBER, "reason": "x"}), "reason", "unknown"),
        ] {
            let (_, at, what) = client.post("/v1/opt_outs", &body).violation(400);
            assert_eq!((at.as_str(), what.as_str()), (field, code), "{body}");
        }
        let reply = client.post("/addressbook/optouts", &json!({"phone_number": NUMBER}));
        assert_eq!(reply.violation(400).0, "Msisdn is required");
        for (target, field, code) in [
            ("/v1/opt_outs/john", "opt_out", "not_an_id_or_phone"),
            ("/addressbook/optouts/john", "optout", "not_an_id_or_phone"),
            ("/v1/opt_outs?starting_after=442079460000", "starting_after", "not_a_uuid"),
            ("/v1/opt_outs?source=x", "source", "unknown"),
            ("/addressbook/optouts?sortDir=UP", "sortDir", "not_one_of"),
            ("/addressbook/optouts?sortField=created_on", "sortField", "unknown"),
        ] {
            let (_, at, what) = client.get(target).violation(400);
            assert_eq!((at.as_str(), what.as_str()), (field, code), "{target}");
        }
        assert_eq!(total(&client), 0);
    }
}
