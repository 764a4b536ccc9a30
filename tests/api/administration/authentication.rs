//! A key of one kind is no key of the other.

use std::time::Duration;

use addressbook::domain::api_key::{KeyId, KeyKind, Token};

use super::{anonymous, error, shared, with_administration};
use crate::harness::{Backend, Client, Service, new_account};

const ACCOUNTS: &str = "/admin/v1/accounts";

fn id(client: &Client) -> KeyId {
    Token::parse(client.key.as_ref().unwrap()).unwrap().id().clone()
}

#[track_caller]
fn refused(client: &Client, path: &str, message: &str) {
    let reply = client.get(path);
    assert_eq!(error(&reply, 401), ("unauthorized".to_owned(), message.to_owned()));
    let challenge = reply.header("WWW-Authenticate");
    assert_eq!(challenge.contains("invalid_token"), client.key.is_some(), "{challenge}");
}

fn keys_of_the_other_kind_are_refused(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let (operator, client) = (service.operator(), service.client());
    assert_eq!(operator.get(ACCOUNTS).status, 200);
    assert_eq!(client.get("/v1/contacts").status, 200);
    let of_account = operator.with_key(client.key.as_ref().unwrap());
    let of_operator = client.with_key(operator.key.as_ref().unwrap());
    refused(
        &of_account,
        ACCOUNTS,
        "This is the API key of an account; the administration API requires an operator key",
    );
    let message = "This is an operator key, which is for the administration API only; an API key is required";
    refused(&of_operator, "/v1/contacts", message);
    let reply = of_operator.get("/addressbook/contacts");
    assert_eq!(reply.expect(401)["error"]["message"], message);
    // Nor with the other prefix: they are stored apart.
    let (from, to) = ("ab_operator_", "ab_live_");
    let disguised = client.with_key(&operator.key.as_ref().unwrap().replace(from, to));
    refused(&disguised, "/v1/contacts", "The API key is unknown, expired or revoked");
    let disguised = operator.with_key(&client.key.as_ref().unwrap().replace(to, from));
    refused(&disguised, ACCOUNTS, "The operator key is unknown, expired or revoked");
}

fn only_valid_operator_keys_are_accepted(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let anonymous = anonymous(service);
    refused(&anonymous, ACCOUNTS, "An operator key is required: Authorization: Bearer <key>");
    let good = service.operator();
    let key = good.key.as_deref().unwrap();
    let rejected = "The operator key is unknown, expired or revoked";
    let malformed = "The operator key is malformed; check that it was copied completely";
    refused(&anonymous.with_key(&key[..key.len() - 1]), ACCOUNTS, malformed);
    let unknown = Token::generate(KeyKind::Operator).unwrap().reveal();
    refused(&anonymous.with_key(&unknown), ACCOUNTS, rejected);

    let (operators, runtime) = service.operators();
    let token = runtime.block_on(operators.create(Some(Duration::from_millis(1)), None)).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    refused(&anonymous.with_key(&token.reveal()), ACCOUNTS, rejected);

    assert_eq!(good.get(ACCOUNTS).status, 200);
    runtime.block_on(operators.revoke(&id(&good))).unwrap();
    // At once: no cache answers.
    refused(&good, ACCOUNTS, rejected);
}

/// Neither address serves what the other does.
fn the_apis_are_served_apart(backend: Backend) {
    let Some(service) = shared(backend) else { return };
    let (operator, client) = (service.operator(), service.client_of(&new_account(), &[]));
    for path in ["/v1/contacts", "/addressbook/contacts", "/openapi.json", "/docs/", "/admin/v1/contacts"] {
        assert_eq!(error(&operator.get(path), 404).0, "route_not_found", "{path}");
    }
    for path in [ACCOUNTS, "/admin/", "/admin/openapi.json", "/metrics"] {
        assert_eq!(error(&client.get(path), 404).0, "route_not_found", "{path}");
    }
    let reply = operator.delete(ACCOUNTS);
    assert_eq!(error(&reply, 405).0, "method_not_allowed");
    assert_eq!(reply.header("Allow"), "POST, GET, HEAD");
}

on_each! {
    keys_of_the_other_kind_are_refused
    only_valid_operator_keys_are_accepted
    the_apis_are_served_apart
}

/// Whoever may connect to the address needs a key for everything that a key protects.
#[test]
fn no_operation_is_public() {
    let service = Service::start(Backend::Sqlite, with_administration).unwrap();
    let anonymous = anonymous(&service);
    for call in super::document::calls() {
        let reply = anonymous.send(&call.method, &call.example_path(), &[], b"");
        assert_eq!(reply.status, 401, "{}", call.id);
    }
}
