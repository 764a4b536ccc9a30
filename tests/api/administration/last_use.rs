//! When and from where keys were last used: operators see it soon, and no request writes it.

use std::time::Duration;

use addressbook::app;
use addressbook::domain::Timestamp;
use addressbook::domain::api_key::Token;
use addressbook::domain::api_key::service::KeyService;
use addressbook::jobs::UseRecorder;
use serde_json::{Value, json};

use super::{create, path, with_administration};
use crate::audience_snapshots::DatabaseProbe;
use crate::audiences::wait_until;
use crate::harness::{Backend, Client, KEY_CHANGE_DELAY, Service, new_database};

fn time(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().unwrap_or_else(|| panic!("{value}"))).unwrap()
}

/// A new key of an account, as it is shown, and a client with it.
fn key(service: &Service, operator: &Client, account: &Value) -> (String, Client) {
    let issued = operator.post(&format!("{}/keys", path(account)), &json!({})).expect(201);
    let shown = format!("/admin/v1/keys/{}", issued["key"]["id"].as_str().unwrap());
    let unused = operator.get(&shown).expect(200);
    assert_eq!((&unused["last_used_at"], &unused["last_used_from"]), (&Value::Null, &Value::Null));
    (shown, Client::new(&service.address, Some(issued["token"].as_str().unwrap().to_owned())))
}

/// Written when the server stops, and until then by no request; a header that no proxy has set says nothing.
fn a_stop_stores_the_last_uses(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let service = Service::start_on(&url, with_administration);
    let operator = service.operator();
    let (account, other) = (create(&operator), create(&operator));
    assert_eq!(account["last_used_at"], Value::Null);
    let [(first, client), (second, later), (unused, _)] =
        [(); 3].map(|()| key(&service, &operator, &account));
    let before = Timestamp::now();
    let forwarded = [("X-Forwarded-For", "203.0.113.1")];
    for _ in 0..50 {
        assert_eq!(client.send("GET", "/v1/contacts", &forwarded, b"").status, 200);
    }
    let between = Timestamp::now();
    std::thread::sleep(Duration::from_millis(2));
    // A request counts that is refused for another reason than its key.
    assert_eq!(later.get("/v1/contacts?limit=0").status, 400);
    let after = Timestamp::now();
    let sql = DatabaseProbe::connect(&url);
    assert_eq!(sql.count("key_uses"), 0, "no request writes");
    drop(service);

    let service = Service::start_on(&url, with_administration);
    let operator = service.operator();
    let [first, second, unused] = [first, second, unused].map(|shown| operator.get(&shown).expect(200));
    let [used_first, used_second] = [&first, &second].map(|key| time(&key["last_used_at"]));
    assert!(before <= used_first && used_first <= between, "{first}");
    assert!(between < used_second && used_second <= after, "{second}");
    assert_eq!(
        (&first["last_used_from"], &second["last_used_from"]),
        (&json!("127.0.0.1"), &json!("127.0.0.1"))
    );
    assert_eq!(unused["last_used_at"], Value::Null);
    let listed = operator.get(&format!("{}/keys", path(&account))).expect(200)["data"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert!(
        [&first, &second, &unused].iter().all(|key| listed.as_array().unwrap().contains(key)),
        "{listed}"
    );
    let shown = operator.get(&path(&account)).expect(200);
    assert_eq!(shown["last_used_at"], second["last_used_at"]);
    assert_eq!(operator.get(&path(&other)).expect(200)["last_used_at"], Value::Null);
    let page = operator.get("/admin/v1/accounts?limit=100").expect(200);
    assert!(page["data"].as_array().unwrap().contains(&shown), "{page}");

    // What does not come with a valid key uses none: a revoked one, or the id with another secret.
    let revoke = format!("/admin/v1/keys/{}/revoke", first["id"].as_str().unwrap());
    let revoked = operator.send("POST", &revoke, &[], b"").expect(200);
    std::thread::sleep(KEY_CHANGE_DELAY);
    assert_eq!(Client::new(&service.address, client.key.clone()).get("/v1/contacts").status, 401);
    drop(service);
    let service = Service::start_on(&url, with_administration);
    let shown = service.operator().get(&format!("/admin/v1/keys/{}", first["id"].as_str().unwrap()));
    assert_eq!(shown.expect(200), revoked);
}

/// While it runs; a second time only what was used again.
fn they_are_stored_from_time_to_time(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let service = Service::start_on(&url, with_administration);
    let clients = [(); 2].map(|()| service.client_of("acme", &[]));
    let sql = DatabaseProbe::connect(&url);
    let (_, runtime) = service.keys();
    let store = runtime.block_on(app::open(&service.settings.database)).unwrap();
    let keys = KeyService::new(store);
    let use_key = |client: &Client| {
        let token = Token::parse(client.key.as_deref().unwrap()).unwrap();
        let principal = runtime.block_on(keys.authenticate(&token)).unwrap();
        principal.record_use(Some("2001:db8::7".parse().unwrap()));
        principal.key().as_str().to_owned()
    };
    let recorder = {
        let _runtime = runtime.enter();
        UseRecorder::start(keys.clone(), Duration::from_millis(5))
    };
    let ids = clients.each_ref().map(use_key);
    wait_until("both are stored", || sql.count("key_uses WHERE address = '2001:db8::7'") == 2);
    sql.execute("UPDATE key_uses SET address = 'as it was'");
    use_key(&clients[1]);
    wait_until("it is stored", || sql.count("key_uses WHERE address = '2001:db8::7'") == 1);
    let untouched = format!("key_uses WHERE address = 'as it was' AND key_id = '{}'", ids[0]);
    assert_eq!(sql.count(&untouched), 1);
    runtime.block_on(recorder.stop());
    assert_eq!(sql.count(&untouched), 1);
}

on_each! {
    a_stop_stores_the_last_uses
    they_are_stored_from_time_to_time
}

/// Whichever stores its own last.
#[test]
fn of_several_instances_the_latest_use_counts() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let start = || {
        Service::start_on(&url, |settings| {
            with_administration(settings);
            settings.trust_proxy = true;
        })
    };
    let (earlier, later) = (start(), start());
    let operator = earlier.operator();
    let account = create(&operator);
    let (shown, client) = key(&earlier, &operator, &account);
    for (service, address) in [(&earlier, "203.0.113.1"), (&later, "2001:db8::1")] {
        let client = Client::new(&service.address, client.key.clone());
        let forwarded = format!("198.51.100.9, {address}");
        let reply = client.send("GET", "/v1/contacts", &[("X-Forwarded-For", &*forwarded)], b"");
        assert_eq!(reply.status, 200);
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(later);
    let of_later = operator.get(&shown).expect(200);
    assert_eq!(of_later["last_used_from"], "2001:db8::1");
    drop(earlier);
    assert_eq!(start().operator().get(&shown).expect(200), of_later);
}
