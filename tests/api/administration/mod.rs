//! The administration API: operators manage accounts and keys, and see nothing of what is in an account.

mod accounts;
mod authentication;
mod command_line;
mod document;
mod keys;
mod last_use;
mod limits;
mod purge;
mod states;

use std::sync::OnceLock;

use addressbook::config::Settings;
use serde_json::{Value, json};

use crate::harness::{Backend, Client, Reply, Service, new_account};

/// A service with an administration address, which these tests share; `None` if its database is unavailable.
fn shared(backend: Backend) -> Option<&'static Service> {
    static SQLITE: OnceLock<Option<Service>> = OnceLock::new();
    static POSTGRES: OnceLock<Option<Service>> = OnceLock::new();
    let cell = match backend {
        Backend::Sqlite => &SQLITE,
        Backend::Postgres => &POSTGRES,
    };
    cell.get_or_init(|| Service::start(backend, with_administration)).as_ref()
}

fn with_administration(settings: &mut Settings) {
    settings.admin_bind = Some("127.0.0.1:0".to_owned());
}

/// Without a key.
fn anonymous(service: &Service) -> Client {
    Client::new(service.admin_address.as_ref().unwrap(), None)
}

/// A new account.
fn create(operator: &Client) -> Value {
    let account = operator.post("/admin/v1/accounts", &json!({"name": new_account()}));
    account.expect(201)
}

fn path(account: &Value) -> String {
    format!("/admin/v1/accounts/{}", account["id"])
}

/// Code and message of an error, in the envelope of the API.
#[track_caller]
fn error(reply: &Reply, status: u16) -> (String, String) {
    let error = &reply.expect(status)["error"];
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}
