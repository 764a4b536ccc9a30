//! Authorisation and account scoping of every operation: a new operation needs a row in [`crate::harness::operation_table`], and is
//! covered without further code.

use std::str::FromStr;

use addressbook::domain::Permission;
use serde_json::{Value, json};

use crate::filters::encoded;
use crate::harness::fixtures::Fixtures;
use crate::harness::operations::Call;
use crate::harness::{Client, Service, new_account};

/// The number of the fixtures in the account, which occurs nonexistent else.
const NUMBER: usize = 87_654_321;

/// A new account with fixtures: a client with all permissions, the account's name, and the fixtures.
fn account(service: &Service, calls: &[Call]) -> (Client, String, Fixtures) {
    let name = new_account();
    let owner = service.client_of(&name, &[]);
    let fixtures = Fixtures::create_renamed(calls, &owner, NUMBER);
    (owner, name, fixtures)
}

fn permissions(names: &[String]) -> Vec<Permission> {
    names.iter().map(|name| Permission::from_str(name).unwrap()).collect()
}

fn all_but(one: Permission) -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|other| *other != one).collect()
}

/// Asserts that a call is rejected for lack of exactly this permission.
fn assert_lacks(call: &Call, client: &Client, needed: Permission) {
    let reply = call.send(client);
    let message = reply.violation(403).0;
    let challenge = reply.header("WWW-Authenticate");
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    for permission in Permission::ALL {
        let name = permission.as_str();
        assert_eq!(message.contains(name), *permission == needed, "{} without {needed}: {message}", call.id);
        assert_eq!(
            challenge.contains(name),
            *permission == needed,
            "{} without {needed}: {challenge}",
            call.id
        );
    }
}

fn assert_succeeds(call: &Call, client: &Client) {
    let reply = call.send(client);
    let body = String::from_utf8_lossy(&reply.body);
    assert!((200..300).contains(&reply.status), "{}: {} {body}", call.id, reply.status);
}

/// Values in the response that the call did not send, except for the effects of the change itself.
fn values_not_sent(call: &Call, response: &Value) -> Vec<String> {
    fn leaves(name: &str, value: &Value, into: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| leaves(name, value, into)),
            Value::Array(items) => items.iter().for_each(|item| leaves(name, item, into)),
            leaf => into.push((name.to_owned(), leaf.clone())),
        }
    }
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    leaves("", &call.json(), &mut sent);
    leaves("", response, &mut got);
    let in_path = |value: &Value| {
        value.as_str().is_some_and(|text| call.target().split('/').any(|segment| segment == text))
    };
    let counts = ["created", "updated", "unchanged", "failed"];
    let created = [&["success", "updated_at", "outcome", "index", "status"], &counts[..]].concat();
    got.retain(|(name, value)| {
        !created.contains(&name.as_str()) && !in_path(value) && !sent.iter().any(|(_, sent)| sent == value)
    });
    got.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

/// The call with other members in its body; null removes one.
fn with_members(call: &Call, members: &Value) -> Call {
    let mut body = call.json();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    call.with_body(body.to_string())
}

/// The call without anything that needs a conditional permission.
fn without_conditional_permissions(call: &Call) -> Call {
    match call.id.as_str() {
        "createAudience" | "resolveAddressBookAliases" => {
            with_members(call, &json!({"include_opted_out": true}))
        }
        // Each mode requires one. This one changes the fixture.
        "applyContactBatch" | "applyAddressBookContactBatch" => {
            let item = json!({"username": format!("thing {NUMBER}"), "meta": {"CITY": "Paris"}});
            call.with_items(&json!({"mode": "update"}), &[item])
        }
        _ => call.clone(),
    }
}

/// Calls that require this conditional permission in addition to those that the operation always requires. A new
/// conditional permission needs a line here.
fn requiring(call: &Call, permission: Permission, fixtures: &Fixtures) -> Vec<Call> {
    let name = format!("thing {NUMBER}");
    let bodies = match (call.id.as_str(), permission) {
        ("applyContactBatch" | "applyAddressBookContactBatch", permission) => {
            let mode = if permission == Permission::CreateContacts { "create" } else { "update" };
            let item = json!({"username": format!("by {mode}"), "phone_number": "+4479000000001"});
            return vec![call.with_items(&json!({"mode": mode}), &[item])];
        }
        ("getContact" | "listSegmentMembers", Permission::ReadGroups) => {
            return vec![call.clone().with("expand", "groups")];
        }
        ("listContacts" | "exportContacts", Permission::ReadGroups) => {
            let expand = call.clone().with("expand", "groups");
            let filter = call.clone().with("filter", encoded("NOT group:*"));
            return vec![call.clone().with("group", fixtures.id("groups")), expand, filter];
        }
        ("countContacts", Permission::ReadGroups) => {
            let filter = call.clone().with("filter", encoded("NOT group:*"));
            return vec![call.clone().with("group", fixtures.id("groups")), filter];
        }
        (_, Permission::ReadGroups) if call.takes("filter") => {
            return vec![call.clone().with("filter", encoded("NOT group:*"))];
        }
        (_, Permission::ReadSegments) if call.takes("filter") => {
            return vec![call.clone().with("filter", encoded(&format!("segment = \"{name}\"")))];
        }
        (_, Permission::ReadOptOuts) if call.takes("filter") => {
            return vec![
                call.clone().with("filter", encoded("display_name = \"a\" AND NOT (NOT opted_out)")),
            ];
        }
        // What they match is not there.
        (id, permission)
            if call.path.ends_with("/batch/get")
                || call.path.ends_with("/batch/delete")
                || id == "changeGroupMembers" =>
        {
            let filter = match permission {
                Permission::ReadGroups => "group:* AND display_name = \"nobody\"",
                Permission::ReadOptOuts => "opted_out AND display_name = \"nobody\"",
                Permission::ReadSegments => &format!("segment = \"{name}\" AND display_name = \"nobody\""),
                _ => "display_name = \"nobody\"",
            };
            return vec![call.with_body(json!({"filter": filter}).to_string())];
        }
        ("createAudience", Permission::ReadGroups) => vec![
            json!({"recipients": [{"group": fixtures.id("groups")}]}),
            json!({"recipients": [{"username": "john"}, {"group": "no such group"}], "dry_run": true}),
            json!({"recipients": [{"filter": "NOT group:*"}]}),
        ],
        ("createAudience", Permission::ReadTemplates) => vec![
            json!({"template": {"id": fixtures.id("templates")}}),
            json!({"template": {"name": name}, "dry_run": true}),
        ],
        ("createAudience", Permission::ReadSegments) => vec![
            json!({"recipients": [{"segment": fixtures.id("segments")}]}),
            json!({"recipients": [{"username": "john"}, {"segment": "no such segment"}], "dry_run": true}),
            json!({"recipients": [{"filter": format!("segment = \"{name}\"")}]}),
        ],
        ("createAudience", Permission::CreateAudiences) => vec![json!({"keep": true})],
        ("createImport", Permission::CreateContacts) => {
            vec![json!({"commit": "automatic", "mode": "create", "group": null, "columns": null})]
        }
        ("createImport", Permission::UpdateContacts) => {
            vec![json!({"commit": "automatic", "mode": "update", "group": null, "columns": null})]
        }
        ("resolveAddressBookAliases", Permission::ReadTemplates) => {
            vec![json!({"template": null, "template_name": name})]
        }
        (id @ ("createAudience" | "resolveAddressBookAliases"), Permission::ReadOptOuts) => {
            let mut bodies = vec![
                json!({"include_opted_out": null}),
                json!({"include_opted_out": false}),
                json!({"include_opted_out": null, "dry_run": true}),
            ];
            if id == "createAudience" {
                bodies.push(json!({"recipients": [{"filter": "NOT opted_out"}]}));
            }
            bodies
        }
        (id, permission) => panic!("{id} needs {permission} for some requests: for which?"),
    };
    bodies.iter().map(|members| with_members(call, members)).collect()
}

on_both_databases! {
    fn every_operation_requires_its_permissions(service: &Service) {
        let calls = Call::all(&service.anonymous().get("/openapi.json").expect(200));
        let mut used = Vec::new();
        for call in &calls {
            if !call.needs_key {
                assert!(["getHealth", "getReadiness"].contains(&call.id.as_str()), "{} needs no key", call.id);
                assert_eq!(call.send(&service.anonymous()).status, 200);
                continue;
            }
            let always = permissions(&call.always);
            let conditional = permissions(&call.conditions);
            used.extend(always.iter().chain(&conditional).copied());
            let (_, name, fixtures) = account(service, &calls);
            let call = without_conditional_permissions(&call.clone().on(&fixtures));
            assert_eq!(call.send(&service.anonymous()).status, 401, "{}", call.id);
            if call.permission.is_none() {
                assert_eq!(call.id, "getMe", "needs no permission");
                for any in Permission::ALL {
                    assert_succeeds(&call, &service.client_of(&name, &[*any]));
                }
            }
            for needed in &always {
                assert_lacks(&call, &service.client_of(&name, &all_but(*needed)), *needed);
                if let Some(other) = always.iter().find(|other| *other != needed) {
                    assert_lacks(&call, &service.client_of(&name, &[*other]), *needed);
                }
            }
            // Without any permission, a key would have all.
            let too_few = if always.is_empty() { vec![Permission::ReadTemplates] } else { always.clone() };
            // What a commit needs depends on the plan, and groups are never all that an import needs: see `imports`.
            let depends_on_plan = ["commitImport", "undoImport"].contains(&call.id.as_str());
            let is_alone = |needed: &Permission| {
                call.id != "createImport" || ![Permission::CreateGroups, Permission::UpdateGroups].contains(needed)
            };
            // What a stored filter is about: see `segments`.
            let is_of_segment = |needed: &Permission| {
                let by_parameter = call.takes("expand") && *needed == Permission::ReadGroups;
                call.path.contains("/segments/") && !by_parameter
            };
            let conditional = conditional.into_iter().filter(|needed| !is_of_segment(needed));
            for needed in conditional.filter(|_| !depends_on_plan).filter(is_alone) {
                // Whoever deletes or adds by a filter reads, whatever the filter is about.
                let by_filter = call.path.ends_with("/batch/delete") || call.id == "changeGroupMembers";
                let reads = by_filter && needed != Permission::ReadContacts;
                let mut too_few: Vec<_> =
                    too_few.iter().copied().chain(reads.then_some(Permission::ReadContacts)).collect();
                // The filter of a segment can be about both.
                if needed == Permission::ReadSegments {
                    too_few.extend([Permission::ReadGroups, Permission::ReadOptOuts]);
                }
                let enough: Vec<_> = always.iter().copied().chain([needed]).chain(too_few.iter().copied()).collect();
                for call in requiring(&call, needed, &fixtures) {
                    assert_lacks(&call, &service.client_of(&name, &all_but(needed)), needed);
                    assert_lacks(&call, &service.client_of(&name, &too_few), needed);
                    assert_succeeds(&call, &service.client_of(&name, &enough));
                }
            }
            if depends_on_plan {
                continue;
            }
            let reply = call.send(&service.client_of(&name, &always));
            assert_eq!(reply.status, call.success, "{}: {}", call.id, String::from_utf8_lossy(&reply.body));
            for needed in permissions(&call.shows) {
                used.push(needed);
                // What a stored filter is about decides the others: see `segments`.
                if ["getSegment", "getAddressBookSegment"].contains(&call.id.as_str()) {
                    let count = |permissions: &[Permission]| {
                        let shown = call.send(&service.client_of(&name, permissions)).expect(200);
                        shown.get("record").unwrap_or(&shown)["count"].clone()
                    };
                    assert_eq!(count(&all_but(needed)).is_null(), needed == Permission::ReadContacts);
                    assert_eq!(count(&[always[0], Permission::ReadContacts]), 1);
                    continue;
                }
                // A create returns what was sent, except for values that the server generates: see `opt_outs`.
                if !call.creates() {
                    let reply = call.send(&service.client_of(&name, &all_but(needed)));
                    let values_not_sent = values_not_sent(&call, &reply.expect(200));
                    assert!(values_not_sent.is_empty(), "{} without {needed}: {values_not_sent:?}", call.id);
                    // One that always requires none requires some of these.
                    let all = if always.is_empty() { permissions(&call.conditions) } else { always.clone() };
                    let enough: Vec<_> = all.into_iter().chain([needed]).collect();
                    let reply = call.send(&service.client_of(&name, &enough));
                    assert!(!self::values_not_sent(&call, &reply.expect(200)).is_empty(), "{} with {needed}", call.id);
                }
            }
            // An operation that changes something and returns more than its success declares which permission shows
            // it.
            if call.permission.as_ref().is_some_and(|permission| permission.starts_with("update:")) {
                let silent = ["removeAddressBookGroupContact"].contains(&call.id.as_str());
                assert_eq!(call.shows.is_empty(), silent, "{}", call.id);
            }
        }
        for permission in Permission::ALL {
            assert!(used.contains(permission), "nothing needs {permission}");
        }
    }

    fn no_operation_reaches_another_account(service: &Service) {
        let calls = Call::all(&service.anonymous().get("/openapi.json").expect(200));
        let marks = [format!("thing {NUMBER}"), NUMBER.to_string()];
        for call in calls.iter().filter(|call| call.needs_key) {
            let (owner, _, fixtures) = account(service, &calls);
            fixtures.wait_until_settled(&owner);
            let before = Fixtures::list_all(&owner);
            assert!(before.iter().all(|list| list["data"].as_array().unwrap().len() == 1), "{before:?}");
            let call = call.clone().on(&fixtures);
            let reply = call.send(&service.client());
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            for mark in fixtures.ids().chain(marks.iter().map(String::as_str)) {
                assert!(!text.contains(mark), "{}: {text}", call.id);
            }
            if call.path.contains('{') {
                assert_eq!(reply.status, 404, "{}: {text}", call.id);
            } else {
                assert!((200..300).contains(&reply.status), "{}: {text}", call.id);
            }
            assert_eq!(Fixtures::list_all(&owner), before, "{}", call.id);
        }
    }
}
