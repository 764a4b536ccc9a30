//! Limits of one account: they apply in place of the server's to all that has a limit, and no longer than they are set.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{create, error, path, shared, with_administration};
use crate::feed::Events;
use crate::harness::imports::ImportClient;
use crate::harness::{Backend, Client, KEY_CHANGE_DELAY, Service, new_database};

const ROW: &str = "username,phone_number\nann,+447900000001\n";

/// Sets limits, and waits until they are in force.
#[track_caller]
fn set(operator: &Client, account: &Value, limits: &Value) -> Value {
    let changed = operator.patch(&path(account), &json!({"limits": limits})).expect(200);
    std::thread::sleep(KEY_CHANGE_DELAY);
    changed
}

/// An account, and a client of it.
fn account(service: &Service, operator: &Client) -> (Value, Client) {
    let account = create(operator);
    let client = service.client_of(account["name"].as_str().unwrap(), &[]);
    (account, client)
}

fn contacts(names: impl IntoIterator<Item = String>) -> Value {
    names.into_iter().map(|name| json!({"username": name, "phone_number": "+4479000000001"})).collect()
}

/// How many contacts of a batch are created; the others have met the limit.
#[track_caller]
fn created(client: &Client, prefix: &str, size: usize) -> usize {
    let contacts = contacts((0..size).map(|index| format!("{prefix}{index}")));
    let done =
        client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts})).expect(200);
    let results = done["results"].as_array().unwrap();
    let refused: Vec<_> = results.iter().filter_map(|item| item["error"]["code"].as_str()).collect();
    assert!(refused.iter().all(|code| *code == "contact_quota"), "{refused:?}");
    size - refused.len()
}

/// None, each of which is null.
fn none() -> Value {
    json!({
        "key_rate": null, "account_rate": null, "contacts": null, "audience_entries": null, "import_bytes": null,
        "streams": null, "feeds": null, "imports": null,
    })
}

fn limits_are_set_shown_and_removed(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let (account, client) = account(service, &operator);
    assert_eq!(account["limits"], none());
    let me = || client.get("/v1/me").expect(200)["limits"].clone();
    let usual = me();
    let limits = json!({
        "key_rate": 10, "account_rate": 20, "contacts": 1, "audience_entries": 2, "import_bytes": 3,
        "streams": 4, "feeds": 5, "imports": 9_007_199_254_740_991_i64,
    });
    let changed = set(&operator, &account, &limits);
    assert_eq!(changed["limits"], limits);
    assert_eq!(changed["id"], account["id"]);
    assert_eq!(operator.get(&path(&account)).expect(200), changed);
    let listed = format!("/admin/v1/accounts?name={}", account["name"].as_str().unwrap());
    assert_eq!(operator.get(&listed).expect(200)["data"], json!([changed]));
    let mut expected = limits.clone();
    for name in ["key_rate", "account_rate"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    expected["rates"] = json!([
        {"name": "key", "quota": 50, "window": 5}, {"name": "account", "quota": 100, "window": 5},
    ]);
    expected["fields"] = json!(20);
    assert_eq!(me(), expected);

    // What is absent stays; of another account, everything.
    let changed = operator.patch(&path(&account), &json!({"limits": {"feeds": 6, "contacts": null}}));
    assert_eq!(
        (&changed.expect(200)["limits"]["feeds"], &changed.json()["limits"]["contacts"]),
        (&json!(6), &Value::Null)
    );
    assert_eq!(changed.json()["limits"]["streams"], 4);
    assert_eq!(operator.patch(&path(&account), &json!({})).expect(200), changed.json());
    assert_eq!(service.client().get("/v1/me").expect(200)["limits"], usual);
    assert_eq!(set(&operator, &account, &none())["limits"], none());
    assert_eq!(me(), usual);
}

fn invalid_limits_are_refused(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let operator = service.operator();
    let account = create(&operator);
    let max = 9_007_199_254_740_991_i64;
    for (body, field, code) in [
        (json!({"limits": {"contacts": 0}}), "limits.contacts", "out_of_range"),
        (json!({"limits": {"contacts": -1}}), "limits.contacts", "out_of_range"),
        (json!({"limits": {"contacts": max + 1}}), "limits.contacts", "out_of_range"),
        (json!({"limits": {"key_rate": 1_000_001}}), "limits.key_rate", "out_of_range"),
        (json!({"limits": {"account_rate": 1_000_001}}), "limits.account_rate", "out_of_range"),
        (json!({"limits": {"contacts": "5"}}), "limits.contacts", "wrong_type"),
        (json!({"limits": {"contacts": 1.5}}), "limits.contacts", "wrong_type"),
        (json!({"limits": {"stream": 5}}), "limits.stream", "unknown"),
        (json!({"limits": {"fields": 5}}), "limits.fields", "unknown"),
        (json!({"limits": 5}), "limits", "wrong_type"),
        (json!({"contacts": 5}), "contacts", "unknown"),
    ] {
        // Nothing of it is done.
        let mut body = body;
        if body["limits"].is_object() {
            body["limits"]["imports"] = json!(7);
        }
        let (_, found, violation) = operator.patch(&path(&account), &body).violation(400);
        assert_eq!((&*found, &*violation), (field, code), "{body}");
    }
    let twice = br#"{"limits": {"contacts": 5, "contacts": 6}}"#;
    let headers = [("Content-Type", "application/json")];
    let (_, field, code) = operator.send("PATCH", &path(&account), &headers, twice).violation(400);
    assert_eq!((&*field, &*code), ("limits.contacts", "duplicate"));
    let (message, ..) = operator.patch(&path(&account), &json!({"limits": {"streams": 0.5}})).violation(400);
    assert_eq!(message, "limits.streams must be an integer");
    assert_eq!(operator.get(&path(&account)).expect(200)["limits"], none());
    let nobody =
        operator.patch(&format!("/admin/v1/accounts/{}", i64::MAX), &json!({"limits": {"contacts": 1}}));
    assert_eq!(error(&nobody, 404).0, "not_found");
}

/// Creates one by one, in batches and of imports; also of an account that has no contact yet.
fn the_limit_of_contacts_holds_whatever_creates_them(backend: Backend) {
    let service = Service::start(backend, |settings| {
        with_administration(settings);
        settings.limits.contact_quota = 5;
    });
    let Some(service) = service else { return };
    let operator = service.operator();

    // More than the server allows.
    let (roomy, client) = account(&service, &operator);
    set(&operator, &roomy, &json!({"contacts": 20}));
    assert_eq!(created(&client, "a", 12), 12);
    let rows: String = (0..12).map(|row| format!("import{row},+447900000001\n")).collect();
    let import = ImportClient::planned(&client, &json!({}), &format!("username,phone_number\n{rows}"));
    let counts = import.commit()["counts"].clone();
    assert_eq!((&counts["applied"], &counts["over_quota"]), (&json!(8), &json!(4)));
    let single = |client: &Client, name: &str| client.post("/v1/contacts", &contacts([name.to_owned()])[0]);
    assert_eq!(error(&single(&client, "one more"), 422).0, "contact_quota");
    set(&operator, &roomy, &json!({"contacts": 22}));
    single(&client, "first").expect(201);
    assert_eq!(created(&client, "b", 4), 1);
    assert_eq!(error(&single(&client, "one more"), 422).0, "contact_quota");
    assert_eq!(client.get("/v1/contacts/count").expect(200)["count"], 22);

    // Without it, that of the server applies again, below what there is.
    set(&operator, &roomy, &json!({"contacts": null}));
    assert_eq!(created(&client, "c", 1), 0);
    assert_eq!(error(&single(&client, "one more"), 422).0, "contact_quota");

    // Less than the server allows, in an account without contacts, and in one that has some.
    let (narrow, client) = account(&service, &operator);
    set(&operator, &narrow, &json!({"contacts": 2}));
    assert_eq!(created(&client, "a", 4), 2);
    let (shrunk, client) = account(&service, &operator);
    assert_eq!(created(&client, "a", 3), 3);
    set(&operator, &shrunk, &json!({"contacts": 3}));
    assert_eq!(created(&client, "b", 2), 0);
    set(&operator, &shrunk, &json!({"contacts": null}));
    assert_eq!(created(&client, "c", 4), 2, "as the server allows");

    // Nobody else is affected.
    let (_, client) = account(&service, &operator);
    assert_eq!(created(&client, "a", 7), 5);
}

fn rates_are_those_of_the_account(backend: Backend) {
    let service = Service::start(backend, |settings| {
        with_administration(settings);
        settings.limits.key_rate_limit = 0;
        settings.limits.account_rate_limit = 1;
        settings.limits.rate_limit_window = Duration::from_secs(20);
    });
    let Some(service) = service else { return };
    let operator = service.operator();
    let until_refused = |client: &Client| {
        let replies = std::iter::repeat_with(|| client.get("/v1/contacts/count")).take(1_000);
        let refused = replies.enumerate().find(|(_, reply)| reply.status == 429);
        refused.map(|(accepted, refusal)| (accepted, refusal.header("RateLimit-Policy").to_owned()))
    };
    let (limited, client) = account(&service, &operator);
    let name = limited["name"].as_str().unwrap();
    set(&operator, &limited, &json!({"key_rate": 2, "account_rate": 3}));
    let (accepted, policy) = until_refused(&client).unwrap();
    assert!(accepted >= 40, "{accepted}");
    assert_eq!(policy, "\"key\";q=40;w=20");
    // Another key, of the same account.
    let (_, policy) = until_refused(&service.client_of(name, &[])).unwrap();
    assert_eq!(policy, "\"account\";q=60;w=20");

    set(&operator, &limited, &json!({"key_rate": 1_000_000, "account_rate": 1_000_000}));
    assert_eq!(until_refused(&client), None);
    // What has been removed limits no longer: that of the server does, and there is none of keys.
    set(&operator, &limited, &json!({"key_rate": null, "account_rate": null}));
    let (accepted, policy) = until_refused(&client).unwrap();
    assert!(accepted >= 20, "{accepted}");
    assert_eq!(policy, "\"account\";q=20;w=20");
}

#[track_caller]
fn keeps(client: &Client) -> u16 {
    client.post("/v1/audiences", &json!({"recipients": [], "keep": true})).status
}

/// Kept audiences, bytes and imports, streams.
fn the_other_limits_are_those_of_the_account(backend: Backend) {
    let service = Service::start(backend, |settings| {
        with_administration(settings);
        settings.limits.account_feeds = 1;
        settings.limits.account_streams = 1;
        settings.limits.audience_quota = 100;
        settings.limits.import_quota = 10;
    });
    let Some(service) = service else { return };
    let operator = service.operator();
    let (raised, client) = account(&service, &operator);
    let more = json!({"feeds": 2, "streams": 2, "audience_entries": 200, "import_bytes": 100_000});
    set(&operator, &raised, &more);
    assert_eq!([keeps(&client), keeps(&client), keeps(&client)], [201, 201, 422]);
    ImportClient::committed(&client, &json!({}), ROW);
    let position = client.get("/v1/changes").expect(200)["next"].as_str().unwrap().to_owned();
    let since = format!("?since={position}");
    let first = Events::open(&service, &client, &[], &since);
    client.get("/v1/changes").expect(200);
    let second = Events::open(&service, &client, &[], &since);
    assert_eq!(error(&client.get("/v1/changes"), 429).0, "too_many_streams");
    drop((first, second));

    set(&operator, &raised, &none());
    assert_eq!(keeps(&client), 422);
    let refused = ImportClient::create(&client, &json!({})).put("text/csv", ROW.as_bytes());
    assert_eq!(error(&refused, 422).0, "import_quota");

    // Lower ones. Of imports in progress, one is as good as none if it is there already.
    let (lowered, client) = account(&service, &operator);
    set(&operator, &lowered, &json!({"import_bytes": 100_000, "imports": 1}));
    let sql = crate::audience_snapshots::DatabaseProbe::connect(&service.settings.database.database_url);
    let stuck = ImportClient::create(&client, &json!({}));
    let id = stuck.path.rsplit('/').next().unwrap().replace('-', "");
    let id = if backend == Backend::Sqlite { format!("x'{id}'") } else { format!("'{id}'") };
    let in_state = |state: &str| {
        sql.execute(&format!(
            "UPDATE imports SET state = '{state}', leased_until = {} WHERE id = {id}",
            i64::MAX
        ));
    };
    let other = ImportClient::planned(&client, &json!({}), ROW);
    in_state("planning");
    assert_eq!(error(&other.start_commit(), 429).0, "too_many_imports");
    let third = ImportClient::create(&client, &json!({}));
    assert_eq!(error(&third.put("text/csv", ROW.as_bytes()), 429).0, "too_many_imports");
    set(&operator, &lowered, &json!({"imports": null}));
    other.commit();
    set(&operator, &lowered, &json!({"imports": 1}));
    assert_eq!(
        error(&client.send("POST", &format!("{}/undo", other.path), &[], b""), 429).0,
        "too_many_imports"
    );
    in_state("failed");
    other.undo();
}

on_each! {
    limits_are_set_shown_and_removed
    invalid_limits_are_refused
    the_limit_of_contacts_holds_whatever_creates_them
    rates_are_those_of_the_account
    the_other_limits_are_those_of_the_account
}

/// Of a key in continuous use, too.
#[test]
fn a_limit_applies_on_every_instance() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let instances = [(); 2].map(|()| Service::start_on(&url, with_administration));
    let operator = instances[0].operator();
    let (account, client) = account(&instances[0], &operator);
    let clients = instances.each_ref().map(|it| Client::new(&it.address, client.key.clone()));
    let streams = || clients.each_ref().map(|it| it.get("/v1/me").expect(200)["limits"]["streams"].clone());
    assert_eq!(streams(), [1_000, 1_000]);
    for (value, expected) in [(json!(3), 3), (Value::Null, 1_000)] {
        operator.patch(&path(&account), &json!({"limits": {"streams": value}})).expect(200);
        let began = Instant::now();
        while began.elapsed() < KEY_CHANGE_DELAY {
            streams();
        }
        assert_eq!(streams(), [expected, expected]);
    }
}
