//! The change log proves itself: under load, a follower that reads nothing but the log rebuilds the account, and every
//! request that changed something has its entries, and no other has any. Meanwhile fields are declared and deleted, and
//! their index agrees with the contacts whenever log and tables are compared.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::change_log::{Entry, Follower, key_id};
use crate::harness::feed::Copy;
use crate::harness::field_index::{declare, wait_until_ready};
use crate::harness::{Backend, Client, Reply, Service, TIMEOUT, new_account, new_database};

const WRITERS: usize = 10;

/// How many clients follow the feed, each with pages of another size.
const PAGE_SIZES: [usize; 3] = [1, 7, 100];

/// How long the load lasts; `CHANGE_LOG_SECONDS` for a longer run.
fn duration() -> Duration {
    Duration::from_secs(std::env::var("CHANGE_LOG_SECONDS").map_or(4, |seconds| seconds.parse().unwrap()))
}

/// How often log and tables are compared as a whole during the load.
const COMPARISON_INTERVAL: Duration = Duration::from_millis(400);

/// Numbers that are opted out and in again, so that writers meet.
const NUMBERS: usize = 12;

/// How many requests may fail, on a machine that stalls.
const MAX_UNKNOWN: usize = 8;

/// A name that is never free.
const TAKEN: &str = "taken";

/// An entry that a request is expected to have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    event: &'static str,
    resource: Uuid,
    group: Option<Uuid>,
    /// If the response tells.
    version: Option<i64>,
    fields: Option<String>,
}

/// What the log must hold of a request, according to its response.
#[derive(Debug)]
struct Expected {
    request: String,
    key: String,
    /// Method, path and status, for messages.
    what: String,
    changes: Vec<Change>,
    /// It may have changed nothing: another request had set the same value. The version in its response is that other
    /// request's then.
    or_none: bool,
}

/// The state that writers share.
#[derive(Default)]
struct Shared {
    numbers: AtomicUsize,
    contacts: Mutex<Vec<String>>,
    groups: Mutex<Vec<String>>,
    templates: Mutex<Vec<String>>,
    expected: Mutex<Vec<Expected>>,
    /// Requests whose outcome is unknown: a stalled machine exceeds the timeout of a commit.
    unknown: Mutex<Vec<String>>,
    /// How often what happened: an operation and a status, 200 for any success.
    seen: Mutex<BTreeMap<(&'static str, u16), usize>>,
}

impl Shared {
    fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn saw(&self, operation: &'static str, status: u16) {
        let status = if status < 300 { 200 } else { status };
        *self.seen.lock().unwrap().entry((operation, status)).or_default() += 1;
    }
}

/// One of several; rarely the same for two callers, often enough for conflicts.
fn any(of: &Mutex<Vec<String>>) -> Option<String> {
    let of = of.lock().unwrap();
    (!of.is_empty()).then(|| of[fastrand::usize(..of.len())].clone())
}

/// Takes an id out, most of the time: the rest are addressed after they are gone.
fn forget(of: &Mutex<Vec<String>>, id: &str) {
    if fastrand::u8(..4) > 0 {
        of.lock().unwrap().retain(|known| known != id);
    }
}

struct WriterThread<'l> {
    shared: &'l Shared,
    /// One client of each server, each with a key of its own.
    clients: &'l [Client],
    /// A contact that no other thread changes, and the display name that it has.
    own: (String, String),
}

/// A request that was answered.
struct Answered {
    reply: Reply,
    request: String,
    key: String,
    what: String,
}

impl Answered {
    /// The id in the response.
    fn id(&self) -> Uuid {
        let json = self.reply.json();
        json.pointer("/record/id").or(json.get("id")).unwrap().as_str().unwrap().parse().unwrap()
    }

    fn version(&self) -> Option<i64> {
        self.reply.header("ETag").trim_matches('"').parse().ok()
    }

    fn is_replay(&self) -> bool {
        self.reply.header("Idempotent-Replayed") == "true"
    }
}

fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

impl<'l> WriterThread<'l> {
    fn new(shared: &'l Shared, clients: &'l [Client]) -> Self {
        let mut this = Self { shared, clients, own: (String::new(), String::new()) };
        let name = format!("own-{}", shared.number());
        let body = json!({"username": name, "phone_number": "+4479000000001", "display_name": name});
        let Some(created) = this.send("createOwn", "POST", "/v1/contacts", &[], &body) else { return this };
        assert_eq!(created.reply.status, 201);
        this.own = (created.id().to_string(), name);
        this.expect(created, |answered| vec![this.of(answered, "contact.created", None)]);
        this
    }

    /// Sends a request through one of the servers. It succeeds, or is refused for a reason that the load brings about.
    /// `None` if its outcome is unknown.
    fn send(
        &self,
        operation: &'static str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Option<Answered> {
        let client = &self.clients[fastrand::usize(..self.clients.len())];
        let request = format!("request-{}", self.shared.number());
        let mut all = vec![("Content-Type", "application/json"), ("X-Request-Id", request.as_str())];
        all.extend(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply =
            client.try_send(method, path, &all, body.as_bytes()).ok().filter(|reply| reply.status != 503);
        let Some(reply) = reply else {
            self.shared.unknown.lock().unwrap().push(request);
            return None;
        };
        let what = format!("{method} {path} {body} {}", reply.status);
        let refused = [404, 409, 410, 412].contains(&reply.status);
        assert!(
            refused || (200..300).contains(&reply.status),
            "{what}: {}",
            String::from_utf8_lossy(&reply.body)
        );
        self.shared.saw(operation, reply.status);
        Some(Answered { reply, request, key: key_id(client), what })
    }

    fn expect(&self, answered: Answered, changes: impl FnOnce(&Answered) -> Vec<Change>) {
        self.record(answered, false, changes);
    }

    /// Records what the log must hold of a request; of one that was refused or replayed, nothing.
    fn record(&self, answered: Answered, or_none: bool, changes: impl FnOnce(&Answered) -> Vec<Change>) {
        let effective = answered.reply.status < 300 && !answered.is_replay();
        let changes = if effective { changes(&answered) } else { Vec::new() };
        let Answered { reply: _, request, key, what } = answered;
        self.shared.expected.lock().unwrap().push(Expected { request, key, what, changes, or_none });
    }

    /// The change of the resource in a response.
    fn of(&self, answered: &Answered, event: &'static str, field: Option<&str>) -> Change {
        let fields = field.map(|field| json!([field]).to_string());
        Change { event, resource: answered.id(), group: None, version: answered.version(), fields }
    }

    fn deleted(&self, event: &'static str, id: &str) -> Vec<Change> {
        vec![Change { event, resource: uuid(id), group: None, version: None, fields: None }]
    }

    fn act(&mut self) {
        match fastrand::u8(..100) {
            0..16 => self.create_contact(),
            16..22 => self.create_contested_contact(),
            22..28 => self.create_keyed(),
            28..46 => self.update_contact(),
            46..54 => self.update_if_unchanged(),
            54..58 => self.update_nothing(),
            58..64 => self.rename(),
            64..68 => self.change_number(),
            68..74 => self.delete_contact(),
            74..78 => self.write_groups(),
            78..80 => self.apply_batch(),
            80 => self.delete_batch(),
            81..90 => self.change_members(),
            90..97 => self.write_opt_outs(),
            _ => self.write_templates(),
        }
    }

    fn create_contact(&self) {
        let name = format!("contact-{}", self.shared.number());
        self.create(&name, &[]);
    }

    /// Two writers, often at the same time, want the same name.
    fn create_contested_contact(&self) {
        self.create(&format!("contested-{}", self.shared.number() / 64), &[]);
    }

    /// Two writers, often at the same time, use the same key, and each repeats its request.
    fn create_keyed(&self) {
        let name = format!("keyed-{}", self.shared.number() / 64);
        for _ in 0..2 {
            self.create(&name, &[("Idempotency-Key", name.as_str())]);
        }
    }

    fn create(&self, name: &str, headers: &[(&str, &str)]) {
        let of_v1 = json!({"username": name, "phone_number": "+4479000000001"});
        // A key belongs to one operation.
        let Some(created) = (if headers.is_empty() && fastrand::bool() {
            let body = json!({"alias": name, "msisdn": "4479000000001"});
            self.send("createContact", "POST", "/addressbook/contacts", headers, &body)
        } else {
            self.send("createContact", "POST", "/v1/contacts", headers, &of_v1)
        }) else {
            return;
        };
        if created.is_replay() {
            self.shared.saw("replay", 200);
        }
        self.expect(created, |answered| {
            self.shared.contacts.lock().unwrap().push(answered.id().to_string());
            vec![self.of(answered, "contact.created", None)]
        });
    }

    /// One field gets a value that nothing else has.
    fn update_contact(&self) {
        let Some(id) = any(&self.shared.contacts) else { return };
        let (body, field) = self.change();
        let Some(updated) = (if field == "meta.CITY" && fastrand::bool() {
            self.send("updateContact", "POST", &format!("/addressbook/contacts/{id}"), &[], &body)
        } else {
            self.send("updateContact", "PATCH", &format!("/v1/contacts/{id}"), &[], &body)
        }) else {
            return;
        };
        self.expect(updated, |answered| vec![self.of(answered, "contact.updated", Some(field))]);
    }

    /// The change of a field, and its name in the log.
    fn change(&self) -> (Value, &'static str) {
        let number = self.shared.number();
        match fastrand::u8(..4) {
            0 => (json!({"display_name": format!("name {number}")}), "display_name"),
            1 => (json!({"avatar_url": format!("https://example.com/{number}")}), "avatar_url"),
            2 => (json!({"meta": {"CITY": number}}), "meta.CITY"),
            _ => (json!({"meta": {"a.b \"c\"": number}}), "meta.a.b \"c\""),
        }
    }

    fn update_if_unchanged(&self) {
        let Some(id) = any(&self.shared.contacts) else { return };
        let path = format!("/v1/contacts/{id}");
        let tag = self.clients[0].get(&path).header("ETag").to_owned();
        if tag.is_empty() {
            return;
        }
        let (body, field) = self.change();
        // Both with the same version: the second is refused.
        for _ in 0..2 {
            let Some(updated) =
                self.send("updateIfMatch", "PATCH", &path, &[("If-Match", tag.as_str())], &body)
            else {
                return;
            };
            self.expect(updated, |answered| vec![self.of(answered, "contact.updated", Some(field))]);
        }
    }

    /// A contact gets the value that it has.
    fn update_nothing(&mut self) {
        let (id, name) = &self.own;
        if id.is_empty() {
            return;
        }
        let path = format!("/v1/contacts/{id}");
        let Some(same) = self.send("updateNothing", "PATCH", &path, &[], &json!({"display_name": name}))
        else {
            return;
        };
        assert_eq!(same.reply.status, 200);
        self.expect(same, |_| Vec::new());
        let name = format!("own {}", self.shared.number());
        let Some(changed) = self.send("updateOwn", "PATCH", &path, &[], &json!({"display_name": name}))
        else {
            return self.own.0.clear();
        };
        self.expect(changed, |answered| vec![self.of(answered, "contact.updated", Some("display_name"))]);
        self.own.1 = name;
    }

    fn rename(&self) {
        let Some(id) = any(&self.shared.contacts) else { return };
        let number = self.shared.number();
        let (name, or_none) = match fastrand::u8(..3) {
            0 => (format!("renamed-{number}"), false),
            1 => (TAKEN.to_owned(), false),
            // Two writers want it; the same contact may get it twice.
            _ => (format!("wanted-{}", number / 64), true),
        };
        let path = format!("/v1/contacts/{id}");
        let Some(renamed) = self.send("rename", "PATCH", &path, &[], &json!({"username": name})) else {
            return;
        };
        assert!(name != TAKEN || [409, 404].contains(&renamed.reply.status), "{}", renamed.what);
        self.record(renamed, or_none, |answered| vec![self.of(answered, "contact.updated", Some("handle"))]);
    }

    fn change_number(&self) {
        let Some(id) = any(&self.shared.contacts) else { return };
        let msisdn = format!("4479{:08}", self.shared.number());
        let path = format!("/addressbook/contacts/{id}");
        let Some(moved) = self.send("changeNumber", "POST", &path, &[], &json!({"msisdn": msisdn})) else {
            return;
        };
        self.expect(moved, |answered| vec![self.of(answered, "contact.updated", Some("phone"))]);
    }

    fn delete_contact(&self) {
        let Some(id) = any(&self.shared.contacts) else { return };
        let dialect = ["/v1/contacts", "/addressbook/contacts"][fastrand::usize(..2)];
        let stale = dialect == "/v1/contacts" && fastrand::u8(..4) == 0;
        let headers: &[_] = if stale { &[("If-Match", "\"999999\"")] } else { &[] };
        let Some(deleted) =
            self.send("deleteContact", "DELETE", &format!("{dialect}/{id}"), headers, &Value::Null)
        else {
            return;
        };
        self.expect(deleted, |_| {
            forget(&self.shared.contacts, &id);
            self.deleted("contact.deleted", &id)
        });
    }

    /// New contacts, contested names, and updates of contacts that others change and delete: each item has its entry, or
    /// none if it failed.
    fn apply_batch(&self) {
        let number = self.shared.number();
        let new = (0..4).map(|i| format!("batch-{number}-{i}")).chain([format!("contested-{}", number / 64)]);
        let new = new.map(|name| json!({"username": name, "phone_number": "+4479000000001"}));
        let update = |i: usize| {
            let id = any(&self.shared.contacts)?;
            let name = format!("batch {number} {i}");
            Some(match i {
                // Another item may have the same contact.
                0..3 => json!({"id": id, "display_name": name}),
                _ => json!({"id": id, "username": format!("batch-{number}-renamed")}),
            })
        };
        let items: Vec<Value> = new.chain((0..4).filter_map(update)).collect();
        let body = json!({"mode": "upsert", "match_by": "id", "contacts": items});
        let Some(applied) = self.send("applyBatch", "POST", "/v1/contacts/batch", &[], &body) else { return };
        let results = applied.reply.json()["results"].as_array().unwrap().clone();
        let of_status = |status: &str| {
            results.iter().zip(&items).filter(|(result, _)| result["status"] == status).collect::<Vec<_>>()
        };
        for status in ["created", "updated", "failed"] {
            if !of_status(status).is_empty() {
                self.shared.saw("batchItem", if status == "failed" { 409 } else { 200 });
            }
        }
        self.expect(applied, |_| {
            let change = |event, result: &Value, fields| {
                let resource = uuid(result["id"].as_str().unwrap());
                Change { event, resource, group: None, version: None, fields }
            };
            let created = of_status("created").into_iter().map(|(result, _)| {
                self.shared.contacts.lock().unwrap().push(result["id"].as_str().unwrap().to_owned());
                change("contact.created", result, None)
            });
            let created: Vec<Change> = created.collect();
            let updated = of_status("updated").into_iter().map(|(result, item)| {
                let field = if item["username"].is_string() { "handle" } else { "display_name" };
                change("contact.updated", result, Some(json!([field]).to_string()))
            });
            created.into_iter().chain(updated).collect()
        });
    }

    fn delete_batch(&self) {
        let ids: Vec<String> = (0..3).filter_map(|_| any(&self.shared.contacts)).collect();
        if ids.is_empty() {
            return;
        }
        let path = "/v1/contacts/batch/delete";
        let Some(deleted) = self.send("deleteBatch", "POST", path, &[], &json!({"ids": ids})) else { return };
        let results = deleted.reply.json()["results"].as_array().unwrap().clone();
        self.expect(deleted, |_| {
            let gone = results.iter().filter(|result| result["status"] == "deleted");
            let gone = gone.flat_map(|result| {
                let id = result["id"].as_str().unwrap();
                forget(&self.shared.contacts, id);
                self.deleted("contact.deleted", id)
            });
            gone.collect()
        });
    }

    fn write_groups(&self) {
        let number = self.shared.number();
        let id = any(&self.shared.groups);
        match (fastrand::u8(..8), id) {
            (0..3, _) | (_, None) => {
                // Some of two writers at the same time.
                let name = if fastrand::bool() {
                    format!("group {number}")
                } else {
                    format!("both {}", number / 64)
                };
                let path = ["/v1/groups", "/addressbook/groups"][fastrand::usize(..2)];
                let Some(created) = self.send("createGroup", "POST", path, &[], &json!({"name": name}))
                else {
                    return;
                };
                self.expect(created, |answered| {
                    self.shared.groups.lock().unwrap().push(answered.id().to_string());
                    vec![self.of(answered, "group.created", None)]
                });
            }
            (3, Some(id)) => {
                let body = json!({"name": format!("renamed {number}")});
                let Some(updated) =
                    self.send("updateGroup", "PATCH", &format!("/v1/groups/{id}"), &[], &body)
                else {
                    return;
                };
                self.expect(updated, |answered| vec![self.of(answered, "group.updated", Some("name"))]);
            }
            (4, Some(id)) => {
                let body = json!({"description": format!("described {number}")});
                let path = format!("/addressbook/groups/{id}");
                let Some(updated) = self.send("updateGroup", "POST", &path, &[], &body) else { return };
                self.expect(updated, |answered| {
                    vec![self.of(answered, "group.updated", Some("description"))]
                });
            }
            (5, Some(id)) => {
                let path = format!("/v1/groups/{id}");
                let Some(refused) = self.send("renameGroup", "PATCH", &path, &[], &json!({"name": TAKEN}))
                else {
                    return;
                };
                assert!([409, 404].contains(&refused.reply.status), "{}", refused.what);
                self.expect(refused, |_| Vec::new());
            }
            (_, Some(id)) => {
                let path = format!("{}/{id}", ["/v1/groups", "/addressbook/groups"][fastrand::usize(..2)]);
                let Some(deleted) = self.send("deleteGroup", "DELETE", &path, &[], &Value::Null) else {
                    return;
                };
                self.expect(deleted, |_| {
                    forget(&self.shared.groups, &id);
                    self.deleted("group.deleted", &id)
                });
            }
        }
    }

    fn change_members(&self) {
        let Some(group) = any(&self.shared.groups) else { return };
        let Some(one) = any(&self.shared.contacts) else { return };
        // At least one, whatever the others delete meanwhile.
        let some = || {
            let others = (0..fastrand::usize(0..5)).filter_map(|_| any(&self.shared.contacts));
            std::iter::once(one.clone()).chain(others).collect::<Vec<_>>()
        };
        let member = |event, contact: &str| Change {
            event,
            resource: uuid(contact),
            group: Some(uuid(&group)),
            version: None,
            fields: None,
        };
        match fastrand::u8(..4) {
            0..2 => {
                let body = json!({"add": some(), "remove": some()});
                let path = format!("/v1/groups/{group}/members");
                let Some(changed) = self.send("changeMembers", "POST", &path, &[], &body) else { return };
                self.expect(changed, |answered| {
                    let results = answered.reply.json()["data"].as_array().unwrap().clone();
                    let change = |result: &Value| match result["outcome"].as_str().unwrap() {
                        "added" => Some(member("group.member_added", result["id"].as_str().unwrap())),
                        "removed" => Some(member("group.member_removed", result["id"].as_str().unwrap())),
                        _ => None,
                    };
                    results.iter().filter_map(change).collect()
                });
            }
            2 => {
                let path = format!("/addressbook/groups/{group}/contacts");
                let Some(added) = self.send("addContacts", "POST", &path, &[], &json!({"contacts": some()}))
                else {
                    return;
                };
                self.expect(added, |answered| {
                    let results = answered.reply.json()["results"].as_array().unwrap().clone();
                    let added = results.iter().filter(|result| result["outcome"] == "added");
                    added
                        .map(|result| member("group.member_added", result["contact"].as_str().unwrap()))
                        .collect()
                });
            }
            _ => {
                let Some(contact) = any(&self.shared.contacts) else { return };
                let path = format!("/addressbook/groups/{group}/contacts/{contact}");
                let Some(removed) = self.send("removeContact", "DELETE", &path, &[], &Value::Null) else {
                    return;
                };
                self.expect(removed, |_| vec![member("group.member_removed", &contact)]);
            }
        }
    }

    fn write_opt_outs(&self) {
        let number = format!("4477{:08}", fastrand::usize(..NUMBERS));
        let path = format!("/v1/opt_outs/{number}");
        match fastrand::u8(..4) {
            0..2 => {
                let body = json!({"phone_number": format!("+{number}")});
                let Some(created) = self.send("createOptOut", "POST", "/v1/opt_outs", &[], &body) else {
                    return;
                };
                let is_new = created.reply.status == 201;
                if !is_new {
                    self.shared.saw("optedOutBefore", 200);
                }
                self.expect(created, |answered| {
                    if is_new { vec![self.of(answered, "opt_out.created", None)] } else { Vec::new() }
                });
            }
            2 => {
                let id = self.clients[0].get(&path);
                if id.status == 404 {
                    return;
                }
                let id = id.json()["id"].as_str().unwrap().to_owned();
                let path = format!("/addressbook/optouts/{id}");
                let Some(deleted) = self.send("deleteOptOut", "DELETE", &path, &[], &Value::Null) else {
                    return;
                };
                self.expect(deleted, |_| self.deleted("opt_out.deleted", &id));
            }
            // By number: which one it was, only the log tells. Both at once delete it once.
            _ => {
                let Some(deleted) = self.send("deleteOptOut", "DELETE", &path, &[], &Value::Null) else {
                    return;
                };
                self.expect(deleted, |_| self.deleted("opt_out.deleted", &Uuid::nil().to_string()));
            }
        }
    }

    fn write_templates(&self) {
        let number = self.shared.number();
        match (fastrand::u8(..4), any(&self.shared.templates)) {
            (0..2, _) | (_, None) => {
                let body = json!({"name": format!("template {number}"), "text": "Hello"});
                let Some(created) = self.send("createTemplate", "POST", "/v1/templates", &[], &body) else {
                    return;
                };
                self.expect(created, |answered| {
                    self.shared.templates.lock().unwrap().push(answered.id().to_string());
                    vec![self.of(answered, "template.created", None)]
                });
            }
            (2, Some(id)) => {
                let body = json!({"text": format!("Hello {number}")});
                let Some(updated) =
                    self.send("updateTemplate", "PATCH", &format!("/v1/templates/{id}"), &[], &body)
                else {
                    return;
                };
                self.expect(updated, |answered| vec![self.of(answered, "template.updated", Some("text"))]);
            }
            (_, Some(id)) => {
                let path = format!("/v1/templates/{id}");
                let Some(deleted) = self.send("deleteTemplate", "DELETE", &path, &[], &Value::Null) else {
                    return;
                };
                self.expect(deleted, |_| {
                    forget(&self.shared.templates, &id);
                    self.deleted("template.deleted", &id)
                });
            }
        }
    }
}

/// Ends the follower even if the load panics.
struct Done<'d>(&'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs the load beside the follower; returns the follower at the end of the log, and what was answered.
fn run(url: &str, clients: &[Client]) -> (Follower, Shared) {
    let shared = Shared::default();
    let client = &clients[0];
    let taken = json!({"username": TAKEN, "phone_number": "+4479000000001"});
    client.post("/v1/contacts", &taken).expect(201);
    client.post("/v1/groups", &json!({"name": TAKEN})).expect(201);
    let (done, begun) = (AtomicBool::new(false), Instant::now());
    // On a machine that stalls, some of it takes longer to occur.
    let has_ended = || {
        let elapsed = begun.elapsed();
        elapsed > duration() && (not_seen(&shared).is_none() || elapsed > TIMEOUT)
    };
    let follower = std::thread::scope(|scope| {
        let follower = scope.spawn(|| follow(url, client, &done));
        let declared = scope.spawn(|| declare_fields(clients, &done));
        let copies = PAGE_SIZES.map(|limit| {
            let (client, done) = (&clients[limit % clients.len()], &done);
            scope.spawn(move || copy(client, limit, done))
        });
        let done = Done(&done);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    let mut writer = WriterThread::new(&shared, clients);
                    while !has_ended() && !follower.is_finished() {
                        writer.act();
                    }
                });
            }
        });
        drop(done);
        let declared = declared.join().unwrap();
        println!("{declared} fields declared");
        assert!(declared > 3, "fields were declared during the load");
        for (copy, limit) in copies.into_iter().zip(PAGE_SIZES) {
            let mut copy = copy.join().unwrap();
            copy.assert_exact(client);
            println!("{} changes in {} pages of {limit}", copy.changes.len(), copy.positions.len());
            assert!(copy.changes.len() > 50, "the feed was followed during the load");
        }
        follower.join().unwrap()
    });
    (follower, shared)
}

/// Declares and deletes fields of the keys that the writers set, until they are done; returns how many were declared. At the
/// end, some are.
fn declare_fields(clients: &[Client], done: &AtomicBool) -> usize {
    let any = || &clients[fastrand::usize(..clients.len())];
    let mut declared = 0;
    while !done.load(Ordering::Relaxed) {
        let key = if fastrand::bool() { "CITY" } else { "a.b \"c\"" };
        // What the writers set fits two of them.
        let field_type = ["text", "number", "boolean"][fastrand::usize(..3)];
        let path = declare(any(), key, field_type);
        declared += 1;
        // Each declaration makes the writers run again what they have begun.
        std::thread::sleep(Duration::from_millis(fastrand::u64(50..250)));
        if fastrand::bool() {
            wait_until_ready(any(), &path);
            std::thread::sleep(Duration::from_millis(fastrand::u64(50..250)));
        }
        any().delete(&path).expect(204);
    }
    declare(any(), "CITY", "number");
    declare(any(), "a.b \"c\"", "boolean");
    declared
}

/// Follows the feed, beginning in the middle of the load, until the writers are done.
fn copy(client: &Client, limit: usize, done: &AtomicBool) -> Copy {
    std::thread::sleep(duration() / 5);
    let mut copy = Copy::begin(client);
    while !done.load(Ordering::Relaxed) {
        copy.step(client, limit).unwrap();
    }
    copy
}

/// Follows the log in steps of all sizes, now and then compared with the tables, until the writers are done.
fn follow(url: &str, client: &Client, done: &AtomicBool) -> Follower {
    let mut follower = Follower::of(url, client);
    let mut compared = Instant::now();
    let mut comparisons = 0;
    while !done.load(Ordering::Relaxed) {
        if follower.step(fastrand::usize(1..100)) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        if compared.elapsed() > COMPARISON_INTERVAL {
            follower.assert_agreement();
            (compared, comparisons) = (Instant::now(), comparisons + 1);
        }
    }
    assert!(comparisons > 1, "log and tables were compared during the load");
    follower.assert_agreement();
    follower
}

/// Every request that changed something has its entries, in their order; no other has any.
fn assert_complete(follower: &Follower, expected: &[Expected], unknown: &[String]) {
    let mut logged: HashMap<&str, Vec<&Entry>> = HashMap::new();
    let mut versions: HashMap<(Uuid, Option<i64>), &str> = HashMap::new();
    for entry in follower.entries() {
        logged.entry(&entry.request).or_default().push(entry);
        versions.insert((entry.resource, entry.version), &entry.request);
    }
    for Expected { request, key, what, changes, or_none } in expected {
        let entries = logged.remove(request.as_str()).unwrap_or_default();
        if entries.is_empty() && *or_none && !changes.is_empty() {
            // It set what another request had set.
            let [change] = changes.as_slice() else { panic!("{what}") };
            assert!(
                versions.contains_key(&(change.resource, change.version)),
                "{request} {what} is not logged"
            );
            continue;
        }
        assert_eq!(
            entries.len(),
            changes.len(),
            "{request} {what}: expected {changes:?}, logged {entries:?}"
        );
        for (entry, change) in entries.iter().zip(changes) {
            let Change { event, resource, group, version, fields } = change;
            assert_eq!((entry.event.as_str(), entry.group), (*event, *group), "{what}");
            assert!(resource.is_nil() || entry.resource == *resource, "{what}: {entry:?}");
            assert!(version.is_none() || entry.version == *version, "{what}, version {version:?}: {entry:?}");
            assert_eq!(entry.fields, *fields, "{what}");
            assert_eq!(entry.key, *key, "{what}");
        }
    }
    assert!(unknown.len() <= MAX_UNKNOWN, "{} requests of {} failed", unknown.len(), expected.len());
    for request in unknown {
        logged.remove(request.as_str());
    }
    // The two of the beginning had no id of their own.
    let others: Vec<_> = logged.keys().filter(|request| request.starts_with("request-")).collect();
    assert!(others.is_empty(), "entries of requests that changed nothing: {others:?}");
}

/// What has not occurred yet: refusals, replays and updates of nothing do, too.
fn not_seen(shared: &Shared) -> Option<(&'static str, u16)> {
    let seen = shared.seen.lock().unwrap();
    let all = [
        ("createContact", 200),
        ("createContact", 409),
        ("replay", 200),
        ("updateContact", 200),
        ("updateIfMatch", 200),
        ("updateIfMatch", 412),
        ("updateNothing", 200),
        ("rename", 200),
        ("rename", 409),
        ("changeNumber", 200),
        ("deleteContact", 200),
        ("batchItem", 200),
        ("batchItem", 409),
        ("deleteBatch", 200),
        ("createGroup", 200),
        ("deleteGroup", 200),
        ("changeMembers", 200),
        ("addContacts", 200),
        ("createOptOut", 200),
        ("optedOutBefore", 200),
        ("deleteOptOut", 200),
        ("deleteOptOut", 404),
    ];
    all.into_iter().find(|what| !seen.contains_key(what))
}

fn the_log_rebuilds_the_account(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    // On PostgreSQL, two servers write to one database.
    let servers = if backend == Backend::Postgres { 2 } else { 1 };
    let services: Vec<Service> = (0..servers)
        .map(|_| {
            Service::start_on(&url, |settings| {
                settings.database.database_acquire_timeout = TIMEOUT;
                settings.database.database_statement_timeout = TIMEOUT;
            })
        })
        .collect();
    let account = new_account();
    // At least two, so that entries tell whose key it was.
    let clients: Vec<Client> = (0..2).map(|i| services[i % servers].client_of(&account, &[])).collect();
    let (mut follower, shared) = run(&url, &clients);
    for field in clients[0].get("/v1/fields").expect(200)["data"].as_array().unwrap() {
        wait_until_ready(&clients[0], &format!("/v1/fields/{}", field["id"].as_str().unwrap()));
    }
    follower.assert_agreement();
    assert_eq!(not_seen(&shared), None, "{:?}", shared.seen.lock().unwrap());
    let (expected, unknown) = (shared.expected.into_inner().unwrap(), shared.unknown.into_inner().unwrap());
    assert_complete(&follower, &expected, &unknown);
    let rebuilt = follower.rebuilt();
    println!(
        "{backend:?}: {} entries; {} contacts, {} groups, {} members, {} opt-outs",
        follower.entries().len(),
        rebuilt.contacts.len(),
        rebuilt.groups.len(),
        rebuilt.members.len(),
        rebuilt.opt_outs.len()
    );
}

#[test]
fn the_log_rebuilds_the_account_on_sqlite() {
    the_log_rebuilds_the_account(Backend::Sqlite);
}

#[test]
fn the_log_rebuilds_the_account_on_postgres() {
    the_log_rebuilds_the_account(Backend::Postgres);
}
