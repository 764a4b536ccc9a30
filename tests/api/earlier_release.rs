//! A rolling upgrade: an instance of an earlier release goes on serving a database that has this program's schema.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::ServerProcess;
use crate::harness::acknowledged::Acknowledged;
use crate::harness::change_log::Follower;
use crate::harness::feed::Copy;
use crate::harness::fixtures::{Fixtures, other};
use crate::harness::operations::Call;
use crate::harness::{Backend, Client, Service, folder, new_database};

/// Rounds of each writer, and writers on each of the two.
const ROUNDS: usize = 30;
const WRITERS: usize = 2;

/// `tests/upgrade/run` builds the program and runs this. (SQLite has one server, which nothing migrates beside it.)
#[test]
#[ignore = "needs the program of an earlier release, in EARLIER_PROGRAM"]
fn an_earlier_release_goes_on_beside_this_one() {
    let program = std::env::var_os("EARLIER_PROGRAM").expect("EARLIER_PROGRAM, the path of a program");
    let Some(url) = new_database(Backend::Postgres) else { return };
    let folder = folder();
    let mut process = start(program.as_ref(), &folder, &url);
    let key = process.first_key();
    let earlier = Client::new(process.address(), Some(key));
    let calls = Call::all(&earlier.get("/openapi.json").expect(200));
    let before = Fixtures::create(&calls, &earlier);

    let service = Service::start_on(&url, |_| {});
    let this = earlier.at(&service.address);
    let readiness = earlier.get("/readyz");
    if readiness.status == 503 {
        // It says so, and takes no requests: such an upgrade needs a moment without service.
        let reason = readiness.json()["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("a newer addressbook"), "{reason}");
        println!("{} cannot go on beside this schema, and says so", program.display());
        return;
    }

    assert_writes_are_seen_by_both(&service, process.address(), &url);
    let mut copy = Copy::begin(&this);
    assert_operations_work(&calls, &earlier, &before);
    copy.assert_exact(&this);
    assert_lists_agree(&earlier, &this);
    Follower::of(&url, &this).assert_agreement();

    // It can be started again, too.
    process.signal("-TERM");
    process.end();
    let process = start(program.as_ref(), &folder, &url);
    let earlier = earlier.at(process.address());
    earlier.get("/readyz").expect(200);
    assert_lists_agree(&earlier, &this);
}

fn start(program: &Path, folder: &Path, url: &str) -> ServerProcess {
    let arguments = ["--bind", "127.0.0.1:0", "--log", "warn", "--database-url", url];
    ServerProcess::start(Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()))
}

/// Writers of every kind on both at once, in a new account, and somebody who follows its changes.
fn assert_writes_are_seen_by_both(service: &Service, earlier: &str, url: &str) {
    let this = &service.client();
    let earlier = &this.at(earlier);
    let mut copy = Copy::begin(this);
    let acknowledged = &Acknowledged::new(earlier);
    std::thread::scope(|scope| {
        for (name, client) in [("earlier", earlier), ("this", this)] {
            for writer in 0..WRITERS {
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        acknowledged.write(client, &format!("{name}{writer}"), round).unwrap();
                    }
                });
            }
        }
        while copy.step(this, 100).unwrap() {}
    });
    copy.assert_exact(this);
    let mut follower = Follower::of(url, this);
    for client in [earlier, this] {
        acknowledged.assert_served(client, &mut follower);
    }
}

/// Each operation of the earlier release succeeds there, on what was created before the migration and after it.
fn assert_operations_work(calls: &[Call], earlier: &Client, before: &Fixtures) {
    let after = Fixtures::create_renamed(calls, earlier, 1);
    let (deletions, others): (Vec<&Call>, Vec<&Call>) =
        calls.iter().partition(|call| call.method == "DELETE");
    let mut number = 1;
    for (fixtures, call) in [before, &after]
        .iter()
        .flat_map(|fixtures| others.iter().chain(&deletions).map(move |call| (fixtures, call)))
    {
        number += 1;
        let call = (*call).clone().on(fixtures);
        let call =
            if call.has_json() { call.with_body(other(call.json(), number).to_string()) } else { call };
        let reply = call.send(earlier);
        // What one operation has deleted or finished, another one does not find.
        let expected = reply.status == call.success || [400, 404, 409, 410, 412, 422].contains(&reply.status);
        assert!(expected, "{}: {} {}", call.id, reply.status, String::from_utf8_lossy(&reply.body));
    }
}

/// What the earlier release lists, this one lists alike, though it may have more to say about it.
fn assert_lists_agree(earlier: &Client, this: &Client) {
    for path in ["/v1/contacts", "/v1/groups", "/v1/opt_outs", "/v1/templates", "/addressbook/contacts"] {
        let path = format!("{path}?limit=100");
        assert_contains(&this.get(&path).expect(200), &earlier.get(&path).expect(200), &path);
    }
}

#[track_caller]
fn assert_contains(all: &Value, part: &Value, path: &str) {
    match (all, part) {
        (Value::Object(all), Value::Object(part)) => {
            for (name, value) in part {
                assert_contains(all.get(name).unwrap_or(&Value::Null), value, &format!("{path} {name}"));
            }
        }
        (Value::Array(all), Value::Array(part)) => {
            assert_eq!(all.len(), part.len(), "{path}");
            for (all, part) in all.iter().zip(part) {
                assert_contains(all, part, path);
            }
        }
        _ => assert_eq!(all, part, "{path}"),
    }
}
