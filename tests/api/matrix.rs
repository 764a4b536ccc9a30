//! Account and permission of every operation in the OpenAPI document, whichever they are: an
//! operation that is added later is tested here without a word.

use std::str::FromStr;

use addressbook::domain::Permission;
use serde_json::Value;

use crate::harness::{Client, Reply, Service, new_account};

/// An operation of the document.
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub permission: Option<Permission>,
    pub body: Option<Value>,
}

/// All operations of a document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let examples = operation["requestBody"]["content"]["application/json"]["examples"].as_object();
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                permission: operation["security"][0]["ApiKey"][0]
                    .as_str()
                    .map(|permission| Permission::from_str(permission).unwrap()),
                body: examples.map(|examples| examples.values().next().unwrap()["value"].clone()),
            });
        }
    }
    operations
}

impl Operation {
    /// Calls it with its own example, on this contact where it is about one.
    pub fn call(&self, client: &Client, contact: &str) -> Reply {
        let open = self.path.find('{');
        let path = match (open, self.path.find('}')) {
            (Some(open), Some(close)) => {
                format!("{}{contact}{}", &self.path[..open], &self.path[close + 1..])
            }
            _ => self.path.clone(),
        };
        match &self.body {
            Some(body) => client.send_json(&self.method, &path, &body.to_string()),
            None => client.send(&self.method, &path, &[], b""),
        }
    }

    fn is_about_one(&self) -> bool {
        self.path.contains('{')
    }
}

/// A new account with one contact: a client that may do everything, the account's name, the id.
fn account(service: &Service) -> (Client, String, String) {
    let name = new_account();
    let owner = service.client_of(&name, &[]);
    let contact = crate::v1::create(&owner, "the only one", "+14155550100");
    (owner, name, contact["id"].as_str().unwrap().to_owned())
}

on_both_databases! {
    fn of_permissions(service: &Service) {
        let document = service.anonymous().get("/openapi.json").expect(200);
        let mut used = Vec::new();
        for operation in operations(&document) {
            let Some(needed) = operation.permission else {
                assert!(["getHealth", "getReadiness"].contains(&operation.id.as_str()), "{} needs no key", operation.id);
                assert_eq!(operation.call(&service.anonymous(), "").status, 200);
                continue;
            };
            used.push(needed);
            for permission in Permission::ALL.iter().copied() {
                let (_, name, contact) = account(service);
                let reply = operation.call(&service.client_of(&name, &[permission]), &contact);
                if permission == needed {
                    assert!((200..300).contains(&reply.status), "{} with {permission}: {}", operation.id, reply.status);
                } else {
                    let message = reply.fault(403).0;
                    assert!(message.contains(needed.as_str()), "{}: {message}", operation.id);
                    let challenge = reply.header("WWW-Authenticate");
                    assert!(challenge.contains("insufficient_scope") && challenge.contains(needed.as_str()));
                }
            }
            let (_, _, contact) = account(service);
            assert_eq!(operation.call(&service.anonymous(), &contact).status, 401, "{}", operation.id);
        }
        for permission in Permission::ALL {
            assert!(used.contains(permission), "nothing needs {permission}");
        }
    }

    fn of_accounts(service: &Service) {
        let document = service.anonymous().get("/openapi.json").expect(200);
        for operation in operations(&document).iter().filter(|operation| operation.permission.is_some()) {
            let (owner, _, contact) = account(service);
            let before = owner.get(&format!("/v1/contacts/{contact}")).expect(200);
            let stranger = service.client();
            let reply = operation.call(&stranger, &contact);
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(!text.contains(&contact) && !text.contains("the only one"), "{}: {text}", operation.id);
            if operation.is_about_one() {
                assert_eq!(reply.status, 404, "{}", operation.id);
            } else {
                assert!((200..300).contains(&reply.status), "{}", operation.id);
            }
            assert_eq!(owner.get("/addressbook/contacts").expect(200)["total"], 1);
            assert_eq!(owner.get(&format!("/v1/contacts/{contact}")).expect(200), before, "{}", operation.id);
        }
    }
}
