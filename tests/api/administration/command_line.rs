//! `addressbook accounts` and the operator keys of `addressbook keys`, beside a running server; and the log of what
//! operators change.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook, fails};
use crate::harness::{Backend, Client, folder, new_database};

const ACCOUNTS: &str = "/admin/v1/accounts";

/// Runs a command on a database, and returns what it has printed.
#[track_caller]
fn run(folder: &Path, url: &str, arguments: &[&str]) -> String {
    let output = addressbook(folder, arguments).args(["--database-url", url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The words of each line after the header.
fn rows(table: &str) -> Vec<Vec<String>> {
    table.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn operator_keys_come_from_the_command_line(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let folder = folder();
    let arguments = ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log=off", "--database-url", &url];
    let server = ServerProcess::start(&mut addressbook(&folder, &arguments));
    let run = |arguments: &[&str]| run(&folder, &url, arguments);
    let key = run(&["keys", "create", "--operator", "--label", "on call", "--expires", "90d"]);
    assert!(key.starts_with("ab_operator_") && key.lines().count() == 1, "{key}");
    let operator = server.admin().with_key(&key);
    operator.get(ACCOUNTS).expect(200);

    let id = key.split('_').nth(2).unwrap();
    let listed = rows(&run(&["keys", "list", "--operator"]));
    let [row] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&*row[0], &*row[1]), (id, "live"), "{row:?}");
    assert!(row.ends_with(&["on".to_owned(), "call".to_owned()]), "{row:?}");
    assert!(!run(&["keys", "list"]).contains(id), "it is no key of an account");
    // Both work until the overlap is over.
    let successor = run(&["keys", "rotate", id, "--overlap", "1h"]);
    assert!(successor.starts_with("ab_operator_") && successor.lines().count() == 1, "{successor}");
    operator.get(ACCOUNTS).expect(200);
    operator.with_key(&successor).get(ACCOUNTS).expect(200);
    let listed = rows(&run(&["keys", "list", "--operator"]));
    let [old, new] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&old[0], &old[4..]), (&id.to_owned(), &new[4..]), "the label is the same");
    assert!(old[3] < new[3], "{listed:?}");
    let newest = run(&["keys", "rotate", &new[0], "--overlap", "0s"]);
    assert_eq!(operator.with_key(&successor).get(ACCOUNTS).status, 401);
    operator.with_key(&newest).get(ACCOUNTS).expect(200);
    run(&["keys", "revoke", id]);
    assert_eq!(operator.get(ACCOUNTS).status, 401);
    assert_eq!(rows(&run(&["keys", "list", "--operator"]))[0][1], "revoked");
    let mut again = addressbook(&folder, &["keys", "rotate", id, "--database-url", &url]);
    fails(&mut again, &["has expired or was revoked"]);

    let command = |arguments: &[&str]| {
        let mut command = addressbook(&folder, arguments);
        command.args(["--database-url", &url]);
        command
    };
    fails(&mut command(&["keys", "create"]), &["--account"]);
    fails(&mut command(&["keys", "create", "--operator", "--account", "a"]), &["--operator", "--account"]);
    let permission = ["keys", "create", "--operator", "--permission", "read:Contacts"];
    fails(&mut command(&permission), &["--operator", "--permission"]);
    // What a script has not found is not all permissions.
    fails(&mut command(&["keys", "create", "--account", "a", "--permission", ""]), &["--permission"]);
    fails(&mut command(&["keys", "revoke", "0000000000000000"]), &["no key 0000000000000000"]);
}

fn accounts_are_managed_on_the_command_line(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let folder = folder();
    let arguments = ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log=off", "--database-url", &url];
    let server = ServerProcess::start(&mut addressbook(&folder, &arguments));
    let run = |arguments: &[&str]| run(&folder, &url, arguments);
    let operator = server.admin().with_key(&run(&["keys", "create", "--operator"]));
    let id = run(&["accounts", "create", "acme works"]);
    let account = operator.get(&format!("{ACCOUNTS}/{id}")).expect(200);
    assert_eq!((&account["name"], &account["contacts"]), (&json!("acme works"), &json!(0)));
    let key = run(&["keys", "create", "--account", "acme works"]);
    crate::contacts::create(&Client::new(server.address(), Some(key)), "john", "+4479000000001");
    let shown = rows(&run(&["accounts", "show", "acme works"]));
    let [row] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!(row[4..], ["-", "1", "acme", "works"], "{row:?}");
    assert_eq!((&*row[0], &*row[1], &*row[3]), (&*id, "active", "-"), "{row:?}");
    for (command, state) in [("suspend", "suspended"), ("close", "closed"), ("resume", "active")] {
        let shown = rows(&run(&["accounts", command, "acme works"]));
        assert_eq!(shown[0][1], state);
        assert_eq!(operator.get(&format!("{ACCOUNTS}/{id}")).expect(200)["state"], state);
    }

    let limits =
        |arguments: &[&str]| rows(&run(&[&["accounts", "limits", "acme works"], arguments].concat()));
    let shown = limits(&["contacts=5", "streams=7", "contacts=6"]);
    let expected = [("contacts", "6"), ("streams", "7"), ("feeds", "default")];
    for (name, value) in expected {
        assert!(shown.contains(&vec![name.to_owned(), value.to_owned()]), "{name}: {shown:?}");
    }
    assert_eq!(limits(&[]), shown);
    let account = operator.get(&format!("{ACCOUNTS}/{id}")).expect(200);
    assert_eq!((&account["limits"]["contacts"], &account["limits"]["streams"]), (&json!(6), &json!(7)));
    assert!(limits(&["contacts=default"]).contains(&vec!["contacts".to_owned(), "default".to_owned()]));
    for (change, message) in [
        ("contacts=0", "contacts must be"),
        ("contacts=many", "contacts must be"),
        ("contacts", "LIMIT=VALUE"),
        ("things=5", "unknown limit; the limits are key_rate"),
    ] {
        let mut command = addressbook(&folder, &["accounts", "limits", "acme works", change]);
        fails(command.args(["--database-url", &url]), &[message]);
    }

    // More than a page of them, newest first.
    for number in 0..101 {
        operator.post(ACCOUNTS, &json!({"name": format!("tenant {number}")})).expect(201);
    }
    let names: Vec<String> =
        rows(&run(&["accounts", "list"])).into_iter().map(|row| row[6..].join(" ")).collect();
    let expected = (0..101).rev().map(|number| format!("tenant {number}"));
    assert_eq!(names, expected.chain(["acme works".to_owned(), "default".to_owned()]).collect::<Vec<_>>());

    let mut again = addressbook(&folder, &["accounts", "create", "acme works", "--database-url", &url]);
    fails(&mut again, &["name is already taken"]);
    let mut unknown = addressbook(&folder, &["accounts", "show", "nobody", "--database-url", &url]);
    fails(&mut unknown, &["there is no account `nobody`"]);
}

on_each! {
    operator_keys_come_from_the_command_line
    accounts_are_managed_on_the_command_line
}

/// By whom, what and where; reads and refused changes are no changes.
#[test]
fn every_change_is_logged() {
    let folder = folder();
    let arguments = ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log-format=json"];
    let mut server = ServerProcess::start(&mut addressbook(&folder, &arguments));
    server.first_key();
    let output = addressbook(&folder, &["keys", "create", "--operator"]).output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
    let operator = server.admin().with_key(&key);
    let headers = [("Content-Type", "application/json"), ("X-Request-Id", "create-acme")];
    let account = operator.send("POST", ACCOUNTS, &headers, br#"{"name": "acme"}"#).expect(201);
    operator.send("POST", ACCOUNTS, &headers, br#"{"name": "acme"}"#).expect(409);
    operator.get(ACCOUNTS).expect(200);
    server.signal("-TERM");
    let log = server.end();
    assert!(!log.contains(&key), "{log}");
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let changes: Vec<Value> = events.filter(|event| event["message"] == "administration").collect();
    let [change] = &changes[..] else { panic!("{log}") };
    assert_eq!(change["level"], "INFO");
    assert_eq!((&change["change"], &change["account"]), (&json!("createAccount"), &account["id"]));
    assert_eq!(change["operator"], key.split('_').nth(2).unwrap());
    assert_eq!(change["request_id"], "create-acme");
}
