//! Linearizability: the results of concurrent requests for one contact are those of some sequential order in which
//! each request takes effect between its call and its response.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;
use uuid::Uuid;

use crate::harness::{Backend, Client, Reply, Service};

/// Concurrent clients per contact.
const CLIENTS: usize = 8;

/// Operations per client and history. Histories are short, one contact each, to keep checking fast.
const OPERATIONS: usize = 25;

/// Other contacts that are read to evict the one under test from the server's cache.
const OTHER_CONTACTS: usize = 16;

/// How long histories are recorded; `LINEARIZABILITY_SECONDS` for a longer run.
fn duration() -> Duration {
    Duration::from_secs(
        std::env::var("LINEARIZABILITY_SECONDS").map_or(10, |seconds| seconds.parse().unwrap()),
    )
}

/// A contact: the id among successive holders of the name, and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    id: Uuid,
    version: i64,
    value: usize,
}

/// A request and its result.
#[derive(Clone, Debug)]
enum Operation {
    /// 201 with an id, or 409.
    Create { value: usize, created: Option<Uuid> },
    /// 200 or 404.
    Get { id: Uuid, seen: Option<Held> },
    /// By name, in the list: the current holder, without its version.
    Find { seen: Option<(Uuid, usize)> },
    /// With or without `If-Match`.
    Patch { id: Uuid, if_match: Option<i64>, value: usize, outcome: Outcome },
    /// With or without `If-Match`.
    Delete { id: Uuid, if_match: Option<i64>, outcome: Outcome },
}

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// 200 with the new version, or 204.
    Done(i64),
    /// 412.
    Changed,
    /// 404.
    Missing,
}

/// One name in an account, as a sequential specification.
struct OneContact;

impl Specification for OneContact {
    type State = Option<Held>;
    type Operation = Operation;

    fn init() -> Self::State {
        None
    }

    fn apply(operation: &Operation, state: &Self::State) -> (bool, Self::State) {
        let state = *state;
        // The effect of a conditional change on the current version.
        let change = |id: Uuid, if_match: Option<i64>| match state.filter(|held| held.id == id) {
            None => Outcome::Missing,
            Some(held) if if_match.is_some_and(|version| version != held.version) => Outcome::Changed,
            Some(held) => Outcome::Done(held.version + 1),
        };
        match *operation {
            Operation::Create { value, created: Some(id) } => {
                (state.is_none(), Some(Held { id, version: 1, value }))
            }
            Operation::Create { created: None, .. } => (state.is_some(), state),
            Operation::Get { id, seen } => (seen == state.filter(|held| held.id == id), state),
            Operation::Find { seen } => (seen == state.map(|held| (held.id, held.value)), state),
            Operation::Patch { id, if_match, value, outcome } => match outcome {
                Outcome::Done(version) => {
                    (outcome == change(id, if_match), Some(Held { id, version, value }))
                }
                _ => (outcome == change(id, if_match), state),
            },
            Operation::Delete { id, if_match, outcome } => match (change(id, if_match), outcome) {
                (Outcome::Done(_), Outcome::Done(_)) => (true, None),
                (expected, outcome) => (expected == outcome, state),
            },
        }
    }
}

/// State shared by the clients of one contact.
struct Workload<'a> {
    name: &'a str,
    others: &'a [String],
    /// Orders calls and responses: a response before a call has the lower number.
    clock: AtomicUsize,
    values: AtomicUsize,
    /// The most recently seen ids and versions.
    seen: Mutex<Vec<(Uuid, i64)>>,
    history: Mutex<Vec<(usize, usize, Action<Operation>)>>,
}

impl Workload<'_> {
    fn run(&self, client: &Client, number: usize) {
        for _ in 0..OPERATIONS {
            if fastrand::u8(..10) == 0 {
                client.get(&self.others[fastrand::usize(..OTHER_CONTACTS)]).expect(200);
            }
            let called = self.clock.fetch_add(1, Ordering::SeqCst);
            let operation = self.operate(client);
            let answered = self.clock.fetch_add(1, Ordering::SeqCst);
            let mut history = self.history.lock().unwrap();
            history.push((called, number, Action::Call(operation.clone())));
            history.push((answered, number, Action::Response(operation)));
        }
    }

    fn operate(&self, client: &Client) -> Operation {
        let known = {
            let seen = self.seen.lock().unwrap();
            // Usually the latest, sometimes a stale one.
            let back = 1 + usize::from(fastrand::u8(..4) == 0) * fastrand::usize(..3);
            seen.len().checked_sub(back).map(|place| seen[place])
        };
        match (fastrand::u8(..100), known) {
            (0..15, _) | (_, None) => self.create(client),
            (15..55, Some((id, _))) => self.get(client, id),
            (55..65, _) => self.find(client),
            (65..90, Some((id, version))) => {
                let if_match = (fastrand::u8(..5) > 0).then_some(version);
                let value = self.value();
                let reply = change(client, "PATCH", id, if_match, &json!({"meta": {"value": value}}));
                Operation::Patch { id, if_match, value, outcome: self.outcome(&reply, id) }
            }
            (_, Some((id, version))) => {
                let if_match = fastrand::bool().then_some(version);
                let reply = change(client, "DELETE", id, if_match, &Value::Null);
                Operation::Delete { id, if_match, outcome: self.outcome(&reply, id) }
            }
        }
    }

    fn create(&self, client: &Client) -> Operation {
        let value = self.value();
        let body = json!({"username": self.name, "phone_number": "+4479000000001", "meta": {"value": value}});
        let reply = client.post("/v1/contacts", &body);
        let created = (reply.status != 409).then(|| {
            let id = id(&reply.expect(201));
            assert_eq!(self.record_version(id, &reply), 1);
            id
        });
        Operation::Create { value, created }
    }

    fn get(&self, client: &Client, id: Uuid) -> Operation {
        let reply = client.get(&format!("/v1/contacts/{id}"));
        let seen = (reply.status != 404).then(|| {
            let value = value(&reply.expect(200));
            Held { id, version: self.record_version(id, &reply), value }
        });
        Operation::Get { id, seen }
    }

    fn find(&self, client: &Client) -> Operation {
        let list = client.get(&format!("/v1/contacts?username={}", self.name)).expect(200);
        Operation::Find { seen: list["data"].get(0).map(|contact| (id(contact), value(contact))) }
    }

    fn outcome(&self, reply: &Reply, id: Uuid) -> Outcome {
        match reply.status {
            200 => Outcome::Done(self.record_version(id, reply)),
            204 => Outcome::Done(0),
            412 => Outcome::Changed,
            _ => {
                reply.expect(404);
                Outcome::Missing
            }
        }
    }

    /// Values are unique per write.
    fn value(&self) -> usize {
        self.values.fetch_add(1, Ordering::Relaxed)
    }

    /// Records and returns the version in a reply.
    fn record_version(&self, id: Uuid, reply: &Reply) -> i64 {
        let version = reply.header("ETag").trim_matches('"').parse().unwrap();
        self.seen.lock().unwrap().push((id, version));
        version
    }
}

fn change(client: &Client, method: &str, id: Uuid, if_match: Option<i64>, body: &Value) -> Reply {
    let tag = if_match.map(|version| format!("\"{version}\""));
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(tag.as_deref().map(|tag| ("If-Match", tag)));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, &format!("/v1/contacts/{id}"), &headers, body.as_bytes())
}

fn id(contact: &Value) -> Uuid {
    contact["id"].as_str().unwrap().parse().unwrap()
}

fn value(contact: &Value) -> usize {
    usize::try_from(contact["meta"]["value"].as_u64().unwrap()).unwrap()
}

fn every_history_is_linearizable(backend: Backend) {
    // A small cache, so that contacts are evicted and reloaded.
    let Some(service) = Service::start(backend, |settings| settings.storage.contact_cache = 4096) else {
        return;
    };
    let client = service.client();
    let others: Vec<String> = (0..OTHER_CONTACTS)
        .map(|i| {
            crate::contacts::path(&crate::contacts::create(&client, &format!("others-{i}"), "+4479000000001"))
        })
        .collect();
    let (started, mut histories) = (Instant::now(), 0);
    while started.elapsed() < duration() {
        histories += 1;
        let work = Workload {
            name: &format!("name-{histories}"),
            others: &others,
            clock: AtomicUsize::new(0),
            values: AtomicUsize::new(0),
            seen: Mutex::default(),
            history: Mutex::default(),
        };
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (work, client) = (&work, client.clone());
                scope.spawn(move || work.run(&client, number));
            }
        });
        let mut history = work.history.into_inner().unwrap();
        history.sort_by_key(|(time, ..)| *time);
        let actions: Vec<_> = history.into_iter().map(|(_, number, action)| (number, action)).collect();
        assert!(
            WGLChecker::<OneContact>::is_linearizable(History::from_actions(actions.clone())),
            "history {histories} of {backend:?} is not linearizable:\n{}",
            actions.iter().map(|(number, action)| format!("{number} {action:?}\n")).collect::<String>()
        );
    }
    println!("{backend:?}: {histories} histories of {} requests", CLIENTS * OPERATIONS);
}

#[test]
fn on_sqlite() {
    every_history_is_linearizable(Backend::Sqlite);
}

#[test]
fn on_postgres() {
    every_history_is_linearizable(Backend::Postgres);
}
