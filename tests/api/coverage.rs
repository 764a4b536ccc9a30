//! Every documented response is seen on the wire: each operation is made to return each of its statuses, and the
//! response matches the document.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::str::FromStr;
use std::time::Duration;

use addressbook::domain::Permission;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::filters::encoded;
use crate::harness::field_index::wait_until_ready;
use crate::harness::fixtures::{Fixtures, account_for, commit_import, other, unique_member, with_contact};
use crate::harness::imports::ImportClient;
use crate::harness::operations::Call;
use crate::harness::{Backend, Client, Cluster, Reply, Service, new_account};
use crate::middleware::raw;
use crate::openapi::Schemas;
use crate::resource_exhaustion::SmallDisk;

/// Headers that only some responses with a status have.
const OPTIONAL_HEADERS: [&str; 2] = ["Link", "Idempotent-Replayed"];

const NUMBER: &str = "+4479000000001";
/// Of a timeline that no database has.
const UNKNOWN_POSITION: &str = "AgAAAAAAAAADAAAAAAAA__8";
const TIMESTAMP: &str = "2025-11-10T20:15:12.000Z";

/// The number of spare fixture sets, for responses that need several attempts.
const SPARE_FIXTURES: usize = 60;

/// What changes nothing: one account with its fixtures, which take most of the time, is enough for all of an operation.
const REFUSALS: [u16; 10] = [400, 401, 403, 404, 412, 413, 414, 415, 500, 503];

/// Servers in the states that documented responses require; `None` if this machine cannot provide one.
struct Servers {
    calls: Vec<Call>,
    sound: &'static Service,
    /// Has a very short body timeout.
    hasty: Service,
    /// Has little room for the files of imports.
    cramped: Service,
    /// Its keys may send two requests a second.
    limited: Service,
    /// All tables except those of accounts and keys are dropped.
    broken: Service,
    /// Its database is stopped.
    cut_off: Option<(Service, Client)>,
    /// Its disk is full, except for the space of these fixtures.
    full: Option<(Service, Client, Vec<Fixtures>, SmallDisk)>,
}

impl Servers {
    fn start() -> Self {
        let hasty = Service::start(Backend::Sqlite, |settings| {
            settings.limits.body_timeout = Duration::from_millis(200);
        });
        let cramped = Service::start(Backend::Sqlite, |settings| {
            settings.limits.import_file_limit = 4_000;
            settings.limits.import_quota = 2_000;
        });
        let limited = Service::start(Backend::Sqlite, |settings| {
            settings.limits.key_rate_limit = 1;
            settings.limits.rate_limit_window = Duration::from_secs(2);
        });
        let broken = Service::start(Backend::Sqlite, |_| {}).unwrap();
        broken.keys().1.block_on(async {
            let url = &broken.settings.database.database_url;
            let admin = sea_orm::Database::connect(url).await.unwrap();
            let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' \
                          AND name NOT IN ('accounts', 'account_limits', 'api_keys', 'seaql_migrations')";
            let tables =
                admin.query_all_raw(Statement::from_string(DbBackend::Sqlite, tables)).await.unwrap();
            for table in tables {
                let name: String = table.try_get("", "name").unwrap();
                admin.execute_unprepared(&format!("DROP TABLE {name}")).await.unwrap();
            }
        });
        let cut_off = Cluster::start(&[]).map(|cluster| {
            let service = Service::start_on(&cluster.url("postgres"), |_| {});
            let client = service.client();
            cluster.crash();
            (service, client)
        });
        let sound = Service::shared(Backend::Sqlite).unwrap();
        let calls = Call::all(&sound.anonymous().get("/openapi.json").expect(200));
        let full = full(&calls);
        Self {
            calls,
            sound,
            hasty: hasty.unwrap(),
            cramped: cramped.unwrap(),
            limited: limited.unwrap(),
            broken,
            cut_off,
            full,
        }
    }

    /// Makes an operation return a status; `None` if this machine cannot provide the required state.
    fn provoke(&self, call: &Call, status: u16, of_refusals: &OnceCell<(Client, Call)>) -> Option<Reply> {
        let (client, usual) = if REFUSALS.contains(&status) {
            of_refusals.get_or_init(|| account_for(self.sound, &self.calls, call, 404)).clone()
        } else {
            account_for(self.sound, &self.calls, call, status)
        };
        let nonexistent = || call.clone().on(&Fixtures::nonexistent());
        let is_about_one = call.path.contains('{');
        Some(match status {
            200 | 201 | 202 | 204 => usual.send(&client),
            304 => usual.with("If-None-Match", "*").send(&client),
            404 | 409 | 412 if call.applies_batch() => {
                let nobody = Fixtures::nonexistent();
                let new = json!({"username": "new", "phone_number": NUMBER});
                let (members, items) = match status {
                    404 => {
                        let nobody = json!({"id": nobody.id("contacts")});
                        (json!({"mode": "update", "match_by": "id"}), vec![nobody])
                    }
                    409 => (json!({"mode": "create"}), vec![new.clone(), new]),
                    _ => {
                        let expected = json!({"username": "new", "phone_number": NUMBER, "if_match": "*"});
                        (json!({"mode": "upsert"}), vec![expected])
                    }
                };
                let mut members = members;
                members["atomic"] = json!(true);
                usual.with_items(&members, &items).send(&client)
            }
            400 if is_about_one => call.clone().on(&Fixtures::all("%00")).send(&client),
            // All its members are optional.
            400 if call.id == "createImport" => usual.with_body("{\"mode\": 1}").send(&client),
            400 if call.body.is_some() => usual.with_body("{}").send(&client),
            400 if call.id == "exportContacts" => usual.with("format", "xlsx").send(&client),
            400 if call.takes("filter") => usual.with("filter", "x").send(&client),
            400 => usual.with("limit", 0).send(&client),
            401 => usual.send(&self.sound.anonymous()),
            403 if call.permission.is_none() => {
                let account = new_account();
                let client = self.sound.client_of(&account, &[]);
                self.sound.suspend(&account);
                usual.send(&client)
            }
            403 => {
                let needed = Permission::from_str(call.permission.as_deref().unwrap()).unwrap();
                let others = Permission::ALL.iter().copied().filter(|other| *other != needed);
                usual.send(&self.sound.client_of(&new_account(), &others.collect::<Vec<_>>()))
            }
            404 if is_about_one => nonexistent().send(&client),
            404 if call.json()["template"].is_object() => {
                let mut body = call.json();
                body["template"] = json!({"id": Fixtures::nonexistent().id("templates")});
                usual.with_body(body.to_string()).send(&client)
            }
            404 if call.json()["template"].is_string() => {
                let body = json!({"aliases": ["john"], "template_name": "nobody's"});
                usual.with_body(body.to_string()).send(&client)
            }
            404 if takes_filter(call) => filtered(&usual, "group = \"nobody's\"").send(&client),
            // Only a list ordered by change requires the contact of its cursor.
            404 => {
                let missing = Fixtures::nonexistent();
                usual
                    .with("starting_after", missing.id("contacts"))
                    .with("updated_since", TIMESTAMP)
                    .send(&client)
            }
            // A body is only awaited for what exists.
            408 => {
                let (client, usual) = account_for(&self.hasty, &self.calls, call, status);
                self.never_finish(&usual, &client)
            }
            409 if takes_filter(call) => unready_field(&usual, &client),
            409 => conflict(&self.calls, &usual, &client),
            410 if call.id == "listChanges" => usual.with("since", UNKNOWN_POSITION).send(&client),
            410 if call.id == "listAuditEntries" => usual.with("before", UNKNOWN_POSITION).send(&client),
            // The resource that the first request created is deleted before the second.
            410 => {
                let call = usual.with_keep().with("Idempotency-Key", "key");
                let created = call.send(&client);
                let json = created.json();
                let id = json.pointer("/record/id").or(json.get("id")).unwrap().clone();
                let delete = self.calls.iter().find(|delete| {
                    let item = delete.path.strip_prefix(&call.path).and_then(|rest| rest.strip_prefix("/{"));
                    delete.method == "DELETE" && item.is_some_and(|rest| !rest.contains('/'))
                });
                let delete = delete.unwrap();
                let deleted = delete.clone().with(delete.last_path_parameter().unwrap(), id).send(&client);
                assert!((200..300).contains(&deleted.status), "{}", delete.id);
                call.send(&client)
            }
            412 => usual.with("If-Match", "\"0\"").send(&client),
            413 | 422 if call.id == "putImportFile" => {
                let (client, usual) = account_for(&self.cramped, &self.calls, call, 404);
                usual.with_body("x".repeat(if status == 413 { 5_000 } else { 3_000 })).send(&client)
            }
            // The default body limit, and the limit of batch bodies.
            413 => [70_000, 1_100_000]
                .iter()
                .map(|length| usual.with_body(json!({"x": "x".repeat(*length)}).to_string()).send(&client))
                .find(|reply| reply.status == 413)?,
            414 => client.send(&call.method, &format!("{}?{}", usual.target(), "x".repeat(9_000)), &[], b""),
            415 => {
                let mut call = usual;
                call.headers.push(("Content-Type".to_owned(), "text/plain".to_owned()));
                call.send(&client)
            }
            422 if !call.takes("Idempotency-Key") => {
                let body = json!({
                    "aliases": ["john"],
                    "include_opted_out": true,
                    "fields": {"john": {"A": "a".repeat(16_000)}},
                    "template": format!("{{{{ A{} }}}}", " | title".repeat(20)),
                });
                usual.with_body(body.to_string()).send(&client)
            }
            422 => {
                let call = usual.with("Idempotency-Key", "key");
                assert!(call.send(&client).status < 300);
                // Semantically the same body, with another fingerprint.
                call.with_body(format!("{} ", call.body.as_deref().unwrap())).send(&client)
            }
            429 => {
                let client = self.limited.client();
                (0..100).map(|_| nonexistent().send(&client)).find(|reply| reply.status == 429)?
            }
            500 => nonexistent().send(&self.broken.client()),
            503 => nonexistent().send(&self.cut_off.as_ref()?.1),
            507 => {
                let (_, client, fixtures, _) = self.full.as_ref()?;
                // Until the free pages of the database file are used up; with a contact that no other fixture refers
                // to.
                let others = fixtures.iter().cycle().skip(1);
                let tries = fixtures.iter().zip(others).enumerate().map(|(index, (fixtures, others))| {
                    let call = call.with_keep();
                    let call = match call.json() {
                        Value::Null => call,
                        // Of its own plan.
                        _ if call.id == "commitImport" => call,
                        body => {
                            let body = with_contact(other(body, 1_000 + index), others.id("contacts"));
                            call.with_body(body.to_string())
                        }
                    };
                    call.on(fixtures).send(client)
                });
                tries.into_iter().find(|reply| reply.status == 507)?
            }
            other => panic!("{}: no known request gets {other}", call.id),
        })
    }

    /// A body that never arrives.
    fn never_finish(&self, call: &Call, client: &Client) -> Reply {
        let response = raw(
            &self.hasty,
            format!(
                "{} {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\n\
                 Content-Length: 100\r\n\r\n{{",
                call.method,
                call.target(),
                client.key.as_deref().unwrap(),
                call.content_type,
            )
            .as_bytes(),
        );
        Reply::parse(&response)
    }
}

/// An import in another state, or another plan.
fn conflict_of_import(call: &Call, client: &Client) -> Reply {
    match call.id.as_str() {
        "putImportFile" => {
            let path = call.target().trim_end_matches("/file").to_owned();
            ImportClient { client, path }.commit();
            call.send(client)
        }
        "commitImport" => call.with_body(json!({"digest": "0".repeat(64)}).to_string()).send(client),
        // It is not committed.
        _ => call.send(client),
    }
}

/// Whether an operation takes a filter, as a parameter or in its body.
fn takes_filter(call: &Call) -> bool {
    let in_body = call.path.ends_with("/batch/get") || call.path.ends_with("/batch/delete");
    call.takes("filter") || in_body || call.id == "changeGroupMembers"
}

fn filtered(call: &Call, filter: &str) -> Call {
    if call.takes("filter") {
        call.clone().with("filter", encoded(filter))
    } else {
        call.with_body(json!({"filter": filter}).to_string())
    }
}

/// A filter on a field that is still being built: there are enough contacts for that to take some time.
fn unready_field(call: &Call, client: &Client) -> Reply {
    let contact = |i: usize| json!({"username": format!("unready {i}"), "phone_number": NUMBER});
    let contacts: Vec<Value> = (0..1_000).map(contact).collect();
    client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts})).expect(200);
    let attempts = (0..15).map(|attempt| {
        let key = format!("UNREADY{attempt}");
        client.post("/v1/fields", &json!({"key": key, "type": "text"})).expect(201);
        filtered(call, &format!("{key}:*")).send(client)
    });
    attempts.into_iter().find(|reply| reply.status == 409).expect("no build takes any time")
}

/// A name that is taken, a number that two contacts share, an idempotency key in use, or a field that a segment needs.
fn conflict(calls: &[Call], call: &Call, client: &Client) -> Reply {
    if call.id == "deleteField" {
        let key = wait_until_ready(client, &call.target())["key"].clone();
        let segment = json!({"name": "londoners", "filter": format!("meta.{key}:*")});
        client.post("/v1/segments", &segment).expect(201);
        return call.send(client);
    }
    if call.path.starts_with("/v1/imports/") {
        return conflict_of_import(call, client);
    }
    if call.creates() {
        let reply = call.send(client);
        return if reply.status == 409 { reply } else { in_flight(call, client) };
    }
    Fixtures::create_renamed(calls, client, 2);
    if call.body.is_none() {
        crate::contacts::create(client, "mary", NUMBER);
        let contact = call.last_path_parameter().unwrap();
        return call.clone().with(contact, NUMBER.trim_start_matches('+')).send(client);
    }
    let create = calls.iter().find(|create| {
        let collection = create.path.as_str();
        create.creates() && call.path.strip_prefix(collection).is_some_and(|rest| rest.starts_with('/'))
    });
    let taken = other(create.unwrap().json(), 2);
    let member = unique_member(&taken).unwrap();
    call.with_body(json!({member: taken[member]}).to_string()).send(client)
}

/// Concurrent requests under one key: all but one may find it in use.
fn in_flight(call: &Call, client: &Client) -> Reply {
    let mut rounds = (0..50).map(|round| {
        let call = call.clone().with("Idempotency-Key", format!("round-{round}"));
        std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| call.send(&client.clone()))).collect();
            let replies = racers.into_iter().map(|racer| racer.join().unwrap());
            replies.max_by_key(|reply| reply.status).unwrap()
        })
    });
    rounds.find(|reply| reply.status == 409).expect("nobody was told that the key is in use")
}

/// A service on a full disk, a client, and fixtures.
fn full(calls: &[Call]) -> Option<(Service, Client, Vec<Fixtures>, SmallDisk)> {
    let disk = SmallDisk::mount("32m");
    assert!(disk.is_some() || std::env::var_os("TEST_MOUNT").is_none(), "a file system cannot be mounted");
    let disk = disk?;
    let service =
        Service::start_on(&format!("sqlite://{}", disk.path().join("addressbook.db").display()), |_| {});
    let client = service.client();
    let fixtures: Vec<Fixtures> =
        (0..SPARE_FIXTURES).map(|number| Fixtures::create_renamed(calls, &client, number)).collect();
    // Every other import is committed: the rest can be committed, these can be undone.
    for fixtures in fixtures.iter().step_by(2) {
        commit_import(&client, fixtures);
    }
    let mut filler = File::create(disk.path().join("filler")).unwrap();
    while filler.write_all(&[b'x'; 4_096]).is_ok() {}
    Some((service, client, fixtures, disk))
}

/// Asserts that a response is the documented one.
fn is_as_documented(schemas: &Schemas, call: &Call, reply: &Reply) {
    let status = reply.status.to_string();
    let at = format!("{} {status}", call.id);
    let response = &schemas.document["paths"][&call.path][call.method.to_lowercase()]["responses"][&status];
    assert!(response.is_object(), "{at} is not documented");
    for name in response["headers"].as_object().unwrap().keys() {
        let is_present = reply.headers.contains_key(name) || OPTIONAL_HEADERS.contains(&name.as_str());
        assert!(is_present, "{at} comes without {name}");
    }
    let expected = if call.needs_key { "no-store" } else { "" };
    assert_eq!(reply.header("Cache-Control"), expected, "{at}");
    if response["content"].is_null() {
        assert!(reply.body.is_empty(), "{at} has a body");
        return;
    }
    let media_type = reply.header("Content-Type").split(';').next().unwrap();
    assert!(response["content"][media_type].is_object(), "{at} is {media_type}");
    if media_type != "application/json" {
        assert!(!reply.body.is_empty(), "{at} has no body");
        return;
    }
    let path = call.path.replace('/', "~1");
    let method = call.method.to_lowercase();
    let schema = format!("/paths/{path}/{method}/responses/{status}/content/application~1json/schema");
    let validator = schemas.validator(&schema);
    let errors: Vec<_> = validator.iter_errors(&reply.json()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{at}: {errors:?}");
}

/// Operations as rows, statuses as columns: seen, not possible here, never seen.
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

/// The outcome for some statuses of one operation.
fn row(
    servers: &Servers,
    schemas: &Schemas,
    call: &Call,
    of: impl Fn(u16) -> bool,
) -> BTreeMap<u16, Option<bool>> {
    let responses = &schemas.document["paths"][&call.path][call.method.to_lowercase()]["responses"];
    let statuses = responses.as_object().unwrap().keys().map(|status| status.parse().unwrap());
    let of_refusals = OnceCell::new();
    let outcome = |status: u16| {
        let possible = match status {
            503 => servers.cut_off.is_some(),
            507 => servers.full.is_some(),
            _ => true,
        };
        let reply = possible.then(|| servers.provoke(call, status, &of_refusals)).flatten();
        if let Some(reply) = &reply {
            is_as_documented(schemas, call, reply);
        }
        possible.then(|| reply.is_some_and(|reply| reply.status == status))
    };
    statuses.filter(|status| of(*status)).map(|status| (status, outcome(status))).collect()
}

#[test]
fn every_documented_response_is_seen() {
    let servers = Servers::start();
    let schemas = Schemas::of(servers.sound.anonymous().get("/openapi.json").expect(200));
    let calls = &servers.calls;
    // In parallel, since most of the time is waiting.
    let mut outcomes: BTreeMap<String, BTreeMap<u16, Option<bool>>> = std::thread::scope(|scope| {
        let rows: Vec<_> = calls
            .iter()
            .map(|call| (call, scope.spawn(|| row(&servers, &schemas, call, |status| status != 507))))
            .collect();
        rows.into_iter().map(|(call, row)| (call.id.clone(), row.join().unwrap())).collect()
    });
    // Sequentially: they share the fixtures on the full disk.
    for call in calls {
        outcomes.get_mut(&call.id).unwrap().extend(row(&servers, &schemas, call, |status| status == 507));
    }
    // Written to the terminal past output capture: the table is meant for readers of the log.
    let table = table(&outcomes);
    std::io::stdout().write_all(table.as_bytes()).unwrap();
    let all =
        || outcomes.iter().flat_map(|(id, row)| row.iter().map(move |(status, seen)| (id, status, *seen)));
    assert!(all().count() > 180, "{table}");
    let unseen: Vec<_> = all().filter(|(.., seen)| *seen == Some(false)).collect();
    assert!(unseen.is_empty(), "documented and never seen: {unseen:?}\n{table}");
}
