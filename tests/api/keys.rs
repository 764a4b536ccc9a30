//! Authentication of requests by API key.

use std::time::Duration;

use addressbook::domain::api_key::service::KeyRequest;
use addressbook::domain::api_key::{KeyId, KeyKind, Token};
use addressbook::domain::{Permission, Permissions};

use crate::harness::{Backend, Client, KEY_CHANGE_DELAY, Service, new_account, new_database};

fn id(client: &Client) -> KeyId {
    Token::parse(client.key.as_ref().unwrap()).unwrap().id().clone()
}

fn refused(client: &Client, headers: &[(&str, &str)]) -> String {
    let reply = client.send("GET", "/v1/contacts", headers, b"");
    assert_eq!(reply.expect(401)["error"]["code"], "unauthorized");
    let challenge = reply.header("WWW-Authenticate").to_owned();
    let reply = client.send("GET", "/addressbook/contacts", headers, b"");
    assert_eq!(reply.expect(401)["error"]["name"], "UnauthorizedError");
    assert_eq!(reply.header("WWW-Authenticate"), challenge);
    challenge
}

/// Longer than four requests take on a busy machine.
const OVERLAP: Duration = Duration::from_secs(2);

on_both_databases! {
    fn missing_or_invalid_keys_are_rejected(service: &Service) {
        const MISSING: &str = r#"Bearer realm="addressbook""#;
        const INVALID: &str = r#"Bearer realm="addressbook", error="invalid_token""#;
        let anonymous = service.anonymous();
        let good = service.client().key.unwrap();
        assert_eq!(refused(&anonymous, &[]), MISSING);
        assert_eq!(refused(&anonymous, &[("Authorization", &format!("Basic {good}"))]), MISSING);
        assert_eq!(refused(&anonymous, &[("Authorization", &good)]), MISSING);
        assert_eq!(refused(&anonymous, &[("X-Api-Key", &good)]), MISSING);
        assert_eq!(refused(&anonymous.with_key(&good), &[("Authorization", "Bearer x")]), MISSING, "two of them");
        assert_eq!(refused(&anonymous.with_key(""), &[]), MISSING);
        assert_eq!(refused(&anonymous.with_key("x"), &[]), INVALID);
        assert_eq!(refused(&anonymous.with_key(&good[..good.len() - 1]), &[]), INVALID);
        assert_eq!(refused(&anonymous.with_key(&format!("{good}x")), &[]), INVALID);
        // Well-formed, but never issued.
        assert_eq!(refused(&anonymous.with_key(&Token::generate(KeyKind::Account).unwrap().reveal()), &[]), INVALID);
        // The scheme is case-insensitive.
        let bearer = format!("bearer {good}");
        assert_eq!(anonymous.send("GET", "/v1/contacts", &[("Authorization", &bearer)], b"").status, 200);
    }

    fn expired_and_revoked_keys_are_rejected(service: &Service) {
        let (keys, runtime) = service.keys();
        let account = new_account();
        // Long enough for one request, on a machine that is busy.
        let lifetime = Duration::from_secs(2);
        let short = KeyRequest {
            permissions: Permissions::All,
            expires_in: Some(lifetime),
            label: None,
        };
        let expiring = service.client_with(&account, short);
        assert_eq!(expiring.get("/v1/contacts").status, 200);
        std::thread::sleep(lifetime + Duration::from_millis(50));
        refused(&expiring, &[]);
        assert!(runtime.block_on(keys.rotate(&id(&expiring), Duration::ZERO)).is_err(), "it is gone for good");

        let revoked = service.client_of(&account, &[]);
        assert_eq!(revoked.get("/v1/contacts").status, 200);
        runtime.block_on(keys.revoke(&id(&revoked))).unwrap();
        std::thread::sleep(KEY_CHANGE_DELAY);
        refused(&revoked, &[]);
    }

    fn rotated_keys_overlap(service: &Service) {
        let (keys, runtime) = service.keys();
        let old = service.client_of(&new_account(), &[Permission::ReadContacts]);
        let token = runtime.block_on(keys.rotate(&id(&old), OVERLAP)).unwrap().token;
        let new = old.with_key(&token.reveal());
        for client in [&old, &new] {
            assert_eq!(client.get("/v1/contacts").status, 200);
            assert_eq!(client.post("/v1/contacts", &serde_json::json!({})).status, 403, "no more than before");
        }
        std::thread::sleep(OVERLAP + KEY_CHANGE_DELAY);
        refused(&old, &[]);
        assert_eq!(new.get("/v1/contacts").status, 200);
    }
}

#[test]
fn a_key_revoked_on_one_instance_is_rejected_on_all() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let (one, other) = (Service::start_on(&url, |_| {}), Service::start_on(&url, |_| {}));
    let client = one.client();
    let elsewhere = Client::new(&other.address, client.key.clone());
    crate::contacts::create(&client, "john", "+4479000000001");
    assert_eq!(elsewhere.get("/v1/contacts?username=john").expect(200)["data"][0]["username"], "john");
    let (keys, runtime) = one.keys();
    runtime.block_on(keys.revoke(&id(&client))).unwrap();
    // In continuous use, so that its cache entry does not expire for lack of requests.
    let revoked = std::time::Instant::now();
    while revoked.elapsed() < KEY_CHANGE_DELAY {
        drop((client.get("/v1/contacts"), elsewhere.get("/v1/contacts")));
    }
    refused(&client, &[]);
    refused(&elsewhere, &[]);
}
