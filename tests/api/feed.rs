//! `/v1/changes`: what it says about each change, positions, waiting, and streams of events.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use addressbook::domain::Permission;
use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::harness::{Backend, Client, Service, folder, new_account, new_database, raw};

const CHANGES: &str = "/v1/changes";

fn position(client: &Client) -> String {
    let page = client.get(CHANGES).expect(200);
    assert_eq!((&page["data"], &page["has_more"]), (&json!([]), &json!(false)));
    page["next"].as_str().unwrap().to_owned()
}

fn since(client: &Client, position: &str, more: &str) -> Value {
    client.get(&format!("{CHANGES}?since={position}{more}")).expect(200)
}

fn create(client: &Client, username: &str) -> Value {
    client.post("/v1/contacts", &json!({"username": username, "phone_number": "+4479000000001"})).expect(201)
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

/// One of each type, in the order of their names in the document.
fn change_everything(client: &Client) -> Vec<Value> {
    let contact = create(client, "ann");
    let path = format!("/v1/contacts/{}", id(&contact));
    client
        .patch(&path, &json!({"username": "anna", "display_name": "Ann", "meta": {"CITY": "Bath"}}))
        .expect(200);
    let group = client.post("/v1/groups", &json!({"name": "friends"})).expect(201);
    let group_path = format!("/v1/groups/{}", id(&group));
    client.patch(&group_path, &json!({"description": "Close ones"})).expect(200);
    let members = format!("{group_path}/members");
    client.post(&members, &json!({"add": [id(&contact)]})).expect(200);
    client.post(&members, &json!({"remove": [id(&contact)]})).expect(200);
    client.delete(&group_path).expect(204);
    let opt_out = client.post("/v1/opt_outs", &json!({"phone_number": "+4479000000001"})).expect(201);
    client.delete(&format!("/v1/opt_outs/{}", id(&opt_out))).expect(204);
    let template = client.post("/v1/templates", &json!({"name": "hello", "text": "Hello"})).expect(201);
    let template_path = format!("/v1/templates/{}", id(&template));
    client.patch(&template_path, &json!({"text": "Hi"})).expect(200);
    vec![contact, group, opt_out, template]
}

on_both_databases! {
    fn each_change_is_told_with_what_it_changed(service: &Service) {
        let client = service.client();
        let start = position(&client);
        let resources = change_everything(&client);
        let [contact, group, opt_out, template] = &resources[..] else { unreachable!() };
        let page = since(&client, &start, "&limit=100");
        let seen: Vec<_> = page["data"].as_array().unwrap().iter().map(|change| {
            (change["type"].as_str().unwrap(), id(change), change["version"].as_i64(), change["changed"].to_string())
        }).collect();
        let (contact, group) = (id(contact), id(group));
        let (opt_out, template) = (id(opt_out), id(template));
        let none = || "[]".to_owned();
        assert_eq!(seen, [
            ("contact.created", contact, Some(1), none()),
            ("contact.updated", contact, Some(2), r#"["username","display_name","meta.CITY"]"#.to_owned()),
            ("group.created", group, Some(1), none()),
            ("group.updated", group, Some(2), r#"["description"]"#.to_owned()),
            ("group.member_added", group, None, none()),
            ("group.member_removed", group, None, none()),
            ("group.deleted", group, Some(2), none()),
            ("opt_out.created", opt_out, None, none()),
            ("opt_out.deleted", opt_out, None, none()),
            ("template.created", template, Some(1), none()),
            ("template.updated", template, Some(2), r#"["text"]"#.to_owned()),
        ]);
        // Resources are included as they are now; what has been deleted since is not.
        let now = client.get(&format!("/v1/contacts/{contact}")).expect(200);
        let data = &page["data"];
        assert_eq!((&data[0]["contact"], &data[1]["contact"]), (&now, &now));
        assert_eq!(data[4]["member_id"], contact);
        for change in data.as_array().unwrap().iter().skip(2) {
            assert_eq!(change["contact"], Value::Null);
            assert!(change.get("group").or(change.get("opt_out")).is_none(), "{change}");
        }
        assert_eq!(data[9]["template"], client.get(&format!("/v1/templates/{template}")).expect(200));
        assert_eq!(page["has_more"], false);

        // The page's position is that of its last change; the first page of a new client begins there.
        let next = page["next"].as_str().unwrap();
        assert_eq!(position(&client), next);
        client.delete(&format!("/v1/contacts/{contact}")).expect(204);
        let page = since(&client, next, "");
        assert_eq!(page["data"].as_array().unwrap().len(), 1);
        assert_eq!((page["data"][0]["type"].as_str(), page["data"][0]["version"].as_i64()), (Some("contact.deleted"), Some(2)));
        let page = since(&client, &start, "&limit=100");
        assert_eq!(page["data"][0]["contact"], Value::Null, "it has been deleted since");
    }

    fn pages_of_any_size_and_type_go_on_where_they_ended(service: &Service) {
        let client = service.client();
        let start = position(&client);
        change_everything(&client);
        let all = since(&client, &start, "&limit=100")["data"].clone();
        for (limit, types) in [
            (1, ""),
            (4, ""),
            (11, ""),
            (1, "&types=group.deleted,contact.created"),
            (100, "&types=opt_out.created,opt_out.deleted"),
            (2, "&types=template.deleted"),
        ] {
            let (mut position, mut changes) = (start.clone(), Vec::new());
            loop {
                let page = since(&client, &position, &format!("&limit={limit}{types}"));
                position = page["next"].as_str().unwrap().to_owned();
                let data = page["data"].as_array().unwrap();
                assert!(data.len() <= limit);
                changes.extend(data.iter().cloned());
                if page["has_more"] == false {
                    break;
                }
            }
            let wanted = |change: &&Value| types.is_empty() || types.contains(change["type"].as_str().unwrap());
            let expected: Vec<Value> = all.as_array().unwrap().iter().filter(wanted).cloned().collect();
            assert_eq!(changes, expected, "{limit} {types}");
            // What was skipped is not read again.
            assert_eq!(position, self::position(&client));
        }
    }

    fn accounts_see_their_own_changes(service: &Service) {
        let (one, other) = (service.client(), service.client());
        let start = position(&one);
        create(&other, "other");
        assert_eq!(since(&one, &start, "")["data"], json!([]));
        // Of another database.
        let unknown = one.get(&format!("{CHANGES}?since=AgAAAAAAAAADAAAAAAAAAAA"));
        assert_eq!(unknown.expect(410)["error"]["code"], "position_expired");
        let ahead = one.get(&format!("{CHANGES}?since={}", position(&other)));
        assert_eq!(ahead.expect(410)["error"]["code"], "position_expired");
        let allowed = service.client_of(&new_account(), &[Permission::ReadChanges]);
        allowed.get(CHANGES).expect(200);
        let denied = service.client_of(&new_account(), &[Permission::ReadContacts]);
        denied.get(CHANGES).expect(403);
    }

    fn a_request_waits_until_there_is_a_change(service: &Service) {
        let client = service.client();
        let start = position(&client);
        let begun = Instant::now();
        assert_eq!(since(&client, &start, "&wait=1s")["data"], json!([]));
        assert!(begun.elapsed() >= Duration::from_secs(1));
        let waiting = |types: &'static str| {
            let (client, start) = (client.clone(), start.clone());
            std::thread::spawn(move || (since(&client, &start, &format!("&wait=60s{types}")), Instant::now()))
        };
        let (any, group) = (waiting(""), waiting("&types=group.created"));
        std::thread::sleep(Duration::from_millis(300));
        create(&client, "ann");
        let (page, answered) = any.join().unwrap();
        assert_eq!(page["data"][0]["type"], "contact.created");
        assert!(!group.is_finished());
        client.post("/v1/groups", &json!({"name": "friends"})).expect(201);
        let (page, answered_later) = group.join().unwrap();
        assert_eq!(page["data"].as_array().unwrap().len(), 1);
        assert!(answered_later > answered);
        // Without a position, there is nothing to wait for.
        client.get(&format!("{CHANGES}?wait=60s")).expect(200);
    }

    fn events_are_streamed_and_resumed(service: &Service) {
        let client = service.client();
        let mut stream = Events::open(service, &client, &[], "");
        let (first, _, data) = stream.next();
        assert_eq!((first.as_str(), data), (position(&client).as_str(), Value::Null));
        let contact = create(&client, "ann");
        let (id_of_ann, event, data) = stream.next();
        assert_eq!((event.as_str(), &data["contact"]), ("contact.created", &contact));
        assert_eq!(id_of_ann, position(&client));
        drop(stream);
        client.delete(&format!("/v1/contacts/{}", id(&contact))).expect(204);
        let ben = create(&client, "ben");
        // The header takes precedence.
        let mut stream =
            Events::open(service, &client, &[("Last-Event-ID", &id_of_ann)], &format!("?since={first}&limit=1"));
        assert_eq!(stream.next().1, "contact.deleted");
        assert_eq!(stream.next().2["contact"], ben);
        drop(stream);
        // Only of some types; the position moves on with the others.
        let mut stream =
            Events::open(service, &client, &[], &format!("?since={first}&types=contact.deleted"));
        assert_eq!(stream.next().1, "contact.deleted");
        assert_eq!(stream.next(), (position(&client), String::new(), Value::Null));

        let refused = client.send("GET", &format!("{CHANGES}?since=AgAAAAAAAAADAAAAAAAAAEE"), &[EVENT_STREAM], b"");
        assert_eq!(refused.expect(410)["error"]["code"], "position_expired");
        let refused = client.send("GET", CHANGES, &[EVENT_STREAM, ("Last-Event-ID", "7")], b"");
        assert_eq!(refused.violation(400).1, "Last-Event-ID");
        // Whoever prefers JSON gets it.
        let accept = ("Accept", "text/event-stream;q=0.5, application/json");
        client.send("GET", CHANGES, &[accept], b"").expect(200);
        assert_eq!(client.send("HEAD", CHANGES, &[EVENT_STREAM], b"").status, 200);
    }
}

const EVENT_STREAM: (&str, &str) = ("Accept", "text/event-stream");

/// A client of a stream of events: on a connection of its own, which is closed when it is dropped.
pub struct Events(BufReader<std::net::TcpStream>);

impl Events {
    pub fn open(service: &Service, client: &Client, headers: &[(&str, &str)], query: &str) -> Self {
        Self::at(&service.address, client, headers, query)
    }

    fn at(address: &str, client: &Client, headers: &[(&str, &str)], query: &str) -> Self {
        let headers = [headers, &[EVENT_STREAM]].concat();
        let key = client.key.as_deref().unwrap();
        let mut stream = raw::connect(address);
        stream.write_all(&raw::request(key, "GET", &format!("{CHANGES}{query}"), &headers, "")).unwrap();
        let mut this = Self(BufReader::new(stream));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(this.0.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(
            head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream\r\n"),
            "{head}"
        );
        this
    }

    /// The next line of the body; `None` at its end. (The lines of chunks are blank or hexadecimal numbers.)
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// Id, type and data of the next event, or of the next id alone.
    fn next(&mut self) -> (String, String, Value) {
        loop {
            let line = self.line().expect("the stream goes on");
            let Some(id) = line.strip_prefix("id: ") else { continue };
            let line = self.line().unwrap();
            let Some(event) = line.strip_prefix("event: ") else {
                assert_eq!(line, "");
                return (id.to_owned(), String::new(), Value::Null);
            };
            let data = self.line().unwrap();
            let data = data.strip_prefix("data: ").unwrap();
            return (id.to_owned(), event.to_owned(), serde_json::from_str(data).unwrap());
        }
    }
}

/// On SQLite there is one instance.
#[test]
fn a_commit_of_another_instance_wakes_on_postgres() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let services = [(); 2].map(|()| Service::start_on(&url, |_| {}));
    let account = new_account();
    let [here, there] = [0, 1].map(|i| services[i].client_of(&account, &[]));
    for round in 0..5 {
        let start = position(&here);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| since(&here, &start, "&wait=60s"));
            std::thread::sleep(Duration::from_millis(50 * round));
            let created = create(&there, &format!("contact-{round}"));
            assert_eq!(waiting.join().unwrap()["data"][0]["contact"], created);
        });
    }
}

/// Long polls and streams end at once when the server is told to stop, each with what lets its client go on.
#[test]
fn whoever_waits_is_released_by_a_shutdown() {
    let mut serving =
        ServerProcess::start(&mut addressbook(&folder(), &["--bind", "127.0.0.1:0", "--log", "off"]));
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    let start = position(&client);
    let mut stream = Events::at(serving.address(), &client, &[], &format!("?since={start}"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| since(&client, &start, "&wait=60s"));
        std::thread::sleep(Duration::from_millis(500));
        let stopped = Instant::now();
        serving.signal("-TERM");
        assert_eq!(waiting.join().unwrap()["next"], start);
        while stream.line().is_some() {}
        serving.end();
        assert!(stopped.elapsed() < Duration::from_secs(20), "{:?}", stopped.elapsed());
    });
}

/// Subscribers that are notified together read a few at a time: none exceeds the time that a request may wait for a connection.
#[test]
fn a_thousand_who_wait_are_all_answered() {
    const WAITING: usize = 1_000;
    let service = Service::start(Backend::Sqlite, |settings| {
        settings.database.database_connections = 2;
        settings.database.database_acquire_timeout = Duration::from_millis(250);
    })
    .unwrap();
    let client = service.client();
    let path = format!("{CHANGES}?since={}&wait=60s", position(&client));
    let request = raw::request(client.key.as_deref().unwrap(), "GET", &path, &[], "");
    let mut waiting: Vec<_> = (0..WAITING)
        .map(|_| {
            let mut stream = raw::connect(&service.address);
            stream.write_all(&request).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let contact = create(&client, "ann");
    for stream in &mut waiting {
        let (status, body) = raw::response(stream).unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let page: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(page["data"][0]["contact"], contact);
    }
}
