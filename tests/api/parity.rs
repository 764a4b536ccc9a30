//! A contact written through one dialect is read completely through the other.

use serde_json::{Value, json};

use crate::contacts::path;
use crate::harness::Client;

fn as_record(contact: &Value) -> Value {
    json!({
        "id": contact["id"],
        "alias": contact["username"],
        "msisdn": contact["phone_number"].as_str().unwrap().strip_prefix('+').unwrap(),
        "meta": contact["meta"],
        "created_on": contact["created_at"],
        "updated_on": contact["updated_at"],
    })
}

fn assert_dialects_agree(client: &Client, contact: &Value) {
    let id = contact["id"].as_str().unwrap();
    assert_eq!(client.get(&path(contact)).expect(200), *contact);
    for prefix in ["/addressbook/contacts", "/contacts"] {
        assert_eq!(client.get(&format!("{prefix}/{id}")).expect(200)["record"], as_record(contact));
    }
    assert_eq!(client.get("/v1/contacts").expect(200)["data"], json!([contact]));
    assert_eq!(client.get("/addressbook/contacts").expect(200)["records"], json!([as_record(contact)]));
}

on_both_databases! {
    fn both_dialects_show_what_v1_writes(service: &Service) {
        let client = service.client();
        let body = json!({"username": "john", "phone_number": "+4479000000001", "meta": {"b": 1.50, "a": ["ü", "\u{1f600}"]}});
        let contact = client.post("/v1/contacts", &body).expect(201);
        assert_dialects_agree(&client, &contact);
        let contact = client.patch(&path(&contact), &json!({"username": "jo", "meta": {"b": null}})).expect(200);
        assert_dialects_agree(&client, &contact);
        client.delete(&path(&contact)).expect(204);
        client.get(&format!("/addressbook/contacts/{}", contact["id"].as_str().unwrap())).expect(404);
    }

    fn both_dialects_show_what_the_address_book_writes(service: &Service) {
        let client = service.client();
        let record = client
            .post("/addressbook/contacts", &json!({"alias": "john", "msisdn": "4479000000001", "meta": {"X": {}}}))
            .expect(200)["record"]
            .clone();
        let contact = client.get(&format!("/v1/contacts/{}", record["id"].as_str().unwrap())).expect(200);
        assert_eq!(as_record(&contact), record);
        assert_eq!((&contact["display_name"], &contact["avatar_url"]), (&json!("john"), &Value::Null));
        assert_dialects_agree(&client, &contact);
        client.patch(&path(&contact), &json!({"display_name": "J", "avatar_url": "https://example.com/a"})).expect(200);
        // Fields unknown to the address book are left unchanged.
        client.post("/contacts/4479000000001", &json!({"alias": "jo"})).expect(200);
        let contact = client.get(&path(&contact)).expect(200);
        assert_eq!((&contact["display_name"], &contact["avatar_url"]), (&json!("J"), &json!("https://example.com/a")));
        assert_dialects_agree(&client, &contact);
        client.delete("/contacts/4479000000001").expect(200);
        client.get(&path(&contact)).expect(404);
    }

    fn both_dialects_reject_the_same_values(service: &Service) {
        let client = service.client();
        for (member, value) in [
            ("username", json!("")), ("username", json!("   ")), ("username", json!("a\u{200b}")),
            ("username", json!("x".repeat(65))), ("phone_number", json!("07900000001")),
            ("phone_number", json!("+210900000000")), ("phone_number", json!("+441234")),
            ("phone_number", json!(4_479_000_000_001_u64)), ("meta", json!([])), ("meta", json!({"": 1})),
            ("meta", json!({"a": "\0"})),
        ] {
            let mut v1 = json!({"username": "john", "phone_number": "+4479000000001", "meta": {}});
            v1[member] = value.clone();
            let mut book = json!({"alias": v1["username"], "msisdn": v1["phone_number"], "meta": v1["meta"]});
            let (_, field, code) = client.post("/v1/contacts", &v1).violation(400);
            let (_, other_field, other_code) = client.post("/addressbook/contacts", &book).violation(400);
            assert_eq!(field, member);
            assert_eq!(code, other_code, "{member}: {value}");
            let names = json!({"username": "alias", "phone_number": "msisdn", "meta": "meta"});
            assert_eq!(names[&field], other_field);
            book["msisdn"].take();
        }
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 0);
    }
}
