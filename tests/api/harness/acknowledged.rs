//! A load of creates, updates, changes of members and deletions, and what was acknowledged of it: for tests in which the
//! server or its database fails.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use uuid::Uuid;

use super::change_log::Follower;
use super::client::{Client, Reply};

/// What is known of a contact. Its display name is its version.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The last version that was acknowledged.
    version: i64,
    is_member: bool,
    deletion: Deletion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletion {
    Never,
    /// It will be sent.
    Later,
    Sent,
    Acknowledged,
}

/// What was acknowledged in one account.
pub struct Acknowledged {
    /// A contact that all writers update at the same time, each a member of its meta of its own.
    shared: Uuid,
    /// A group that contacts join.
    group: Uuid,
    contacts: Mutex<BTreeMap<Uuid, Known>>,
    /// Of the shared contact: by writer, the last value that was acknowledged.
    values: Mutex<BTreeMap<String, usize>>,
    /// The next value.
    next: AtomicUsize,
    count: AtomicUsize,
}

/// A request that was not carried out as far as its client knows: the response, if there was one.
pub type Failure = Option<Box<Reply>>;

impl Acknowledged {
    /// Creates what all writers share.
    pub fn new(client: &Client) -> Self {
        let id = |created: Value| created["id"].as_str().unwrap().parse().unwrap();
        let body = json!({"username": "shared", "phone_number": "+4479000000001"});
        Self {
            shared: id(client.post("/v1/contacts", &body).expect(201)),
            group: id(client.post("/v1/groups", &json!({"name": "group"})).expect(201)),
            contacts: Mutex::default(),
            values: Mutex::default(),
            next: AtomicUsize::new(1),
            count: AtomicUsize::new(0),
        }
    }

    /// What had been acknowledged when this was called.
    pub fn so_far(&self) -> Self {
        Self {
            shared: self.shared,
            group: self.group,
            contacts: Mutex::new(self.contacts.lock().unwrap().clone()),
            values: Mutex::new(self.values.lock().unwrap().clone()),
            next: AtomicUsize::new(self.next.load(Ordering::Relaxed)),
            count: AtomicUsize::new(self.count()),
        }
    }

    /// The number of acknowledged requests.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Creates a contact, updates it, adds it to the group, updates the shared one, and deletes every third of those that
    /// it created. `name` is `PREFIX-NUMBER`, in which the prefix is the writer's own.
    ///
    /// # Errors
    /// The first request without a successful response.
    pub fn write(&self, client: &Client, writer: &str, number: usize) -> Result<(), Failure> {
        let name = format!("{writer}-{number}");
        // Every other one with an idempotency key, to cover both ways.
        let key = [("Idempotency-Key", name.as_str())];
        let keyed = if number.is_multiple_of(2) { &key[..] } else { &[] };
        let body = json!({"username": name, "phone_number": "+4479000000001", "display_name": "1"});
        let created = self.send(client, "POST", "/v1/contacts", keyed, &body, 201)?;
        let id: Uuid = created.json()["id"].as_str().unwrap().parse().unwrap();
        let deletion = if number.is_multiple_of(3) { Deletion::Later } else { Deletion::Never };
        let mut known = Known { version: 1, is_member: false, deletion };
        self.learn(id, known);

        let path = format!("/v1/contacts/{id}");
        self.send(client, "PATCH", &path, &[], &json!({"display_name": "2"}), 200)?;
        known.version = 2;
        self.learn(id, known);
        let if_match = [("If-Match", "\"2\"")];
        let updated = self.send(client, "PATCH", &path, &if_match, &json!({"display_name": "3"}), 200)?;
        assert_eq!(updated.header("ETag"), "\"3\"");
        known.version = 3;
        self.learn(id, known);

        let members = format!("/v1/groups/{}/members", self.group);
        self.send(client, "POST", &members, &[], &json!({"add": [id]}), 200)?;
        known.is_member = true;
        self.learn(id, known);

        let (key, value) = (writer.to_uppercase(), self.next.fetch_add(1, Ordering::Relaxed));
        let shared = format!("/v1/contacts/{}", self.shared);
        self.send(client, "PATCH", &shared, &[], &json!({"meta": {key.as_str(): value}}), 200)?;
        self.values.lock().unwrap().insert(key, value);

        if deletion == Deletion::Later {
            self.learn(id, Known { deletion: Deletion::Sent, ..known });
            self.send(client, "DELETE", &path, &[], &Value::Null, 204)?;
            self.learn(id, Known { deletion: Deletion::Acknowledged, ..known });
        }
        Ok(())
    }

    fn send(
        &self,
        client: &Client,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
        success: u16,
    ) -> Result<Reply, Failure> {
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = client.try_send(method, path, &headers, body.as_bytes()).map_err(|_| None)?;
        if reply.status != success {
            return Err(Some(Box::new(reply)));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(reply)
    }

    fn learn(&self, id: Uuid, known: Known) {
        self.contacts.lock().unwrap().insert(id, known);
    }

    /// Asserts that whatever had been acknowledged when this was called has survived, and that log, counters and tables
    /// agree. Requests may be under way.
    #[track_caller]
    pub fn assert_survived(&self, follower: &mut Follower) {
        self.check(follower, true);
    }

    #[track_caller]
    fn check(&self, follower: &mut Follower, under_load: bool) {
        let contacts = self.contacts.lock().unwrap().clone();
        follower.assert_agreement();
        let rebuilt = follower.rebuilt();
        for (id, known) in contacts {
            let stored = rebuilt.contacts.get(&id).copied();
            let is_member = rebuilt.members.contains(&(self.group, id));
            let is_there = stored >= Some(known.version) && (is_member || !known.is_member);
            let is_gone = stored.is_none() && !is_member;
            let survived = match known.deletion {
                Deletion::Never => is_there,
                Deletion::Later => is_there || under_load && is_gone,
                Deletion::Sent => is_there || is_gone,
                Deletion::Acknowledged => is_gone,
            };
            assert!(survived, "{id}: {known:?}, but stored is {stored:?}, a member: {is_member}");
        }
    }

    /// The same for what the server shows. No request is under way.
    #[track_caller]
    pub fn assert_served(&self, client: &Client, follower: &mut Follower) {
        self.check(follower, false);
        let versions = &follower.rebuilt().contacts;
        let contacts = self.contacts.lock().unwrap();
        let mut served = 0;
        for contact in crate::durability::all(client) {
            let id: Uuid = contact["id"].as_str().unwrap().parse().unwrap();
            served += 1;
            if contacts.contains_key(&id) {
                assert_eq!(contact["display_name"], versions[&id].to_string(), "{contact}");
            }
        }
        assert_eq!(served, versions.len());
        assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], served);
        let shared = client.get(&format!("/v1/contacts/{}", self.shared)).expect(200);
        for (writer, value) in self.values.lock().unwrap().iter() {
            let stored = shared["meta"][writer].as_u64().and_then(|stored| usize::try_from(stored).ok());
            assert!(stored >= Some(*value), "{writer} set {value}, and {stored:?} is stored");
        }
        let members = follower.rebuilt().members.len();
        assert_eq!(client.get(&format!("/v1/groups/{}", self.group)).expect(200)["member_count"], members);
    }
}
