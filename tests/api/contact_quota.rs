//! The quota of contacts: it holds exactly, whatever creates them and however many at once, and only creates meet it.

use std::sync::atomic::{AtomicUsize, Ordering};

use addressbook::domain::account::limits::AccountLimit;
use serde_json::{Value, json};

use crate::harness::imports::ImportClient;
use crate::harness::{Backend, Client, Service, new_account, new_database};

fn service(backend: Backend, quota: u64) -> Option<Service> {
    Service::start(backend, |settings| settings.limits.contact_quota = quota)
}

fn contact(name: &str) -> Value {
    json!({"username": name, "phone_number": "+4479000000001"})
}

fn create(client: &Client, name: &str) -> (u16, Value) {
    let reply = client.post("/v1/contacts", &contact(name));
    (reply.status, reply.json())
}

#[track_caller]
fn is_refused(client: &Client, name: &str) {
    let (status, body) = create(client, name);
    assert_eq!((status, &body["error"]["code"]), (422, &json!("contact_quota")), "{body}");
    assert_eq!(body["error"]["message"], "The account has reached its limit of contacts; delete some");
}

/// How many contacts there are: as counted, which is what the quota is compared with, and as listed.
#[track_caller]
fn count(client: &Client) -> usize {
    let mut listed = 0;
    let mut path = "/v1/contacts?limit=100".to_owned();
    loop {
        let page = client.get(&path).expect(200);
        let contacts = page["data"].as_array().unwrap();
        listed += contacts.len();
        if page["has_more"] == false {
            break;
        }
        let last = contacts.last().unwrap()["id"].as_str().unwrap();
        path = format!("/v1/contacts?limit=100&starting_after={last}");
    }
    assert_eq!(client.get("/v1/me").expect(200)["usage"]["contacts"], listed);
    listed
}

fn batch(client: &Client, members: &Value, names: &[String]) -> Value {
    let mut body = members.clone();
    body["contacts"] = names.iter().map(|name| contact(name)).collect();
    client.post("/v1/contacts/batch", &body).json()
}

fn names(prefix: &str, size: usize) -> Vec<String> {
    (0..size).map(|index| format!("{prefix}{index}")).collect()
}

/// What became of the items of a batch: `created`, `updated`, `unchanged`, or the code of an error.
fn outcomes(batch: &Value) -> Vec<&str> {
    let items = batch["results"].as_array().unwrap_or_else(|| panic!("{batch}"));
    let outcome = |item: &'_ Value| if item["error"].is_object() { "/error/code" } else { "/status" };
    items.iter().map(|item| item.pointer(outcome(item)).unwrap().as_str().unwrap()).collect()
}

fn creates_beyond_it_are_refused(backend: Backend) {
    let Some(service) = service(backend, 3) else { return };
    let account = new_account();
    let client = service.client_of(&account, &[]);
    assert_eq!(client.get("/v1/me").expect(200)["limits"]["contacts"], 3);
    assert_eq!(service.anonymous().get("/openapi.json").expect(200)["x-quotas"]["contacts"], 3);
    for name in ["a", "b"] {
        assert_eq!(create(&client, name).0, 201);
    }
    let repeated = |key: &str, name: &str| {
        let headers = [("Idempotency-Key", key), ("Content-Type", "application/json")];
        client.send("POST", "/v1/contacts", &headers, contact(name).to_string().as_bytes())
    };
    let last = repeated("last", "c").expect(201);
    // Once when nothing is known of the account, and again when it is.
    is_refused(&client, "d");
    is_refused(&client, "d");
    assert_eq!(repeated("refused", "d").status, 422);
    let body = json!({"alias": "d", "msisdn": "4479000000001"});
    let refusal = client.post("/addressbook/contacts", &body).expect(422);
    assert_eq!(
        (&refusal["success"], &refusal["error"]["name"]),
        (&json!(false), &json!("UnprocessableEntityError"))
    );
    // What was done before is not done again, and needs no room.
    assert_eq!(repeated("last", "c").expect(201), last);
    assert_eq!(count(&client), 3);
    // Updates need none either, nor do deletions, which make some.
    let path = format!("/v1/contacts/{}", last["id"].as_str().unwrap());
    client.patch(&path, &json!({"username": "renamed", "meta": {"CITY": "London"}})).expect(200);
    client.delete(&path).expect(204);
    // A refusal has used up neither the room nor the key.
    assert_eq!(repeated("refused", "d").status, 201);
    is_refused(&client, "e");
    assert_eq!(count(&client), 3);
    // Each account has a quota of its own.
    assert_eq!(create(&service.client(), "a").0, 201);
}

fn items_of_a_batch_are_refused_one_by_one(backend: Backend) {
    let Some(service) = service(backend, 5) else { return };
    let creates = json!({"mode": "create"});
    let client = service.client();
    // More than any account may have, in one that has none yet.
    let done = batch(&client, &creates, &names("a", 8));
    assert_eq!(outcomes(&done), [["created"; 5].as_slice(), &["contact_quota"; 3]].concat());
    assert_eq!(count(&client), 5);

    // A name that is taken needs no room, and an update neither.
    let client = service.client();
    batch(&client, &creates, &names("a", 3));
    let mixed: Vec<String> = ["a0", "b0", "a1", "b1", "b2", "a2", "b3"].map(str::to_owned).to_vec();
    let done = batch(&client, &creates, &mixed);
    let (taken, full) = ("username_taken", "contact_quota");
    assert_eq!(outcomes(&done), [taken, "created", taken, "created", full, taken, full]);
    assert_eq!(count(&client), 5);
    let upsert = json!({"mode": "upsert"});
    let mut new_numbers = upsert.clone();
    new_numbers["contacts"] =
        mixed.iter().map(|name| json!({"username": name, "phone_number": "+4479000000002"})).collect();
    let done = client.post("/v1/contacts/batch", &new_numbers).expect(200);
    assert_eq!(outcomes(&done), ["updated", "updated", "updated", "updated", full, "updated", full]);
    assert_eq!(count(&client), 5);

    // All or nothing.
    let client = service.client();
    batch(&client, &creates, &names("a", 4));
    let atomic = json!({"mode": "create", "atomic": true});
    for _ in 0..2 {
        let refused = batch(&client, &atomic, &names("b", 2));
        assert_eq!(refused["error"]["code"], "contact_quota", "{refused}");
        assert_eq!(refused["error"]["message"].as_str().unwrap().split(':').next(), Some("contacts.1"));
        assert_eq!(count(&client), 4);
    }
    assert_eq!(outcomes(&batch(&client, &atomic, &names("b", 1))), ["created"]);
}

fn rows_of_an_import_are_left_out(backend: Backend) {
    let Some(service) = service(backend, 700) else { return };
    let client = service.client();
    assert_eq!(create(&client, "r0").0, 201);
    let rows: String = (0..1_100).map(|row| format!("r{row},+4479000000002,g\n")).collect();
    let file = format!("username,phone_number,groups\n{rows}");
    let import = ImportClient::planned(&client, &json!({}), &file);
    let committed = import.commit();
    let counts = &committed["counts"];
    assert_eq!((&counts["create"], &counts["update"]), (&json!(1_099), &json!(1)));
    assert_eq!((&counts["applied"], &counts["over_quota"]), (&json!(700), &json!(400)));
    assert_eq!(counts["changed_since"], 0);
    assert_eq!(count(&client), 700);
    let left_out = import.rows("&outcome=over_quota");
    assert_eq!(left_out[0]["code"], "contact_quota");
    assert_eq!(left_out[0]["message"], "the account has reached its limit of contacts");
    assert_eq!(left_out[0]["status"], "over_quota");
    // They join no group, and an undo leaves them alone.
    let group = &client.get("/v1/groups").expect(200)["data"][0];
    assert_eq!(group["member_count"], 700);
    let undone = import.undo();
    assert_eq!((&undone["counts"]["undone"], &undone["counts"]["over_quota"]), (&json!(700), &json!(400)));
    assert_eq!(count(&client), 1);
}

fn it_can_be_lowered_below_what_there_is(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let with = |quota: u64| Service::start_on(&url, |settings| settings.limits.contact_quota = quota);
    let account = new_account();
    let unlimited = with(0);
    let client = unlimited.client_of(&account, &[]);
    assert_eq!(client.get("/v1/me").expect(200)["limits"]["contacts"], Value::Null);
    batch(&client, &json!({"mode": "create"}), &names("a", 6));
    drop(unlimited);
    let service = with(4);
    let client = service.client_of(&account, &[]);
    let ids: Vec<Value> = client.get("/v1/contacts").expect(200)["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|contact| contact["id"].clone())
        .collect();
    let path = |index: usize| format!("/v1/contacts/{}", ids[index].as_str().unwrap());
    client.patch(&path(0), &json!({"display_name": "changed"})).expect(200);
    for index in 0..2 {
        is_refused(&client, "b");
        client.delete(&path(index)).expect(204);
    }
    is_refused(&client, "b");
    let deleted = client.post("/v1/contacts/batch/delete", &json!({"ids": [ids[2]]})).expect(200);
    assert_eq!(deleted["counts"]["deleted"], 1, "{deleted}");
    assert_eq!(create(&client, "b").0, 201);
    is_refused(&client, "c");
    assert_eq!(count(&client), 4);
}

/// Creates one by one and in batches, deletions, and another account in the same groups, through all instances at once. The
/// quota is that of the account alone: it is looked up where the server's would do.
fn it_holds_under_concurrency(backend: Backend) {
    const QUOTA: usize = 150;
    let Some(url) = new_database(backend) else { return };
    let instances = if backend == Backend::Postgres { 2 } else { 1 };
    let services: Vec<Service> = (0..instances)
        .map(|_| Service::start_on(&url, |settings| settings.limits.contact_quota = 100_000))
        .collect();
    let (account, other) = (new_account(), new_account());
    let clients: Vec<Client> = services.iter().map(|service| service.client_of(&account, &[])).collect();
    let others: Vec<Client> = services.iter().map(|service| service.client_of(&other, &[])).collect();
    services[0].limit(&account, AccountLimit::Contacts, u64::try_from(QUOTA).unwrap());
    let (created, deleted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let create_alone = |worker: usize| {
        let client = &clients[worker % instances];
        for round in 0..60 {
            let (status, body) = create(client, &format!("single {worker} {round}"));
            assert!([201, 422].contains(&status), "{body}");
            created.fetch_add(usize::from(status == 201), Ordering::Relaxed);
            // What is deleted again is room for others.
            if status == 201 && round % 3 == 0 {
                client.delete(&format!("/v1/contacts/{}", body["id"].as_str().unwrap())).expect(204);
                deleted.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let create_batches = |worker: usize| {
        for round in 0..10 {
            let items = names(&format!("batch {worker} {round} "), 7);
            let done = batch(&clients[worker % instances], &json!({"mode": "create"}), &items);
            for outcome in outcomes(&done) {
                assert!(["created", "contact_quota"].contains(&outcome), "{outcome}");
                created.fetch_add(usize::from(outcome == "created"), Ordering::Relaxed);
            }
        }
    };
    let create_elsewhere = |worker: usize| {
        for round in 0..15 {
            assert_eq!(create(&others[worker % instances], &format!("other {worker} {round}")).0, 201);
        }
    };
    std::thread::scope(|scope| {
        for worker in 0..6 {
            scope.spawn(move || create_alone(worker));
            scope.spawn(move || create_elsewhere(worker));
        }
        for worker in 0..4 {
            scope.spawn(move || create_batches(worker));
        }
    });
    let [created, deleted] = [created, deleted].map(AtomicUsize::into_inner);
    assert_eq!(count(&clients[0]), created - deleted);
    assert!(created - deleted <= QUOTA, "{created} created, {deleted} deleted");
    // More was asked for than fits, so all that fits is there; what was deleted last may not have been created again.
    let fill = batch(&clients[0], &json!({"mode": "create"}), &names("fill", QUOTA));
    assert!(outcomes(&fill).contains(&"contact_quota"));
    assert_eq!(count(&clients[0]), QUOTA);
    for client in &clients {
        is_refused(client, "one more");
    }
    assert_eq!(count(&others[0]), 90);
}

on_each! {
    creates_beyond_it_are_refused
    items_of_a_batch_are_refused_one_by_one
    rows_of_an_import_are_left_out
    it_can_be_lowered_below_what_there_is
    it_holds_under_concurrency
}
