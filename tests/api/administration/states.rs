//! Accounts that are suspended and closed.

use std::time::{Duration, Instant};

use addressbook::domain::Timestamp;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{create, error, path, shared, with_administration};
use crate::contacts;
use crate::harness::{Backend, Client, KEY_CHANGE_DELAY, Service, new_database};

#[track_caller]
fn change(operator: &Client, account: &Value, to: &str) -> Value {
    operator.send("POST", &format!("{}/{to}", path(account)), &[], b"").expect(200)
}

/// In both envelopes.
#[track_caller]
fn is_suspended(client: &Client) {
    let message = "The account is suspended; ask the operator of the service";
    let reply = client.get("/v1/contacts");
    assert_eq!(error(&reply, 403), ("account_suspended".to_owned(), message.to_owned()));
    let error = &client.get("/addressbook/contacts").expect(403)["error"];
    assert_eq!((&error["name"], &error["message"]), (&json!("ForbiddenError"), &json!(message)));
    // Whatever the key permits, and whatever is asked for.
    assert_eq!(client.get("/v1/me").status, 403);
    assert_eq!(client.post("/v1/contacts", &json!({})).status, 403);
}

fn a_suspended_account_is_refused_until_it_is_resumed(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let (account, other) = (create(&operator), create(&operator));
    let [client, neighbour] =
        [&account, &other].map(|account| service.client_of(account["name"].as_str().unwrap(), &[]));
    contacts::create(&client, "john", "+4479000000001");
    assert_eq!((&account["state"], &account["suspended_at"]), (&json!("active"), &Value::Null));

    let suspended = change(&operator, &account, "suspend");
    assert_eq!((&suspended["state"], &suspended["purge_at"]), (&json!("suspended"), &Value::Null));
    assert_eq!(change(&operator, &account, "suspend"), suspended, "the first time counts");
    std::thread::sleep(KEY_CHANGE_DELAY);
    is_suspended(&client);
    assert_eq!(neighbour.get("/v1/contacts").status, 200);
    // Its keys are as they were; a new one is of no use either.
    let issued = operator.post(&format!("{}/keys", path(&account)), &json!({})).expect(201);
    is_suspended(&client.with_key(issued["token"].as_str().unwrap()));

    assert_eq!(change(&operator, &account, "resume")["state"], "active");
    std::thread::sleep(KEY_CHANGE_DELAY);
    assert_eq!(client.get("/v1/contacts").expect(200)["data"][0]["username"], "john", "nothing is lost");
}

fn a_closed_account_can_be_resumed_until_its_date(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let account = create(&operator);
    let close = format!("{}/close", path(&account));
    for keep in ["59m", "0s", "soon", "101y"] {
        let (_, field, code) = operator.post(&close, &json!({"keep": keep})).violation(400);
        assert_eq!((&*field, &*code), ("keep", "not_a_duration"), "{keep}");
    }
    let time = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    for (body, keep) in [(json!({}), 30 * 24), (json!({"keep": "1h"}), 1), (json!({"keep": "2d"}), 48)] {
        let before = Timestamp::now();
        let closed = operator.post(&close, &body).expect(200);
        assert_eq!(closed["state"], "closed");
        let keep = Duration::from_secs(keep * 3_600);
        let date = time(&closed["purge_at"]);
        assert!(before.after(keep) <= date && date <= Timestamp::now().after(keep), "{closed}");
        assert_eq!(operator.get(&path(&account)).expect(200), closed);
    }
    let client = service.client_of(account["name"].as_str().unwrap(), &[]);
    is_suspended(&client);
    let resumed = change(&operator, &account, "resume");
    assert_eq!((&resumed["state"], &resumed["purge_at"]), (&json!("active"), &Value::Null));

    operator.post(&close, &json!({})).expect(200);
    let url = &service.settings.database.database_url;
    service.operators().1.block_on(async {
        let database = sea_orm::Database::connect(url).await.unwrap();
        let due = format!("UPDATE accounts SET purge_at = 1 WHERE id = {}", account["id"]);
        database.execute_unprepared(&due).await.unwrap();
    });
    for to in ["resume", "suspend", "close"] {
        let reply = operator.post(&format!("{}/{to}", path(&account)), &json!({}));
        assert_eq!(error(&reply, 409).0, "account_purging", "{to}");
    }
}

on_each! {
    a_suspended_account_is_refused_until_it_is_resumed
    a_closed_account_can_be_resumed_until_its_date
}

#[test]
fn an_account_is_suspended_on_every_instance() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let instances = [(); 2].map(|()| Service::start_on(&url, with_administration));
    let operator = instances[0].operator();
    let account = create(&operator);
    let client = instances[0].client_of(account["name"].as_str().unwrap(), &[]);
    let clients = instances.each_ref().map(|it| Client::new(&it.address, client.key.clone()));
    for client in &clients {
        assert_eq!(client.get("/v1/contacts").status, 200);
    }
    change(&operator, &account, "suspend");
    // In continuous use.
    let began = Instant::now();
    while began.elapsed() < KEY_CHANGE_DELAY {
        clients.iter().for_each(|client| drop(client.get("/v1/contacts")));
    }
    clients.iter().for_each(is_suspended);
}
