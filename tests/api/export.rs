//! Exports: complete files in each format, also while contacts come and go, and never half a file that looks whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use addressbook::domain::file_format::FileFormat;
use addressbook::domain::{ChangePosition, Permission};
use addressbook::formats::fields::{Field, id_text};
use addressbook::formats::read::{CellValue, FormulaGuard, ReadOptions, Reader};
use sea_orm::ConnectionTrait;
use serde_json::{Map, Value, json};

use crate::contacts::create;
use crate::harness::{Backend, Client, Reply, Service, raw};
use crate::slow_readers::connect_with_small_buffer;

const NUMBER: &str = "+4479000000001";

const FORMATS: [(&str, FileFormat); 5] = [
    ("format=csv", FileFormat::Csv),
    ("format=csv&profile=spreadsheet", FileFormat::Csv),
    ("format=vcard", FileFormat::VCard),
    ("format=ndjson", FileFormat::NdJson),
    ("format=jscontact", FileFormat::JsContact),
];

/// A file that is complete.
#[track_caller]
fn export(client: &Client, query: &str) -> Reply {
    let reply = client.get(&format!("/v1/contacts/export?{query}"));
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply
}

/// The contacts of a file, as v1 has them, but for what the file has not.
fn read(file: &[u8], format: FileFormat) -> Vec<Map<String, Value>> {
    let options = ReadOptions {
        format: Some(format),
        delimiter: None,
        formula_guard: FormulaGuard::Auto,
        max_bytes: u64::MAX,
    };
    if file.is_empty() {
        return Vec::new();
    }
    let mut reader = Reader::open(Cursor::new(file.to_vec()), &options).unwrap();
    let records: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    let columns = reader.columns();
    let contact = |record: addressbook::formats::read::Record| {
        assert_eq!(record.rejected, None);
        let mut contact = Map::from_iter([("meta".to_owned(), json!({}))]);
        for cell in record.cells {
            let value = match cell.value {
                CellValue::Text(text) if text.is_empty() => continue,
                CellValue::Text(text) => Value::String(text),
                CellValue::Json(value) => value,
            };
            let parsed = || match value.as_str() {
                Some(json) => serde_json::from_str(json).unwrap(),
                None => value.clone(),
            };
            let (name, value) = match Field::of_column(format, &columns[cell.column]).unwrap() {
                Field::Id => ("id", id_text(value.as_str().unwrap()).into()),
                Field::Username => ("username", value),
                Field::PhoneNumber => ("phone_number", value),
                Field::DisplayName => ("display_name", value),
                Field::AvatarUrl => ("avatar_url", value),
                Field::Groups => ("groups", parsed()),
                Field::Meta => {
                    let members = parsed().as_object().unwrap().clone();
                    contact["meta"].as_object_mut().unwrap().extend(members);
                    continue;
                }
                Field::MetaKey(key) => {
                    contact["meta"][key] = value;
                    continue;
                }
                // Not every format has them exactly.
                Field::CreatedAt | Field::UpdatedAt => continue,
            };
            if !value.is_null() {
                contact.insert(name.to_owned(), value);
            }
        }
        contact
    };
    records.into_iter().map(contact).collect()
}

fn names(contacts: &[Map<String, Value>]) -> Vec<&str> {
    contacts.iter().map(|contact| contact["username"].as_str().unwrap()).collect()
}

fn position(reply: &Reply) -> u64 {
    ChangePosition::parse(reply.header("X-Change-Position")).unwrap().sequence
}

on_both_databases! {
    /// The same contacts in each format, oldest first, with all that v1 shows of them.
    fn each_format_has_all_of_each_contact(service: &Service) {
        let client = service.client();
        let bodies = [
            json!({
                "username": "=1+1",
                "phone_number": NUMBER,
                "display_name": "John, \"Jr.\"",
                "avatar_url": "https://example.com/a,b;c",
                "meta": {"CITY": "London", "N": [1.5, null, {"a": "b"}]},
            }),
            json!({"username": "'zoë \u{1f468}", "phone_number": "+14155550100", "meta": {"CITY": "'@x", "TEXT": "a\r\nb\tc\\n;"}}),
            json!({"username": "plain", "phone_number": NUMBER}),
        ];
        let mut expected = Vec::new();
        for body in &bodies {
            let created = client.post("/v1/contacts", body).expect(201);
            let mut contact = body.as_object().unwrap().clone();
            contact.insert("id".to_owned(), created["id"].clone());
            contact.entry("meta").or_insert(json!({}));
            expected.push(contact);
        }
        for (query, format) in FORMATS {
            let reply = export(&client, query);
            assert_eq!(read(&reply.body, format), expected, "{query}");
            assert_eq!(reply.header("Content-Type").split(';').next().unwrap(), format.media_type());
            let disposition = reply.header("Content-Disposition");
            let name = disposition.strip_prefix("attachment; filename=\"contacts-").unwrap();
            assert_eq!(name.len(), "2025-11-10.".len() + format.file_extension().len() + 1);
            assert!(name.starts_with("20") && name.ends_with(&format!(".{}\"", format.file_extension())), "{name}");
            assert_eq!(reply.header("Cache-Control"), "no-store");
            assert_eq!(position(&reply), 3);
            // HEAD has the headers alone.
            let head = client.send("HEAD", &format!("/v1/contacts/export?{query}"), &[], b"");
            assert_eq!((head.status, head.header("Content-Disposition"), head.body.len()), (200, disposition, 0));
        }
        // Nothing is altered, and CSV is the default.
        let csv = String::from_utf8(export(&client, "").body).unwrap();
        assert!(csv.starts_with("id,username,phone_number,display_name,avatar_url,meta,created_at,updated_at\r\n"));
        assert!(csv.contains(",=1+1,+4479000000001,\"John, \"\"Jr.\"\"\","), "{csv}");
        let last = client.get("/v1/contacts?limit=1").expect(200)["data"][0].clone();
        assert!(csv.ends_with(&format!(
            ",plain,{NUMBER},,,,{},{}\r\n", last["created_at"].as_str().unwrap(), last["updated_at"].as_str().unwrap()
        )), "{csv}");
        let guarded = String::from_utf8(export(&client, "profile=spreadsheet").body).unwrap();
        assert!(guarded.starts_with("\u{feff}id,username,phone_number,display_name,avatar_url,meta.CITY,meta.TEXT,meta\r\n"));
        assert!(guarded.contains(",'=1+1,'+4479000000001,") && guarded.contains(",''@x,"), "{guarded}");
        // The last line of NDJSON is the position.
        let reply = export(&client, "format=ndjson");
        let text = String::from_utf8(reply.body.clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[3], json!({"$position": reply.header("X-Change-Position")}));
        assert_eq!(lines[2]["display_name"], Value::Null);
        assert_eq!((&lines[2]["created_at"], lines.len()), (&last["created_at"], 4));
    }

    fn an_account_without_contacts_has_empty_files(service: &Service) {
        let client = service.client();
        for (query, format) in FORMATS {
            let reply = export(&client, query);
            assert_eq!(read(&reply.body, format), [], "{query}");
            assert_eq!(position(&reply), 0);
        }
        assert_eq!(export(&client, "format=jscontact").body, b"[\n]\n");
    }

    fn filters_are_those_of_the_list(service: &Service) {
        let client = service.client();
        for (name, number) in [("a", NUMBER), ("b", "+14155550100"), ("c", NUMBER), ("d", NUMBER)] {
            create(&client, name, number);
        }
        let add = |group: &str, aliases: &[&str]| {
            client.post("/addressbook/groups", &json!({"name": group})).expect(200);
            client.post(&format!("/addressbook/groups/{}/contacts", group.replace('ü', "%C3%BC")), &json!({"aliases": aliases})).expect(200);
        };
        add("Friends", &["b", "c", "d"]);
        add("Zürich", &["c"]);
        client.post("/addressbook/groups", &json!({"name": "empty"})).expect(200);
        // A millisecond must pass between the changes.
        std::thread::sleep(Duration::from_millis(5));
        let id = client.get("/v1/contacts?username=c").expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let updated = client.patch(&format!("/v1/contacts/{id}"), &json!({"display_name": "C"})).expect(200);
        let since = updated["updated_at"].as_str().unwrap();
        for (filter, expected) in [
            ("", vec!["a", "b", "c", "d"]),
            ("username=c", vec!["c"]),
            ("username=x", vec![]),
            ("phone_number=004479000000001", vec!["a", "c", "d"]),
            ("username=b&phone_number=004479000000001", vec![]),
            ("group=Friends", vec!["b", "c", "d"]),
            ("group=empty", vec![]),
            ("group=Friends&phone_number=004479000000001", vec!["c", "d"]),
            ("group=Friends&username=d", vec!["d"]),
            (&format!("updated_since={since}"), vec!["c"]),
            (&format!("updated_since={since}&group=Friends"), vec!["c"]),
            (&format!("updated_since={since}&phone_number=004479000000001"), vec!["c"]),
            (&format!("updated_since={since}&group=Z%C3%BCrich"), vec!["c"]),
        ] {
            for (query, format) in FORMATS {
                let file = export(&client, &format!("{query}&{filter}")).body;
                assert_eq!(names(&read(&file, format)), expected, "{query}&{filter}");
                let file = export(&client, &format!("{query}&expand=groups&{filter}")).body;
                let contacts = read(&file, format);
                assert_eq!(names(&contacts), expected, "{query}&{filter}");
                for contact in contacts {
                    let groups = match contact["username"].as_str().unwrap() {
                        "a" => json!([]),
                        // Newest first; JSContact has a set.
                        "c" if format == FileFormat::JsContact => json!(["Friends", "Zürich"]),
                        "c" => json!(["Zürich", "Friends"]),
                        _ => json!(["Friends"]),
                    };
                    assert_eq!(contact.get("groups").unwrap_or(&json!([])), &groups, "{query}");
                }
            }
        }
        let refused = client.get("/v1/contacts/export?format=xls&profile=x&updated_since=1&limit=1&expand=x").expect(400);
        let details = refused["error"]["details"].as_array().unwrap();
        let fields: Vec<_> = details.iter().map(|detail| detail["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["format", "profile", "updated_since", "expand", "limit"]);
        for format in ["vcard", "ndjson", "jscontact"] {
            let refused = client.get(&format!("/v1/contacts/export?format={format}&profile=spreadsheet"));
            assert_eq!(refused.violation(400).1, "profile");
            export(&client, &format!("format={format}&profile=exact"));
        }
        assert_eq!(client.get("/v1/contacts/export?group=nobody").violation(404).0, "There is no such group");
    }

    /// More groups than a contact shows elsewhere.
    fn all_groups_are_exported(service: &Service) {
        let client = service.client();
        create(&client, "john", NUMBER);
        for number in 0..110 {
            client.post("/addressbook/groups", &json!({"name": format!("g{number}")})).expect(200);
            let path = format!("/addressbook/groups/g{number}/contacts");
            client.post(&path, &json!({"aliases": ["john"]})).expect(200);
        }
        let file = export(&client, "format=ndjson&expand=groups").body;
        let groups = read(&file, FileFormat::NdJson)[0]["groups"].as_array().unwrap().clone();
        assert_eq!((groups.len(), &groups[0], &groups[109]), (110, &json!("g109"), &json!("g0")));
    }

    fn groups_need_their_permission(service: &Service) {
        let account = crate::harness::new_account();
        let all = service.client_of(&account, &[]);
        create(&all, "john", NUMBER);
        all.post("/addressbook/groups", &json!({"name": "Friends"})).expect(200);
        let contacts = service.client_of(&account, &[Permission::ReadContacts]);
        let both = service.client_of(&account, &[Permission::ReadContacts, Permission::ReadGroups]);
        let groups = service.client_of(&account, &[Permission::ReadGroups]);
        for (query, by_contacts) in [("", 200), ("format=vcard", 200), ("group=Friends", 403), ("expand=groups", 403)] {
            let path = format!("/v1/contacts/export?{query}");
            assert_eq!(contacts.get(&path).status, by_contacts, "{query}");
            assert_eq!(both.get(&path).status, 200, "{query}");
            assert_eq!(groups.get(&path).status, 403, "{query}");
            assert_eq!(service.anonymous().get(&path).status, 401, "{query}");
        }
        // Another account has other contacts.
        assert_eq!(read(&export(&service.client(), "").body, FileFormat::Csv), []);
    }

    /// A contact that is there from before the export until after it is in the file exactly once, and others at most once.
    fn contacts_that_come_and_go_disturb_nothing(service: &Service) {
        let client = service.client();
        let steady: BTreeSet<String> = (0..400).map(|number| format!("steady {number}")).collect();
        for name in &steady {
            create(&client, name, NUMBER);
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let (client, stop, steady) = (client.clone(), &stop, &steady);
                scope.spawn(move || {
                    for round in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let made = create(&client, &format!("fleeting {writer} {round}"), NUMBER);
                        let name = steady.iter().nth(round % steady.len()).unwrap();
                        let found = client.get(&format!("/v1/contacts?username={}", name.replace(' ', "+"))).expect(200);
                        let id = found["data"][0]["id"].as_str().unwrap().to_owned();
                        let meta = json!({"meta": {"ROUND": format!("{writer} {round}")}});
                        client.patch(&format!("/v1/contacts/{id}"), &meta).expect(200);
                        client.delete(&format!("/v1/contacts/{}", made["id"].as_str().unwrap())).expect(204);
                    }
                });
            }
            for _ in 0..3 {
                for (query, format) in FORMATS {
                    let mut counts = BTreeMap::new();
                    let file = export(&client, query).body;
                    for contact in read(&file, format) {
                        *counts.entry(contact["username"].as_str().unwrap().to_owned()).or_insert(0) += 1;
                    }
                    assert!(counts.values().all(|count| *count == 1), "{query}: {counts:?}");
                    let missing: Vec<_> = steady.iter().filter(|name| !counts.contains_key(*name)).collect();
                    assert!(missing.is_empty(), "{query}: {missing:?}");
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    /// The position was read before the contacts: a change behind it may be in the file, one before it is.
    fn the_position_misses_no_change(service: &Service) {
        let client = service.client();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (writer, stop) = (client.clone(), &stop);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    create(&writer, &number.to_string(), NUMBER);
                }
            });
            // The nth change made the contact with the number n - 1.
            for _ in 0..30 {
                let reply = export(&client, "format=ndjson");
                let position = usize::try_from(position(&reply)).unwrap();
                let contacts = read(&reply.body, FileFormat::NdJson);
                let expected: Vec<String> = (0..contacts.len()).map(|number| number.to_string()).collect();
                assert_eq!(names(&contacts), expected);
                assert!(contacts.len() >= position, "{} {position}", contacts.len());
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}

/// A file that cannot be completed has no end: neither that of its format nor that of HTTP.
fn an_aborted_export_does_not_look_whole(backend: Backend) {
    let Some(service) = Service::start(backend, |settings| {
        settings.limits.write_timeout = Duration::from_secs(30);
    }) else {
        return;
    };
    let client = service.client();
    let text = "x".repeat(8_000);
    // More than the buffers of both sides and two pages hold.
    const WHOLE: usize = 8_000_000;
    for number in 0..1_000 {
        let body = json!({"username": number.to_string(), "phone_number": NUMBER, "meta": {"TEXT": text}});
        client.post("/v1/contacts", &body).expect(201);
    }
    for (query, _) in FORMATS {
        let whole = export(&client, query).body.len();
        assert!(whole > WHOLE, "{whole}");
    }
    let key = client.key.as_deref().unwrap();
    let mut streams: Vec<_> = FORMATS
        .iter()
        .map(|(query, _)| {
            let mut stream = connect_with_small_buffer(&service.address);
            let request = raw::request(key, "GET", &format!("/v1/contacts/export?{query}"), &[], "");
            stream.write_all(&request).unwrap();
            let mut start = [0; 64 * 1024];
            stream.read_exact(&mut start).unwrap();
            (*query, stream, start.to_vec())
        })
        .collect();
    service.keys().1.block_on(async {
        let admin = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
        admin.execute_unprepared("ALTER TABLE contacts RENAME TO gone").await.unwrap();
    });
    for (query, stream, received) in &mut streams {
        // Closed by the server, with or without a reset.
        let end = stream.read_to_end(received);
        let text = String::from_utf8_lossy(received);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{query}");
        assert!(text.to_lowercase().contains("\r\ntransfer-encoding: chunked\r\n"), "{query}");
        assert!(!received.ends_with(b"0\r\n\r\n"), "{query}: {end:?}");
        let tail = &text[text.len() - 200.min(text.len())..];
        assert!(!tail.contains("$position") && !tail.contains("]\n"), "{query}: {tail}");
        assert!(received.len() < WHOLE, "{query}: {}", received.len());
    }
    // A client reports it.
    let failed = client.try_send("GET", "/v1/contacts/export", &[], b"");
    assert!(failed.is_err() || failed.is_ok_and(|reply| reply.status == 500));
}

on_each! { an_aborted_export_does_not_look_whole }
