//! Account and permission of every operation in the OpenAPI document, whichever they are: an
//! operation that is added later is tested here without a word.

use std::str::FromStr;

use addressbook::domain::Permission;

use crate::calls::Call;
use crate::harness::{Client, Service, new_account};
use crate::things::Things;

/// The number that the things in the account have, and nothing else.
const NUMBER: usize = 87_654_321;

/// A new account with one thing of each kind: a client that may do everything, the account's name, the
/// things.
fn account(service: &Service, calls: &[Call]) -> (Client, String, Things) {
    let name = new_account();
    let owner = service.client_of(&name, &[]);
    let things = Things::make_other(calls, &owner, NUMBER);
    (owner, name, things)
}

on_both_databases! {
    fn of_permissions(service: &Service) {
        let calls = Call::all(&service.anonymous().get("/openapi.json").expect(200));
        let mut used = Vec::new();
        for call in &calls {
            let Some(needed) = &call.permission else {
                assert!(["getHealth", "getReadiness"].contains(&call.id.as_str()), "{} needs no key", call.id);
                assert_eq!(call.send(&service.anonymous()).status, 200);
                continue;
            };
            let needed = Permission::from_str(needed).unwrap();
            used.push(needed);
            let (_, name, things) = account(service, &calls);
            let call = call.clone().on(&things);
            for other in Permission::ALL.iter().copied().filter(|other| *other != needed) {
                let reply = call.send(&service.client_of(&name, &[other]));
                let message = reply.fault(403).0;
                assert!(message.contains(needed.as_str()), "{} with {other}: {message}", call.id);
                let challenge = reply.header("WWW-Authenticate");
                assert!(challenge.contains("insufficient_scope") && challenge.contains(needed.as_str()));
            }
            assert_eq!(call.send(&service.anonymous()).status, 401, "{}", call.id);
            let reply = call.send(&service.client_of(&name, &[needed]));
            assert!((200..300).contains(&reply.status), "{} with {needed}: {}", call.id, reply.status);
        }
        // What only some requests to an operation ask for: an audience is kept with one permission more.
        let keep = calls.iter().find(|call| call.id == "createAudience").unwrap().to_make();
        let reply = keep.send(&service.client_of(&new_account(), &[Permission::ReadContacts]));
        assert!(reply.fault(403).0.contains("create:Audiences"));
        let permissions = [Permission::ReadContacts, Permission::CreateAudiences];
        keep.send(&service.client_of(&new_account(), &permissions)).expect(201);
        used.push(Permission::CreateAudiences);
        for permission in Permission::ALL {
            assert!(used.contains(permission), "nothing needs {permission}");
        }
    }

    fn of_accounts(service: &Service) {
        let calls = Call::all(&service.anonymous().get("/openapi.json").expect(200));
        let marks = [format!("thing {NUMBER}"), NUMBER.to_string()];
        for call in calls.iter().filter(|call| call.permission.is_some()) {
            let (owner, _, things) = account(service, &calls);
            let before = Things::listed(&owner);
            assert!(before.iter().all(|list| list["data"].as_array().unwrap().len() == 1), "{before:?}");
            let call = call.clone().on(&things);
            let reply = call.send(&service.client());
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            for mark in things.ids().chain(marks.iter().map(String::as_str)) {
                assert!(!text.contains(mark), "{}: {text}", call.id);
            }
            if call.path.contains('{') {
                assert_eq!(reply.status, 404, "{}", call.id);
            } else {
                assert!((200..300).contains(&reply.status), "{}", call.id);
            }
            assert_eq!(Things::listed(&owner), before, "{}", call.id);
        }
    }
}
