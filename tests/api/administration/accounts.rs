//! Accounts over HTTP.

use serde_json::{Value, json};

use super::{create, error, path, shared, with_administration};
use crate::contacts;
use crate::harness::{Backend, Service, new_account};

const ACCOUNTS: &str = "/admin/v1/accounts";

fn an_account_is_created_and_found(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let name = new_account();
    let reply = operator.post(ACCOUNTS, &json!({"name": format!("  {name} ")}));
    let account = reply.expect(201);
    assert_eq!((&account["name"], &account["contacts"]), (&json!(name), &json!(0)));
    assert!(account["id"].as_i64().unwrap() > 0 && account["created_at"].is_string(), "{account}");
    assert_eq!(reply.header("Location"), path(&account));
    assert_eq!(reply.header("Cache-Control"), "no-store");
    assert_eq!(operator.get(reply.header("Location")).expect(200), account);
    let found = operator.get(&format!("{ACCOUNTS}?name={name}")).expect(200);
    assert_eq!(found, json!({"has_more": false, "data": [account]}));

    let again = operator.post(ACCOUNTS, &json!({"name": name}));
    assert_eq!(error(&again, 409), ("name_taken".to_owned(), "name is already taken".to_owned()));
}

/// Those of its own, and of no other account: it is the account that the keys of this name belong to.
fn an_account_shows_how_many_contacts_it_has(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let (account, other) = (create(&operator), create(&operator));
    let client = service.client_of(account["name"].as_str().unwrap(), &[]);
    for name in ["john", "paul"] {
        contacts::create(&client, name, "+4479000000001");
    }
    assert_eq!(operator.get(&path(&account)).expect(200)["contacts"], 2);
    assert_eq!(operator.get(&path(&other)).expect(200)["contacts"], 0);
    let page = operator.get(&format!("{ACCOUNTS}?limit=100")).expect(200);
    let counts = |account: &Value| {
        let listed = page["data"].as_array().unwrap().iter().find(|listed| listed["id"] == account["id"]);
        listed.unwrap()["contacts"].clone()
    };
    assert_eq!((counts(&account), counts(&other)), (json!(2), json!(0)));
}

/// The same numbers as the keys of the account get.
fn an_account_shows_how_much_it_stores(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let (account, other) = (create(&operator), create(&operator));
    let usage = |account: &Value| operator.get(&format!("{}/usage", path(account))).expect(200);
    let empty = usage(&account);
    let client = service.client_of(account["name"].as_str().unwrap(), &[]);
    contacts::create(&client, "john", "+4479000000001");
    client.post("/v1/groups", &json!({"name": "g"})).expect(201);
    let audience = json!({"recipients": [{"all": true}], "keep": true});
    client.post("/v1/audiences", &audience).expect(201);
    let counted = usage(&account);
    assert_eq!(counted, client.get("/v1/me").expect(200)["usage"]);
    let numbers = ["contacts", "groups", "audience_entries"].map(|name| counted[name].clone());
    assert_eq!(numbers, [json!(1), json!(1), json!(100)]);
    assert_eq!(usage(&other), empty);
    let nobody = operator.get(&format!("{ACCOUNTS}/{}/usage", i64::MAX));
    assert_eq!(error(&nobody, 404).0, "not_found");
}

/// Newest first, both ways, and by the links; on a database of its own, where no other test creates accounts.
fn accounts_are_listed_page_by_page(backend: Backend) {
    let Some(service) = Service::start(backend, with_administration) else { return };
    let operator = service.operator();
    let created: Vec<Value> = (0..5).map(|_| create(&operator)["id"].clone()).collect();
    let ids = |page: &Value| -> Vec<Value> {
        page["data"].as_array().unwrap().iter().map(|account| account["id"].clone()).collect()
    };
    let newest = &created[4];
    let first = operator.get(&format!("{ACCOUNTS}?limit=2&starting_after={newest}"));
    let page = first.expect(200);
    assert_eq!(ids(&page), [created[3].clone(), created[2].clone()]);
    assert_eq!(page["has_more"], true);
    let links = first.header("Link").to_owned();
    let link = |relation: &str| {
        let link = links.split(", ").find(|link| link.ends_with(&format!("rel=\"{relation}\""))).unwrap();
        link[1..link.find('>').unwrap()].to_owned()
    };
    let next = operator.get(&link("next")).expect(200);
    assert_eq!(ids(&next), [created[1].clone(), created[0].clone()]);
    let before = operator.get(&link("prev")).expect(200);
    assert!(ids(&before).contains(newest), "{before}");
    let window = format!("{ACCOUNTS}?ending_before={}&limit=1", created[1]);
    assert_eq!(ids(&operator.get(&window).expect(200)), [created[2].clone()]);
}

fn invalid_requests_are_refused(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    for (body, code) in [
        (json!({}), "required"),
        (json!({"name": " "}), "blank"),
        (json!({"name": 1}), "wrong_type"),
        (json!({"name": "x".repeat(65)}), "too_long"),
        (json!({"name": "a\u{200b}"}), "forbidden_character"),
    ] {
        let (_, field, found) = operator.post(ACCOUNTS, &body).violation(400);
        assert_eq!((&*field, &*found), ("name", code), "{body}");
    }
    for id in ["x", "0", "-1", "1.5", "99999999999999999999"] {
        let (_, field, code) = operator.get(&format!("{ACCOUNTS}/{id}")).violation(400);
        assert_eq!((&*field, &*code), ("id", "out_of_range"), "{id}");
        let (_, field, _) = operator.get(&format!("{ACCOUNTS}?starting_after={id}")).violation(400);
        assert_eq!(field, "starting_after", "{id}");
    }
    let (code, message) = error(&operator.get(&format!("{ACCOUNTS}/{}", i64::MAX)), 404);
    assert_eq!((&*code, &*message), ("not_found", "There is no such account"));
    let (_, field, code) = operator.get(&format!("{ACCOUNTS}?nmae=x")).violation(400);
    assert_eq!((&*field, &*code), ("nmae", "unknown"));
}

on_each! {
    an_account_is_created_and_found
    an_account_shows_how_many_contacts_it_has
    an_account_shows_how_much_it_stores
    accounts_are_listed_page_by_page
    invalid_requests_are_refused
}
