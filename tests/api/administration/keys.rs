//! Keys of accounts over HTTP: what is created works at once, and what is revoked stops working on every instance.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{create, error, path, shared, with_administration};
use crate::contacts;
use crate::harness::{Backend, Client, KEY_CHANGE_DELAY, Service, new_database};

fn key_path(key: &Value) -> String {
    format!("/admin/v1/keys/{}", key["id"].as_str().unwrap())
}

/// A client with an issued key.
fn client(service: &Service, issued: &Value) -> Client {
    Client::new(&service.address, Some(issued["token"].as_str().unwrap().to_owned()))
}

fn a_key_is_created_and_gives_access_to_its_account(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let (account, other) = (create(&operator), create(&operator));
    let keys = format!("{}/keys", path(&account));
    let request = json!({
        "label": " web shop ",
        "permissions": ["create:Contacts", "read:Contacts", "read:Contacts"],
        "expires_in": "90d",
    });
    let reply = operator.post(&keys, &request);
    let issued = reply.expect(201);
    let key = &issued["key"];
    assert_eq!(reply.header("Location"), key_path(key));
    assert_eq!(operator.get(reply.header("Location")).expect(200), *key, "the secret is not read again");
    assert_eq!((&key["label"], &key["state"]), (&json!("web shop"), &json!("live")));
    assert_eq!(key["permissions"], json!(["create:Contacts", "read:Contacts"]));
    assert_eq!((&key["account_id"], &key["revoked_at"]), (&account["id"], &Value::Null));
    let with_key = client(service, &issued);
    contacts::create(&with_key, "john", "+4479000000001");
    assert_eq!(with_key.get("/v1/groups").status, 403);
    assert_eq!(with_key.get("/v1/me").expect(200)["account"]["name"], account["name"]);

    // Of another account, with all permissions.
    let issued = operator.post(&format!("{}/keys", path(&other)), &json!({})).expect(201);
    assert_eq!((&issued["key"]["permissions"], &issued["key"]["expires_at"]), (&json!(["*"]), &Value::Null));
    let with_key = client(service, &issued);
    assert_eq!(with_key.get("/v1/contacts").expect(200)["data"], json!([]));
    assert_eq!(with_key.get("/v1/groups").status, 200);
}

/// Newest first and both ways, those of the account alone.
fn keys_are_listed_page_by_page(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let (account, other) = (create(&operator), create(&operator));
    let keys = format!("{}/keys", path(&account));
    let created: Vec<Value> =
        (0..5).map(|_| operator.post(&keys, &json!({})).expect(201)["key"].clone()).collect();
    let foreign = operator.post(&format!("{}/keys", path(&other)), &json!({})).expect(201)["key"].clone();
    let all = operator.get(&keys).expect(200);
    // Of one millisecond, in the order of their ids.
    let mut expected = created.clone();
    expected
        .sort_by_key(|key| [&key["created_at"], &key["id"]].map(|text| text.as_str().unwrap().to_owned()));
    expected.reverse();
    assert_eq!(all, json!({"has_more": false, "data": expected}));

    let mut read = Vec::new();
    let mut next = format!("{keys}?limit=2");
    loop {
        let reply = operator.get(&next);
        let page = reply.expect(200);
        read.extend(page["data"].as_array().unwrap().clone());
        let link = reply.header("Link").split(", ").find(|link| link.ends_with("rel=\"next\""));
        assert_eq!(link.is_some(), page["has_more"] == true);
        let Some(link) = link else { break };
        next = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(read, expected);
    let id = |key: &Value| key["id"].as_str().unwrap().to_owned();
    let before = operator.get(&format!("{keys}?limit=2&ending_before={}", id(&expected[4]))).expect(200);
    assert_eq!(before["data"], json!([expected[2], expected[3]]));

    // A key of another account is no place in this list.
    let reply = operator.get(&format!("{keys}?starting_after={}", id(&foreign)));
    assert_eq!(error(&reply, 404), ("not_found".to_owned(), "There is no such key".to_owned()));
}

fn a_rotated_key_overlaps_with_its_successor(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let account = create(&operator);
    let request = json!({"label": "shop", "permissions": ["read:Contacts"], "expires_in": "30d"});
    let old = operator.post(&format!("{}/keys", path(&account)), &request).expect(201);
    let rotate = format!("{}/rotate", key_path(&old["key"]));
    let new = operator.post(&rotate, &json!({"overlap": "1h"})).expect(201);
    for name in ["label", "permissions", "account_id"] {
        assert_eq!(new["key"][name], old["key"][name], "{name}");
    }
    for issued in [&old, &new] {
        let client = client(service, issued);
        assert_eq!(client.get("/v1/contacts").status, 200);
        assert_eq!(client.get("/v1/groups").status, 403);
    }
    let time = |value: &Value| addressbook::domain::Timestamp::parse(value.as_str().unwrap()).unwrap();
    let ends = time(&operator.get(&key_path(&old["key"])).expect(200)["expires_at"]);
    assert_eq!(ends.since(time(&new["key"]["created_at"])), Duration::from_secs(3_600));

    // Without an overlap, the old key ends at once.
    let newest =
        operator.post(&format!("{}/rotate", key_path(&new["key"])), &json!({"overlap": "0s"})).expect(201);
    std::thread::sleep(KEY_CHANGE_DELAY);
    assert_eq!(client(service, &new).get("/v1/contacts").status, 401);
    assert_eq!(client(service, &newest).get("/v1/contacts").status, 200);
    let shown = operator.get(&key_path(&new["key"])).expect(200);
    assert_eq!(shown["state"], "expired");
    let again = operator.post(&format!("{}/rotate", key_path(&new["key"])), &json!({}));
    let message = "The key has expired or was revoked; create a new one";
    assert_eq!(error(&again, 409), ("key_not_live".to_owned(), message.to_owned()));
}

fn invalid_requests_are_refused(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let keys = format!("{}/keys", path(&create(&operator)));
    for (body, field, code) in [
        (json!({"expires_in": "soon"}), "expires_in", "not_a_duration"),
        (json!({"expires_in": "0s"}), "expires_in", "not_a_duration"),
        (json!({"expires_in": "101y"}), "expires_in", "not_a_duration"),
        (json!({"expires_in": 90}), "expires_in", "wrong_type"),
        (json!({"permissions": ["read:Contacts", "read:All"]}), "permissions.1", "not_a_permission"),
        (json!({"permissions": "read:Contacts"}), "permissions", "wrong_type"),
        // Who has computed an empty list does not mean all permissions.
        (json!({"permissions": []}), "permissions", "no_items"),
        (json!({"label": "x".repeat(101)}), "label", "too_long"),
        (json!({"name": "x"}), "name", "unknown"),
    ] {
        let (_, found, violation) = operator.post(&keys, &body).violation(400);
        assert_eq!((&*found, &*violation), (field, code), "{body}");
    }
    let (_, field, code) = operator.get("/admin/v1/keys/UPPER").violation(400);
    assert_eq!((&*field, &*code), ("key", "not_a_key_id"));
    let nobody = "/admin/v1/keys/0000000000000000";
    for reply in [
        operator.get(nobody),
        operator.post(&format!("{nobody}/rotate"), &json!({})),
        operator.send("POST", &format!("{nobody}/revoke"), &[], b""),
        operator.post("/admin/v1/accounts/999999999/keys", &json!({})),
        operator.get("/admin/v1/accounts/999999999/keys"),
    ] {
        assert_eq!(error(&reply, 404).0, "not_found");
    }
    assert_eq!(operator.get(&keys).expect(200)["data"], json!([]), "nothing was created");
}

on_each! {
    a_key_is_created_and_gives_access_to_its_account
    keys_are_listed_page_by_page
    a_rotated_key_overlaps_with_its_successor
    invalid_requests_are_refused
}

/// The instance at which it is revoked refuses it at once; the others soon, also a key in continuous use.
#[test]
fn a_revoked_key_is_refused_on_every_instance() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let instances = [(); 2].map(|()| Service::start_on(&url, with_administration));
    let operator = instances[0].operator();
    let account = create(&operator);
    let issued = operator.post(&format!("{}/keys", path(&account)), &json!({})).expect(201);
    let clients = instances.each_ref().map(|instance| client(instance, &issued));
    for client in &clients {
        assert_eq!(client.get("/v1/contacts").status, 200);
    }
    let revoke = format!("{}/revoke", key_path(&issued["key"]));
    let revoked = operator.send("POST", &revoke, &[], b"").expect(200);
    assert_eq!(clients[0].get("/v1/contacts").status, 401, "at once");
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(operator.send("POST", &revoke, &[], b"").expect(200), revoked, "the first time counts");
    let began = Instant::now();
    while began.elapsed() < KEY_CHANGE_DELAY {
        drop(clients[1].get("/v1/contacts"));
    }
    assert_eq!(clients[1].get("/v1/contacts").status, 401);
}
