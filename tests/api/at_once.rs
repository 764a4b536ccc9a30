//! How much of an account may be under way at once: what is beyond that is refused, nothing else is, and what ends makes room.

use std::io::{BufRead, BufReader, Read, Write};

use serde_json::{Value, json};

use crate::audience_snapshots::DatabaseProbe;
use crate::audiences::wait_until;
use crate::feed::Events;
use crate::harness::imports::ImportClient;
use crate::harness::{Backend, Client, Reply, Service, raw};
use crate::slow_readers::connect_with_small_buffer;

const FILE: &str = "username,phone_number\nann,+447900000001\n";

#[track_caller]
fn is_refused(reply: &Reply, code: &str) {
    let body = reply.expect(429);
    assert_eq!(body["error"]["code"], code, "{body}");
    assert_eq!(reply.header("Retry-After"), "1");
}

fn position(client: &Client) -> String {
    client.get("/v1/changes").expect(200)["next"].as_str().unwrap().to_owned()
}

fn path_of(client: &Client, username: &str) -> String {
    let found = client.get(&format!("/v1/contacts?username={username}")).expect(200);
    format!("/v1/contacts/{}", found["data"][0]["id"].as_str().unwrap())
}

fn so_many_requests_for_changes(backend: Backend) {
    let Some(service) = Service::start(backend, |settings| {
        settings.limits.account_feeds = 2;
        settings.limits.account_streams = 1;
    }) else {
        return;
    };
    let client = service.client();
    let limits = client.get("/v1/me").expect(200)["limits"].clone();
    assert_eq!(
        (&limits["feeds"], &limits["streams"], &limits["imports"]),
        (&json!(2), &json!(1), &json!(100))
    );
    let now = format!("?since={}", position(&client));
    let first = Events::open(&service, &client, &[], &now);
    std::thread::scope(|scope| {
        // Until it waits, one of those that look for that may be in its place.
        let waiting = scope.spawn(|| {
            let replies = (0..1_000).map(|_| client.get(&format!("/v1/changes{now}&wait=60s")));
            replies.into_iter().find(|reply| reply.status != 429).expect("others have ended").expect(200)
        });
        wait_until("a request waits", || client.get("/v1/changes").status == 429);
        is_refused(&client.get("/v1/changes"), "too_many_streams");
        let event_stream = [("Accept", "text/event-stream")];
        is_refused(&client.send("GET", &format!("/v1/changes{now}"), &event_stream, b""), "too_many_streams");
        // Other requests, other kinds of streams and other accounts go on.
        assert_eq!(client.get("/v1/contacts/export").status, 200);
        service.client().get("/v1/changes").expect(200);
        client.post("/v1/contacts", &json!({"username": "ann", "phone_number": "+447900000001"})).expect(201);
        assert_eq!(waiting.join().unwrap()["data"][0]["type"], "contact.created");
    });
    client.get("/v1/changes").expect(200);
    // What ends makes room, also if the client has gone.
    let second = Events::open(&service, &client, &[], &now);
    is_refused(&client.get("/v1/changes"), "too_many_streams");
    drop((first, second));
    // A connection that is gone is noticed when something is written to it.
    let has_room = || {
        client.post("/v1/contacts", &json!({"username": "ben", "phone_number": "+447900000001"}));
        client.delete(&path_of(&client, "ben")).expect(204);
        client.get("/v1/changes").status == 200
    };
    wait_until("one has ended", has_room);
    let _third = Events::open(&service, &client, &[], &now);
    wait_until("both have ended", has_room);
}

/// The beginning of a response that is not read on.
struct Unread(BufReader<std::net::TcpStream>);

impl Unread {
    fn open(service: &Service, client: &Client, path: &str) -> Self {
        let mut stream = connect_with_small_buffer(&service.address);
        stream.write_all(&raw::request(client.key.as_deref().unwrap(), "GET", path, &[], "")).unwrap();
        let mut this = Self(BufReader::new(stream));
        let mut status = String::new();
        this.0.read_line(&mut status).unwrap();
        assert_eq!(status, "HTTP/1.1 200 OK\r\n");
        this
    }
}

fn so_many_exports_and_audiences(backend: Backend) {
    let Some(service) = Service::start(backend, |settings| settings.limits.account_streams = 2) else {
        return;
    };
    let client = service.client();
    // More than the buffers of a connection hold.
    for part in 0..8 {
        let contact = |index: usize| {
            json!({"username": format!("{part} {index}"), "phone_number": "+447900000001",
                   "meta": {"TEXT": "x".repeat(700)}})
        };
        let contacts: Vec<Value> = (0..1_000).map(contact).collect();
        client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts})).expect(200);
    }
    let (export, audience) =
        ("/v1/contacts/export?format=ndjson", json!({"recipients": [], "template": {"text": "Hi"}}));
    client.post("/v1/audiences", &audience).expect(200);
    let mut first = Unread::open(&service, &client, export);
    client.post("/v1/audiences", &audience).expect(200);
    let second = Unread::open(&service, &client, export);
    is_refused(&client.get(export), "too_many_streams");
    is_refused(&client.post("/v1/audiences", &audience), "too_many_streams");
    let refused =
        client.post("/addressbook/resolve", &json!({"aliases": ["0 0"], "template": "Hi"})).expect(429);
    assert_eq!(refused["error"]["name"], "TooManyRequestsError");
    client.get("/v1/contacts").expect(200);
    client.get("/v1/changes").expect(200);
    service.client().post("/v1/audiences", &audience).expect(200);
    // One is read to its end, the client of the other has gone.
    let mut end = [0; 1 << 16];
    while !end.windows(5).any(|bytes| bytes == b"\n0\r\n\r") && first.0.read(&mut end).unwrap() > 0 {}
    wait_until("it has ended", || client.post("/v1/audiences", &audience).status == 200);
    drop(second);
    let _third = Unread::open(&service, &client, export);
    wait_until("both have ended", || client.post("/v1/audiences", &audience).status == 200);
}

fn so_many_imports_are_in_progress(backend: Backend) {
    let Some(service) = Service::start(backend, |settings| settings.limits.account_imports = 2) else {
        return;
    };
    let client = service.client();
    let sql = DatabaseProbe::connect(&service.settings.database.database_url);
    // As if a worker had them, and took long.
    let stuck: Vec<ImportClient<'_>> = (0..2).map(|_| ImportClient::create(&client, &json!({}))).collect();
    let set = |import: &ImportClient<'_>, state: &str| {
        let id = import.path.rsplit('/').next().unwrap().replace('-', "");
        let id = if backend == Backend::Sqlite { format!("x'{id}'") } else { format!("'{id}'") };
        sql.execute(&format!(
            "UPDATE imports SET state = '{state}', leased_until = {} WHERE id = {id}",
            i64::MAX
        ));
    };
    let other = ImportClient::planned(&client, &json!({}), FILE);
    let third = ImportClient::create(&client, &json!({}));
    stuck.iter().for_each(|import| set(import, "planning"));
    is_refused(&third.put("text/csv", FILE.as_bytes()), "too_many_imports");
    is_refused(&other.start_commit(), "too_many_imports");
    assert_eq!(third.get()["state"], "awaiting_file");
    assert_eq!(other.get()["state"], "planned");
    // More can be created, those of others go on, and one that is deleted is not in progress.
    ImportClient::create(&client, &json!({}));
    let stranger = service.client();
    ImportClient::committed(&stranger, &json!({}), FILE);
    set(&stuck[0], "failed");
    other.commit();
    third.put("text/csv", FILE.as_bytes()).expect(202);
    third.wait("planned");
    set(&stuck[0], "undoing");
    is_refused(&client.send("POST", &format!("{}/undo", other.path), &[], b""), "too_many_imports");
    set(&stuck[1], "committed");
    other.undo();
}

on_each! {
    so_many_requests_for_changes
    so_many_exports_and_audiences
    so_many_imports_are_in_progress
}
