//! `/addressbook/contacts` and its alias `/contacts`.

use serde_json::{Value, json};

use crate::harness::Client;

/// The request of the contract.
const EXAMPLE: &str = r#"{
    "alias": "john",
    "msisdn": "4479000000001",
    "meta": {
      "NAME": "John",
      "CITY": "London"
    }
  }"#;

fn create(client: &Client, alias: &str, msisdn: &str) -> Value {
    let response =
        client.post("/addressbook/contacts", &json!({"alias": alias, "msisdn": msisdn})).expect(200);
    assert_eq!(response["success"], true);
    response["record"].clone()
}

on_both_databases! {
    fn the_contracts_example_works_on_both_paths(service: &Service) {
        for path in ["/addressbook/contacts", "/contacts"] {
            let client = service.client();
            let response = client.send_json("POST", path, EXAMPLE).expect(200);
            let record = &response["record"];
            assert_eq!(
                response,
                json!({"success": true, "record": {
                    "id": record["id"],
                    "alias": "john",
                    "msisdn": "4479000000001",
                    "meta": {"NAME": "John", "CITY": "London"},
                    "created_on": record["created_on"],
                    "updated_on": record["created_on"],
                }})
            );
            let id = record["id"].as_str().unwrap();
            assert_eq!(id.len(), 36);
            let created = record["created_on"].as_str().unwrap();
            assert!(created.ends_with('Z') && created.len() == 24, "{created}");
            for name in [id, "4479000000001", "+4479000000001", "00%2044%2079-000000001", &id.to_uppercase()] {
                assert_eq!(client.get(&format!("{path}/{name}")).expect(200), response, "{name}");
            }
            // Both paths serve the same contacts.
            assert_eq!(client.get(&format!("/addressbook/contacts/{id}")).expect(200), response);
            assert_eq!(client.get(&format!("/contacts/{id}")).expect(200), response);
        }
    }

    fn the_contracts_error_is_reproduced_literally(service: &Service) {
        let response = service.client().post("/addressbook/contacts", &json!({"msisdn": "4479000000001"})).expect(400);
        assert_eq!(response["success"], false);
        assert_eq!(response["error"]["name"], "ValidationError");
        assert_eq!(response["error"]["statusCode"], 400);
        assert_eq!(response["error"]["message"], "Alias is required");
    }

    fn lists_with_offset_and_total(service: &Service) {
        let client = service.client();
        let empty = client.get("/addressbook/contacts").expect(200);
        assert_eq!(empty, json!({"success": true, "records": [], "offset": 0, "limit": 10, "total": 0}));
        let created: Vec<Value> =
            [("b", "4479000000003"), ("a", "14155550100"), ("C", "4479000000002"), ("é", "14155550100")]
                .into_iter()
                .map(|(alias, msisdn)| create(&client, alias, msisdn))
                .collect();
        let aliases = |query: &str| {
            let list = client.get(&format!("/addressbook/contacts?{query}")).expect(200);
            assert_eq!((&list["success"], &list["total"]), (&json!(true), &json!(4)));
            list["records"].as_array().unwrap().iter().map(|record| record["alias"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(aliases(""), ["é", "C", "a", "b"], "newest first");
        assert_eq!(aliases("sortField=created_on&sortDir=ASC"), ["b", "a", "C", "é"]);
        assert_eq!(aliases("sortField=alias&sortDir=ASC"), ["C", "a", "b", "é"], "by code points");
        assert_eq!(aliases("sortField=alias&sortDir=DESC"), ["é", "b", "a", "C"]);
        assert_eq!(aliases("sortField=msisdn&sortDir=ASC"), ["a", "é", "C", "b"]);
        assert_eq!(aliases("sortField=msisdn&sortDir=desc"), ["b", "C", "é", "a"]);
        assert_eq!(aliases("offset=1&limit=2"), ["C", "a"]);
        assert_eq!(aliases("offset=4"), [""; 0]);
        let page = client.get("/addressbook/contacts?sortField=created_on&sortDir=DESC&offset=3&limit=10").expect(200);
        assert_eq!(page, json!({"success": true, "records": [created[0]], "offset": 3, "limit": 10, "total": 4}));
    }

    fn invalid_parameters_are_named_in_the_error(service: &Service) {
        let client = service.client();
        for (query, field, code) in [
            ("sortField=meta", "sortField", "not_one_of"),
            ("sortDir=up", "sortDir", "not_one_of"),
            ("offset=-1", "offset", "out_of_range"),
            ("offset=2147483648", "offset", "out_of_range"),
            ("limit=101", "limit", "out_of_range"),
            ("sort=alias", "sort", "unknown"),
        ] {
            let reply = client.get(&format!("/addressbook/contacts?{query}"));
            assert_eq!(reply.json()["error"]["name"], "ValidationError");
            let (_, at, what) = reply.violation(400);
            assert_eq!((at.as_str(), what.as_str()), (field, code), "{query}");
        }
        let (message, field, code) = client.get("/addressbook/contacts/john").violation(400);
        assert_eq!((field.as_str(), code.as_str()), ("contact", "not_an_id_or_phone"));
        assert_eq!(message, "contact must be an id or a phone number in international format");
    }

    fn updates_by_id_and_by_msisdn(service: &Service) {
        let client = service.client();
        let record = client.send_json("POST", "/addressbook/contacts", EXAMPLE).expect(200)["record"].clone();
        let id = record["id"].as_str().unwrap();
        let nothing = client.post(&format!("/addressbook/contacts/{id}"), &json!({})).expect(200);
        assert_eq!(nothing["record"], record);
        let changed = client
            .post("/addressbook/contacts/4479000000001", &json!({"alias": "johnny", "meta": {"CITY": null, "AGE": 7}}))
            .expect(200);
        assert_eq!(changed["record"]["alias"], "johnny");
        assert_eq!(changed["record"]["meta"], json!({"NAME": "John", "AGE": 7}));
        let moved = client.post(&format!("/contacts/{id}"), &json!({"msisdn": "+1 415 555 0100"})).expect(200);
        assert_eq!(moved["record"]["msisdn"], "14155550100");
        assert_eq!(client.get("/addressbook/contacts/14155550100").expect(200), moved);
        let former = client.get("/addressbook/contacts/4479000000001").expect(404);
        assert_eq!(former["error"]["name"], "NotFoundError");
    }

    fn deletes_by_id_and_by_msisdn(service: &Service) {
        let client = service.client();
        for path in ["/addressbook/contacts", "/contacts"] {
            let record = create(&client, "john", "4479000000001");
            let names = [record["id"].as_str().unwrap().to_owned(), "4479000000001".to_owned()];
            for name in names {
                let path = format!("{path}/{name}");
                assert_eq!(client.delete(&path).expect(200), json!({"success": true}));
                assert_eq!(client.delete(&path).expect(404)["error"]["name"], "NotFoundError");
                create(&client, "john", "4479000000001");
            }
            client.delete("/addressbook/contacts/4479000000001").expect(200);
        }
    }

    fn a_shared_msisdn_is_ambiguous(service: &Service) {
        let client = service.client();
        let john = create(&client, "john", "4479000000001");
        create(&client, "mary", "4479000000001");
        let before = client.get("/addressbook/contacts").expect(200);
        for reply in [
            client.get("/addressbook/contacts/4479000000001"),
            client.post("/addressbook/contacts/4479000000001", &json!({"alias": "x"})),
            client.delete("/addressbook/contacts/4479000000001"),
        ] {
            assert_eq!(
                reply.expect(409),
                json!({"success": false, "error": {
                    "name": "ConflictError",
                    "statusCode": 409,
                    "message": "Several contacts have this phone number; use the id of the contact",
                }})
            );
        }
        assert_eq!(client.get("/addressbook/contacts").expect(200), before);
        client.delete(&format!("/addressbook/contacts/{}", john["id"].as_str().unwrap())).expect(200);
        assert_eq!(client.get("/addressbook/contacts/4479000000001").expect(200)["record"]["alias"], "mary");
    }

    fn a_taken_alias_is_a_conflict_and_changes_nothing(service: &Service) {
        let client = service.client();
        create(&client, "john", "4479000000001");
        let mary = create(&client, "mary", "4479000000002");
        let before = client.get("/addressbook/contacts").expect(200);
        for reply in [
            client.post("/addressbook/contacts", &json!({"alias": "john", "msisdn": "14155550100"})),
            client.post(
                &format!("/addressbook/contacts/{}", mary["id"].as_str().unwrap()),
                &json!({"alias": "john", "msisdn": "14155550100"}),
            ),
        ] {
            let response = reply.expect(409);
            assert_eq!(response["error"]["name"], "ConflictError");
            assert_eq!(response["error"]["message"], "Alias is already taken");
        }
        assert_eq!(client.get("/addressbook/contacts").expect(200), before);
    }
}
