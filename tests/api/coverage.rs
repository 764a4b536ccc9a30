//! Every answer that the document promises is seen on the wire: each operation is brought to give each
//! of its statuses, and what comes is as the document says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::str::FromStr;
use std::time::Duration;

use addressbook::domain::Permission;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::calls::Call;
use crate::edge::raw;
use crate::faults::SmallDisk;
use crate::harness::{Backend, Client, Cluster, Reply, Service, new_account};

/// Headers that stand in some answers of a status only.
const NOT_ALWAYS: [&str; 2] = ["Link", "Idempotent-Replayed"];

const NUMBER: &str = "+4479000000001";
const MOMENT: &str = "2025-11-10T20:15:12.000Z";

/// Servers in the states that documented answers need; those that cannot be had here are `None`.
struct Servers {
    sound: &'static Service,
    /// It does not wait for bodies.
    hasty: Service,
    /// Its table of contacts is gone.
    broken: Service,
    /// Its database is gone.
    cut_off: Option<(Service, Client)>,
    /// Its disk is full, save for what these contacts need.
    full: Option<(Service, Client, Vec<String>, SmallDisk)>,
}

impl Servers {
    fn start() -> Self {
        let hasty = Service::start(Backend::Sqlite, |settings| {
            settings.limits.body_timeout = Duration::from_millis(200);
        });
        let broken = Service::start(Backend::Sqlite, |_| {}).unwrap();
        broken.keys().1.block_on(async {
            let url = &broken.settings.database.database_url;
            let admin = sea_orm::Database::connect(url).await.unwrap();
            admin.execute_unprepared("DROP TABLE contacts").await.unwrap();
        });
        let cut_off = Cluster::start(&[]).map(|cluster| {
            let service = Service::start_on(&cluster.url("postgres"), |_| {});
            let client = service.client();
            cluster.crash();
            (service, client)
        });
        let sound = Service::shared(Backend::Sqlite).unwrap();
        Self { sound, hasty: hasty.unwrap(), broken, cut_off, full: full() }
    }

    /// Brings an operation to give an answer; `None` where that cannot be done here.
    fn provoke(&self, call: &Call, status: u16) -> Option<Reply> {
        let name = new_account();
        let client = self.sound.client_of(&name, &[]);
        let contact = crate::v1::create(&client, "john", NUMBER)["id"].as_str().unwrap().to_owned();
        let creates = call.id.starts_with("create");
        let usual = call.clone().about(&contact);
        let nobody = Uuid::now_v7().to_string();
        Some(match status {
            // In a new account: nobody has the name.
            200 | 201 if creates => usual.send(&self.sound.client()),
            200 | 201 | 204 => usual.send(&client),
            304 => usual.with("If-None-Match", "*").send(&client),
            400 if call.path_parameter().is_some() => call.clone().about("neither").send(&client),
            400 if creates => usual.with_body("{}").send(&client),
            400 => usual.with("limit", 0).send(&client),
            401 => usual.send(&self.sound.anonymous()),
            403 => {
                let needed = Permission::from_str(call.permission.as_deref().unwrap()).unwrap();
                let others = Permission::ALL.iter().copied().filter(|other| *other != needed);
                usual.send(&self.sound.client_of(&name, &others.collect::<Vec<_>>()))
            }
            // Only a list in the order of changes needs the contact of its cursor.
            404 if call.path_parameter().is_none() => {
                usual.with("starting_after", nobody).with("updated_since", MOMENT).send(&client)
            }
            404 => usual.about(&nobody).send(&client),
            408 => self.never_finish(&usual),
            409 => conflict(&usual, &client, creates),
            412 => usual.with("If-Match", "\"0\"").send(&client),
            413 => usual.with_body(json!({"x": "x".repeat(70_000)}).to_string()).send(&client),
            414 => client.send(&call.method, &format!("{}?{}", usual.target(), "x".repeat(9_000)), &[], b""),
            415 => {
                let mut call = usual;
                call.headers.push(("Content-Type".to_owned(), "text/plain".to_owned()));
                call.send(&client)
            }
            422 => {
                let (client, call) = (self.sound.client(), usual.with("Idempotency-Key", "key"));
                assert!(call.send(&client).status < 300);
                call.with_body(r#"{"another": "body"}"#).send(&client);
                let other = call.body.as_deref().unwrap().replace("john", "mary");
                call.with_body(other).send(&client)
            }
            500 => usual.about(&nobody).send(&self.broken.client()),
            503 => usual.about(&nobody).send(&self.cut_off.as_ref()?.1),
            507 => {
                let (_, client, contacts, _) = self.full.as_ref()?;
                // Until the room that the database has taken already is used up.
                let tries = contacts.iter().enumerate().map(|(index, contact)| {
                    let body = call.body.as_ref().map(|body| body.replace("john", &format!("x{index}")));
                    Call { body, ..call.clone() }.about(contact).send(client)
                });
                tries.into_iter().find(|reply| reply.status == 507)?
            }
            other => panic!("{}: nothing is known that would be answered with {other}", call.id),
        })
    }

    /// A body that does not arrive.
    fn never_finish(&self, call: &Call) -> Reply {
        let answer = raw(
            &self.hasty,
            format!(
                "{} {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
                 Content-Length: 100\r\n\r\n{{",
                call.method,
                call.target(),
                self.hasty.client().key.unwrap(),
            )
            .as_bytes(),
        );
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse().unwrap(), value.parse().unwrap())
        });
        Reply { status, headers: headers.collect(), body: body.into() }
    }
}

/// A name that another contact has, or a number that two contacts have.
fn conflict(call: &Call, client: &Client, creates: bool) -> Reply {
    if creates {
        return call.send(client);
    }
    crate::v1::create(client, "mary", NUMBER);
    if call.body.is_none() {
        return call.clone().about(NUMBER.trim_start_matches('+')).send(client);
    }
    let member = if call.path.starts_with("/v1") { "username" } else { "alias" };
    call.clone().with_body(json!({member: "mary"}).to_string()).send(client)
}

/// A service on a disk that is full, a client, and contacts to try with.
fn full() -> Option<(Service, Client, Vec<String>, SmallDisk)> {
    let disk = SmallDisk::mount("6m");
    assert!(disk.is_some() || std::env::var_os("TEST_MOUNT").is_none(), "a file system cannot be mounted");
    let disk = disk?;
    let service =
        Service::start_on(&format!("sqlite://{}", disk.path().join("addressbook.db").display()), |_| {});
    let client = service.client();
    let contacts = (0..60).map(|index| crate::v1::create(&client, &format!("u{index}"), NUMBER));
    let contacts = contacts.map(|contact| contact["id"].as_str().unwrap().to_owned()).collect();
    let mut filler = File::create(disk.path().join("filler")).unwrap();
    while filler.write_all(&[b'x'; 4_096]).is_ok() {}
    Some((service, client, contacts, disk))
}

/// That an answer is the one which the document describes.
fn is_as_documented(document: &Value, call: &Call, reply: &Reply) {
    let status = reply.status.to_string();
    let at = format!("{} {status}", call.id);
    let response = &document["paths"][&call.path][call.method.to_lowercase()]["responses"][&status];
    assert!(response.is_object(), "{at} is not documented");
    for name in response["headers"].as_object().unwrap().keys() {
        let there = reply.headers.contains_key(name) || NOT_ALWAYS.contains(&name.as_str());
        assert!(there, "{at} comes without {name}");
    }
    if response["content"].is_null() {
        assert!(reply.body.is_empty(), "{at} has a body");
        return;
    }
    assert_eq!(reply.header("Content-Type"), "application/json", "{at}");
    let path = call.path.replace('/', "~1");
    let method = call.method.to_lowercase();
    let schema = format!("/paths/{path}/{method}/responses/{status}/content/application~1json/schema");
    let validator = crate::openapi::validator(document, &schema);
    let errors: Vec<_> = validator.iter_errors(&reply.json()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{at}: {errors:?}");
}

/// Operations down, statuses across: seen, not to be had here, never seen.
fn table(outcomes: &BTreeMap<String, BTreeMap<u16, Option<bool>>>) -> String {
    let statuses: BTreeSet<u16> = outcomes.values().flat_map(|row| row.keys().copied()).collect();
    let width = outcomes.keys().map(String::len).max().unwrap_or_default();
    let head: String = statuses.iter().map(|status| format!(" {status}")).collect();
    let rows = outcomes.iter().map(|(id, row)| {
        let cells = statuses.iter().map(|status| match row.get(status) {
            None => "    ",
            Some(Some(true)) => " yes",
            Some(Some(false)) => "  NO",
            Some(None) => "   ?",
        });
        format!("{id:width$}{}\n", cells.collect::<String>())
    });
    format!("\n{:width$}{head}\n{}", "", rows.collect::<String>())
}

/// What becomes of an operation's answers with some of its statuses.
fn row(
    servers: &Servers,
    document: &Value,
    call: &Call,
    of: impl Fn(u16) -> bool,
) -> BTreeMap<u16, Option<bool>> {
    let responses = &document["paths"][&call.path][call.method.to_lowercase()]["responses"];
    let statuses = responses.as_object().unwrap().keys().map(|status| status.parse().unwrap());
    let outcome = |status: u16| {
        let possible = match status {
            503 => servers.cut_off.is_some(),
            507 => servers.full.is_some(),
            _ => true,
        };
        let reply = possible.then(|| servers.provoke(call, status)).flatten();
        if let Some(reply) = &reply {
            is_as_documented(document, call, reply);
        }
        possible.then(|| reply.is_some_and(|reply| reply.status == status))
    };
    statuses.filter(|status| of(*status)).map(|status| (status, outcome(status))).collect()
}

#[test]
fn every_documented_answer_is_seen() {
    let servers = Servers::start();
    let document = servers.sound.anonymous().get("/openapi.json").expect(200);
    let calls = Call::all(&document);
    // At once, since much of it is waiting.
    let mut outcomes: BTreeMap<String, BTreeMap<u16, Option<bool>>> = std::thread::scope(|scope| {
        let rows: Vec<_> = calls
            .iter()
            .map(|call| (call, scope.spawn(|| row(&servers, &document, call, |status| status != 507))))
            .collect();
        rows.into_iter().map(|(call, row)| (call.id.clone(), row.join().unwrap())).collect()
    });
    // One after the other: they share the contacts on the full disk.
    for call in &calls {
        outcomes.get_mut(&call.id).unwrap().extend(row(&servers, &document, call, |status| status == 507));
    }
    // Past the capture of output: the table is what a reader of the log looks for.
    let table = table(&outcomes);
    std::io::stdout().write_all(table.as_bytes()).unwrap();
    let all =
        || outcomes.iter().flat_map(|(id, row)| row.iter().map(move |(status, seen)| (id, status, *seen)));
    assert!(all().count() > 100, "{table}");
    let unseen: Vec<_> = all().filter(|(.., seen)| *seen == Some(false)).collect();
    assert!(unseen.is_empty(), "documented and never seen: {unseen:?}\n{table}");
}
