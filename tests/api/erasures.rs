//! Erasures: nothing of a person is left in any table, whatever the table is; what must stay stays; and a server that is killed
//! goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use data_encoding::HEXUPPER_PERMISSIVE;
use flate2::read::{DeflateDecoder, ZlibDecoder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::audience_snapshots::DatabaseProbe;
use crate::cli::{ServerProcess, addressbook};
use crate::contacts::create;
use crate::harness::field_index::wait_until_ready;
use crate::harness::imports::ImportClient;
use crate::harness::{Backend, Client, Reply, Service, folder, new_database};
use crate::search::wait_until_indexed;

/// What is still to come takes less, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

const NUMBER: &str = "+447911000777";
const HANDLE: &str = "zenobia.quux";

/// What occurs nowhere but in what is known of one person; folded.
const MARKS: [&str; 7] =
    ["7911000777", "7911 000777", HANDLE, "zenobia", "markerham", "zenobia-marker", "zmarker"];

/// Where the test puts something of the person.
const PLACES: [&str; 10] = [
    "audience_entries",
    "audiences",
    "contacts",
    "field_values",
    "idempotency_keys",
    "import_chunks",
    "import_pages",
    "imports",
    "opt_outs",
    "search_blocks",
];

/// What has no value of a contact; ids at most.
const WITHOUT_VALUES: [&str; 22] = [
    "account_limits",
    "accounts",
    "api_keys",
    "change_heads",
    "change_timeline",
    "changes",
    "counters",
    "erasures",
    "fields",
    "groups",
    "key_uses",
    "members",
    "operator_keys",
    "rate_budgets",
    "schema_compatibility",
    "seaql_migrations",
    "search_heads",
    "search_segments",
    "segments",
    "suppression_keys",
    "suppressions",
    "templates",
];

/// Where the id of an erased contact stays.
const WITH_IDS: [&str; 2] = ["changes", "erasures"];

/// The contents of every table of a database, as the schema lists them.
struct Contents {
    /// Of each table, its columns with all of their values.
    tables: BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>>,
}

impl Contents {
    fn read(probe: &DatabaseProbe, backend: Backend) -> Self {
        let columns = match backend {
            Backend::Sqlite => {
                "SELECT it.name || '|' || its.name || '|' || 'any' FROM sqlite_schema it, pragma_table_info(it.name) its \
                 WHERE it.type = 'table' AND it.name NOT LIKE 'sqlite%'"
            }
            Backend::Postgres => {
                "SELECT table_name || '|' || column_name || '|' || data_type FROM information_schema.columns \
                 WHERE table_schema = 'public'"
            }
        };
        let mut tables: BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>> = BTreeMap::new();
        for column in probe.column::<String>(columns) {
            let [table, name, data_type] = column.split('|').collect::<Vec<_>>()[..] else {
                panic!("{column}")
            };
            let value = match (backend, data_type) {
                (Backend::Sqlite, _) => format!("hex(\"{name}\")"),
                (_, "bytea") => format!("encode(\"{name}\", 'hex')"),
                (_, "uuid") => format!("replace(\"{name}\"::text, '-', '')"),
                _ => format!("encode(convert_to(\"{name}\"::text, 'UTF8'), 'hex')"),
            };
            let values: Vec<String> =
                probe.column(&format!("SELECT {value} FROM \"{table}\" WHERE \"{name}\" IS NOT NULL"));
            let values =
                values.iter().map(|hex| HEXUPPER_PERMISSIVE.decode(hex.as_bytes()).unwrap()).collect();
            tables.entry(table.to_owned()).or_default().insert(name.to_owned(), values);
        }
        Self { tables }
    }

    /// The tables and columns with a value for which something is true.
    fn with(&self, is_so: impl Fn(&[u8]) -> bool) -> BTreeSet<(&str, &str)> {
        let mut found = BTreeSet::new();
        for (table, columns) in &self.tables {
            for (column, values) in columns {
                if values.iter().any(|value| is_so(value)) {
                    found.insert((table.as_str(), column.as_str()));
                }
            }
        }
        found
    }
}

/// A value as it is, and what it may be packed from.
fn unpacked(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_vec()];
    let [mut zlib, mut deflate] = [Vec::new(), Vec::new()];
    if ZlibDecoder::new(value).read_to_end(&mut zlib).is_ok() {
        forms.push(zlib);
    }
    if DeflateDecoder::new(value).read_to_end(&mut deflate).is_ok() {
        forms.push(deflate);
    }
    forms
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    value.windows(part.len()).any(|window| window == part)
}

fn has_mark(value: &[u8]) -> bool {
    unpacked(value).iter().any(|form| {
        let folded = String::from_utf8_lossy(form).to_lowercase();
        MARKS.iter().any(|mark| folded.contains(mark))
    })
}

/// Whether a value has an id, as bytes or as text.
fn has_id(value: &[u8], id: &str) -> bool {
    let bytes = HEXUPPER_PERMISSIVE.decode(id.replace('-', "").as_bytes()).unwrap();
    unpacked(value).iter().any(|form| contains(form, &bytes) || contains(form, id.as_bytes()))
}

fn keyed(client: &Client, key: &str, path: &str, body: &Value) -> Reply {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.send("POST", path, &headers, body.to_string().as_bytes())
}

fn count(receipt: &Value, place: &str) -> (u64, u64) {
    let places = receipt["places"].as_array().unwrap();
    let found = places.iter().find(|it| it["place"] == place).unwrap_or_else(|| panic!("{place}: {receipt}"));
    (found["erased"].as_u64().unwrap(), found["kept"].as_u64().unwrap())
}

fn counts_of(import: &Value, names: [&str; 3]) -> [u64; 3] {
    names.map(|name| import["counts"][name].as_u64().unwrap())
}

/// The receipt of a complete erasure.
#[track_caller]
fn complete(client: &Client, receipt: &Value) -> Value {
    let began = Instant::now();
    loop {
        let receipt = client.get(&format!("/v1/erasures/{}", receipt["id"].as_str().unwrap())).expect(200);
        if receipt["state"] == "complete" {
            return receipt;
        }
        assert!(receipt["state"] == "running" && began.elapsed() < LIMIT, "{receipt}");
        assert!(receipt["completed_at"].is_null() && receipt["backups_until"].is_null(), "{receipt}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn erase(client: &Client, subject: &Value) -> Value {
    let receipt = client.post("/v1/erasures", subject).expect(201);
    complete(client, &receipt)
}

/// Everything that an account can have of a person.
struct Person {
    id: String,
    /// Bodies of requests with idempotency keys.
    bodies: Vec<Value>,
    committed: String,
    planned: String,
}

const COLUMNS: &str = r#"[{"column": "Name", "to": "username"}, {"column": "Mobile", "to": "phone_number"},
    {"column": "City", "to": "meta.CITY"}, {"column": "District", "to": "meta.DISTRICT"}]"#;

fn fill(client: &Client, probe: &DatabaseProbe, backend: Backend) -> Person {
    let field = client.post("/v1/fields", &json!({"key": "CITY", "type": "text"})).expect(201);
    wait_until_ready(client, &format!("/v1/fields/{}", field["id"].as_str().unwrap()));
    // Before there is a contact: by number and username alone.
    let nobody = json!({"recipients": [{"phone_number": NUMBER}, {"username": HANDLE}], "keep": true});
    client.post("/v1/audiences", &nobody).expect(201);
    // Who is not erased; enough for the index to have a segment.
    let others: Vec<Value> = (0..300)
        .map(|i| json!({"username": format!("other {i}"), "phone_number": format!("+4420794{i:05}")}))
        .collect();
    client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": others})).expect(200);

    let contact = json!({
        "username": HANDLE, "phone_number": NUMBER, "display_name": "Zenobia Quux",
        "avatar_url": "https://example.com/zenobia-marker.png", "meta": {"CITY": "Markerham", "NAME": "Zenobia"},
    });
    let id =
        keyed(client, "create-1", "/v1/contacts", &contact).expect(201)["id"].as_str().unwrap().to_owned();
    let opt_out = json!({"phone_number": NUMBER, "source": "STOP by Zmarker", "note": "Zmarker asked"});
    let batch = json!({"mode": "update", "match_by": "username",
        "contacts": [{"username": HANDLE, "meta": {"CITY": "Markerham", "NAME": "Zenobia", "SHOE": "Zmarker"}}]});
    keyed(client, "batch-1", "/v1/contacts/batch", &batch).expect(200);
    keyed(
        client,
        &format!("welcome-{HANDLE}"),
        "/v1/templates",
        &json!({"name": "welcome", "text": "Hi {{NAME}}"}),
    )
    .expect(201);
    let group = client.post("/v1/groups", &json!({"name": "customers"})).expect(201);
    let members = format!("/v1/groups/{}/members", group["id"].as_str().unwrap());
    client.post(&members, &json!({"add": [id]})).expect(200);
    let audience = json!({"recipients": [{"group": "customers"}], "keep": true,
        "template": {"text": "Hi {{NAME}} of {{CITY}}"}});
    client.post("/v1/audiences", &audience).expect(201);
    keyed(client, "opt-out-1", "/v1/opt_outs", &opt_out).expect(201);

    let options = json!({"default_region": "GB", "columns": serde_json::from_str::<Value>(COLUMNS).unwrap()});
    let csv = format!(
        "Name,Mobile,City,District\n{HANDLE},{NUMBER},Markerham,Zmarker end\n,07911 000777,Markerham,\nother 1,\
         +442079400001,Leeds,\n"
    );
    let (committed, import) = ImportClient::committed(client, &options, &csv);
    assert_eq!(counts_of(&import, ["update", "reject", "applied"]), [2, 1, 2]);
    let csv =
        format!("Name,Mobile,City,District\nzenobia two,{NUMBER},Markerham,\nnew one,+442079465000,Leeds,\n");
    let planned = ImportClient::planned(client, &options, &csv);
    // Without a header: the row is taken for one.
    let headless = ImportClient::create(client, &json!({}));
    headless.put("text/csv", format!("{HANDLE},{NUMBER},Markerham\n").as_bytes()).expect(202);
    headless.wait("failed");
    // Of a transfer that a killed server has left.
    let incomplete = ImportClient::create(client, &json!({}));
    add_chunk(probe, backend, &incomplete.path, "uploading");
    wait_until_indexed(probe);
    // What is cached of them is to be forgotten, too.
    client.get(&format!("/v1/contacts/{id}")).expect(200);
    client.get("/v1/contacts").expect(200);
    assert_eq!(client.get("/v1/contacts?search=zenobia").expect(200)["data"][0]["id"], id);
    Person { id, bodies: vec![contact, opt_out, batch], committed: committed.path, planned: planned.path }
}

/// A piece of a file of an import: the one that it has (`upload`), or one that is being received.
fn add_chunk(probe: &DatabaseProbe, backend: Backend, import: &str, file: &str) {
    let (upload, id, bytes) = match backend {
        Backend::Sqlite => ("x'01900000000070008000000000000000'", "x'IMPORT'", "CAST('FILE' AS BLOB)"),
        Backend::Postgres => {
            ("'01900000-0000-7000-8000-000000000000'::uuid", "'IMPORT'::uuid", "'FILE'::bytea")
        }
    };
    let id = id.replace("IMPORT", &import.rsplit('/').next().unwrap().replace('-', ""));
    let bytes = bytes.replace("FILE", &format!("{HANDLE},{NUMBER}"));
    probe.execute(&format!("UPDATE imports SET {file} = {upload} WHERE id = {id}"));
    probe.execute(&format!(
        "INSERT INTO import_chunks (account_id, import_id, upload, number, content) \
         SELECT account_id, id, {upload}, 0, {bytes} FROM imports WHERE id = {id}"
    ));
}

/// Until the erasure is complete, time passes for the search index: a retired segment is kept as long as a search may read it.
fn complete_at_once(client: &Client, probe: &DatabaseProbe, receipt: &Value) -> Value {
    let began = Instant::now();
    let is_running = "erasures WHERE state = 'running'";
    while probe.count(is_running) > 0 {
        assert!(began.elapsed() < LIMIT, "{}", client.get("/v1/erasures").expect(200));
        probe.execute("UPDATE search_segments SET changed_at = 0 WHERE state = 'retired'");
        std::thread::sleep(Duration::from_millis(100));
    }
    complete(client, receipt)
}

#[track_caller]
fn erase_at_once(client: &Client, probe: &DatabaseProbe, subject: &Value) -> Value {
    let receipt = client.post("/v1/erasures", subject).expect(201);
    complete_at_once(client, probe, &receipt)
}

on_each! {
    nothing_is_left_in_any_table
    a_number_that_others_have_is_theirs
}

fn nothing_is_left_in_any_table(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let fast = |settings: &mut addressbook::config::Settings| {
        // An account is then indexed half a second after a change.
        settings.storage.change_retention = Duration::from_secs(1);
        settings.storage.backup_retention = Duration::from_secs(3_600);
    };
    let service = Service::start_on(&url, fast);
    let probe = DatabaseProbe::connect(&url);
    let client = service.client();
    let person = fill(&client, &probe, backend);
    let id = person.id.as_str();
    let digests: Vec<[u8; 32]> =
        person.bodies.iter().map(|body| Sha256::digest(body.to_string().as_bytes()).into()).collect();
    let has_digest = |value: &[u8]| digests.iter().any(|digest| contains(value, digest));

    let contents = Contents::read(&probe, backend);
    let tables: BTreeSet<&str> = contents.tables.keys().map(String::as_str).collect();
    assert_eq!(
        tables,
        PLACES.iter().chain(&WITHOUT_VALUES).copied().collect(),
        "a new table: what has it of a person?"
    );
    let tables_of = |found: &BTreeSet<(&str, &str)>| -> BTreeSet<String> {
        found.iter().map(|(table, _)| (*table).to_owned()).collect()
    };
    let marked = tables_of(&contents.with(|value| has_mark(value) || has_id(value, id)));
    let unmarked: Vec<_> = PLACES.iter().filter(|place| !marked.contains(**place)).collect();
    assert!(unmarked.is_empty(), "the test has put nothing into {unmarked:?}");
    let without_values: BTreeSet<_> = tables_of(&contents.with(has_mark));
    assert!(WITHOUT_VALUES.iter().all(|table| !without_values.contains(*table)), "{without_values:?}");
    assert_eq!(contents.with(has_digest), BTreeSet::from([("idempotency_keys", "fingerprint")]));

    let reply = client.post("/v1/erasures", &json!({"contact_id": id}));
    let receipt = reply.expect(201);
    assert_eq!(reply.header("Location"), format!("/v1/erasures/{}", receipt["id"].as_str().unwrap()));
    // At once, whatever is still to be looked through.
    assert_eq!(client.get(&format!("/v1/contacts/{id}")).status, 404);
    assert_eq!(client.get("/v1/contacts?search=zenobia").expect(200)["data"], json!([]));
    let receipt = complete_at_once(&client, &probe, &receipt);

    let contents = Contents::read(&probe, backend);
    assert_eq!(contents.with(has_mark), BTreeSet::new());
    // Nor a hash that could be guessed.
    let hashes = [NUMBER, NUMBER.trim_start_matches('+')].map(|number| Sha256::digest(number.as_bytes()));
    assert_eq!(contents.with(|value| hashes.iter().any(|hash| contains(value, hash))), BTreeSet::new());
    assert_eq!(probe.count("suppressions"), 1);
    assert_eq!(contents.with(has_digest), BTreeSet::new());
    let with_id = tables_of(&contents.with(|value| has_id(value, id)));
    assert!(with_id.iter().all(|table| WITH_IDS.contains(&table.as_str())), "{with_id:?}");
    assert_eq!((&receipt["selected_by"], &receipt["contact_ids"]), (&json!("contact_id"), &json!([id])));
    for place in receipt["places"].as_array().unwrap() {
        let place = place["place"].as_str().unwrap();
        if place == "search_index" {
            // The contact was changed since it was first indexed.
            assert!(count(&receipt, place).0 >= 1);
            continue;
        }
        let expected = match place {
            "opt_outs" => (0, 1),
            // Two by number and username, one by its id.
            "audience_entries" => (3, 0),
            // Those of the contact, of the batch, of the opt-out, and the one whose key is the username.
            "stored_responses" => (4, 0),
            // Two rows of one import, one of another, and what is taken for a header.
            "import_rows" => (4, 0),
            _ => (1, 0),
        };
        assert_eq!(count(&receipt, place), expected, "{place}");
    }
    let at = |member: &str| addressbook::domain::Timestamp::parse(receipt[member].as_str().unwrap()).unwrap();
    assert_eq!(at("backups_until").since(at("completed_at")), Duration::from_secs(3_600));

    what_others_have_is_as_before(&client, &probe, &person);
    if backend == Backend::Sqlite {
        nothing_is_left_in_a_copy(Path::new(url.strip_prefix("sqlite://").unwrap()));
    }
}

fn what_others_have_is_as_before(client: &Client, probe: &DatabaseProbe, person: &Person) {
    assert_eq!(client.get("/v1/contacts/count").expect(200)["count"], 300);
    assert_eq!(
        client.get("/v1/contacts?search=other&limit=100").expect(200)["data"].as_array().unwrap().len(),
        100
    );
    let committed = ImportClient { client, path: person.committed.clone() };
    let rows = committed.rows("");
    assert_eq!(rows[2]["changes"], json!(["CITY: none \u{2192} \"Leeds\""]), "{rows:?}");
    for (row, outcome) in rows.iter().zip(["update", "reject"]) {
        assert_eq!((&row["outcome"], &row["code"]), (&json!(outcome), &json!("erased")), "{row}");
        assert_eq!((&row["id"], &row["changes"]), (&Value::Null, &json!([])), "{row}");
    }
    assert!(!committed.rejects().contains("Markerham"));
    let audiences = client.get("/v1/audiences").expect(200);
    let excluded: u64 = audiences["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["counts"]["excluded"].as_u64().unwrap())
        .sum();
    assert_eq!(excluded, 3, "they are accounted for: {audiences}");

    // A request that is repeated does not bring the person back.
    let [contact, opt_out, batch] = &person.bodies[..] else { panic!() };
    for (key, path, body) in [
        ("create-1", "/v1/contacts", contact),
        ("opt-out-1", "/v1/opt_outs", opt_out),
        ("batch-1", "/v1/contacts/batch", batch),
    ] {
        let (message, ..) = keyed(client, key, path, body).violation(422);
        assert!(message.contains("erased"), "{message}");
    }
    // Nor does a plan, which is another one now.
    let planned = ImportClient { client, path: person.planned.clone() };
    assert_eq!(counts_of(&planned.get(), ["rows", "create", "skip"]), [2, 1, 1]);
    assert_eq!(counts_of(&planned.commit(), ["rows", "create", "applied"]), [2, 1, 1]);
    assert_eq!(client.get("/v1/contacts/count").expect(200)["count"], 301);
    let undone = ImportClient { client, path: person.committed.clone() }.undo();
    assert_eq!(undone["counts"]["undone"], 1, "of the other: {undone}");

    the_number_has_opted_out(client, probe);
    // It is known again, and can be erased again.
    create(client, "somebody else", NUMBER);
    let receipt = erase_at_once(client, probe, &json!({"phone_number": "0044 7911 000777"}));
    assert_eq!((count(&receipt, "contacts"), count(&receipt, "opt_outs")), ((1, 0), (0, 1)));
    assert_eq!(receipt["selected_by"], "phone_number");
    let listed = client.get("/v1/erasures").expect(200);
    assert_eq!(listed["data"][0], receipt, "the newest first");
    assert_eq!(listed["data"].as_array().unwrap().len(), 7);
}

/// Whoever asks for it, and whoever has it; and no list says so.
fn the_number_has_opted_out(client: &Client, probe: &DatabaseProbe) {
    let by_number = format!("/v1/opt_outs/{}", NUMBER.trim_start_matches('+'));
    let is_excluded = |recipient: Value| {
        let audience = client.post("/v1/audiences", &json!({"recipients": [recipient]})).expect(200);
        audience["exclusions"][0]["reason"] == "opted_out"
    };
    let opt_out = client.get(&by_number).expect(200);
    assert_eq!(opt_out["phone_number"], NUMBER);
    assert_eq!((&opt_out["source"], &opt_out["note"]), (&Value::Null, &Value::Null));
    assert_eq!(client.get("/v1/opt_outs").expect(200)["data"], json!([]));
    assert_eq!(client.get("/addressbook/optouts").expect(200)["total"], 0);
    let filtered = format!("/v1/opt_outs?phone_number={}", NUMBER.trim_start_matches('+'));
    assert_eq!(client.get(&filtered).expect(200)["data"], json!([opt_out]));
    for _ in 0..2 {
        // The second time from the cache, if there is one.
        assert!(is_excluded(json!({"phone_number": NUMBER})));
        assert!(!is_excluded(json!({"phone_number": "+442079465001"})));
    }
    // In one way or another, a contact gets it: it is opted out as any other.
    let ways: [fn(&Client) -> Value; 3] = [
        |client| create(client, "zoe", NUMBER),
        |client| {
            let zoe = create(client, "zoe", "+442079465002");
            client
                .patch(
                    &format!("/v1/contacts/{}", zoe["id"].as_str().unwrap()),
                    &json!({"phone_number": NUMBER}),
                )
                .expect(200)
        },
        |client| {
            let batch = json!({"mode": "upsert", "contacts": [{"username": "zoe", "phone_number": NUMBER}]});
            let done = client.post("/v1/contacts/batch", &batch).expect(200);
            json!({"id": done["results"][0]["id"]})
        },
    ];
    for way in ways {
        let zoe = way(client);
        assert!(is_excluded(json!({"id": zoe["id"]})));
        let listed = client.get("/v1/opt_outs").expect(200);
        assert_eq!(
            (&listed["data"][0]["phone_number"], listed["data"].as_array().unwrap().len()),
            (&json!(NUMBER), 1)
        );
        let filtered = client.get("/v1/contacts?filter=opted_out%20%3D%20true").expect(200);
        assert_eq!(filtered["data"][0]["username"], "zoe", "{filtered}");
        let receipt = erase_at_once(client, probe, &json!({"contact_id": zoe["id"]}));
        assert_eq!((count(&receipt, "contacts"), count(&receipt, "opt_outs")), ((1, 0), (0, 1)));
        assert_eq!(client.get("/v1/opt_outs").expect(200)["data"], json!([]));
    }
    // Until it is opted in.
    client.delete(&by_number).expect(204);
    assert_eq!(client.delete(&by_number).status, 404);
    assert_eq!(client.get(&by_number).status, 404);
    assert!(!is_excluded(json!({"phone_number": NUMBER})));
    // In clear once more, and then not; each is ended by one deletion.
    for _ in 0..2 {
        client.post("/v1/opt_outs", &json!({"phone_number": NUMBER})).expect(201);
        erase_at_once(client, probe, &json!({"phone_number": NUMBER}));
    }
    client.post("/v1/opt_outs", &json!({"phone_number": NUMBER})).expect(201);
    client.delete(&by_number).expect(204);
    assert_eq!(client.get(&by_number).status, 404);
    client.post("/v1/opt_outs", &json!({"phone_number": NUMBER})).expect(201);
}

/// Not in an index either, and not in what is copied to a backup.
fn nothing_is_left_in_a_copy(database: &Path) {
    let copy = database.with_file_name("copy.db");
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    let bytes = std::fs::read(copy).unwrap().to_ascii_lowercase();
    assert!(contains(&bytes, b"other 299"), "the others are there");
    for mark in MARKS {
        let at = bytes.windows(mark.len()).position(|window| window == mark.as_bytes());
        let around =
            at.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(60)..at + 60]).into_owned());
        assert_eq!(around, None, "{mark}");
    }
}

fn a_number_that_others_have_is_theirs(backend: Backend) {
    let Some(service) = Service::shared(backend) else { return };
    let client = service.client();
    let [anna, ben] = ["anna", "ben"].map(|name| create(&client, name, "+442079460001"));
    let nobody = json!({"recipients": [{"id": ben["id"]}], "keep": true});
    let audience = client.post("/v1/audiences", &nobody).expect(201);
    let receipt = erase(&client, &json!({"username": "anna"}));
    assert_eq!(
        (&receipt["selected_by"], &receipt["contact_ids"]),
        (&json!("username"), &json!([anna["id"]]))
    );
    assert_eq!((count(&receipt, "contacts"), count(&receipt, "audience_entries")), ((1, 0), (0, 0)));
    let recipients = format!("/v1/audiences/{}/recipients", audience["id"].as_str().unwrap());
    assert_eq!(client.get(&recipients).expect(200)["data"][0]["phone_number"], "+442079460001");
    // Of one who is gone, also by the id; and of nobody.
    let again = erase(&client, &json!({"contact_id": anna["id"]}));
    assert_eq!(count(&again, "contacts"), (0, 0));
    assert_eq!(count(&erase(&client, &json!({"username": "nobody"})), "contacts"), (0, 0));
    // By the number, all.
    create(&client, "cleo", "+442079460001");
    let receipt = erase(&client, &json!({"phone_number": "+44 20 7946 0001"}));
    assert_eq!(count(&receipt, "contacts"), (2, 0));
    assert_eq!(client.get("/v1/contacts").expect(200)["data"], json!([]));
    assert_eq!(client.get(&recipients).expect(200)["data"], json!([]));

    // More than are deleted at once.
    let many: Vec<Value> =
        (0..250).map(|i| json!({"username": format!("many {i}"), "phone_number": "+442079460002"})).collect();
    client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": many})).expect(200);
    let receipt = erase(&client, &json!({"phone_number": "+442079460002"}));
    assert_eq!(count(&receipt, "contacts"), (250, 0));
    assert_eq!(receipt["contact_ids"].as_array().unwrap().len(), 100);
    assert_eq!(client.get("/v1/contacts/count").expect(200)["count"], 0);
    // Followers of the changes learn of each.
    let deleted = client.get("/v1/audit?types=contact.deleted&limit=100").expect(200);
    assert_eq!(deleted["data"].as_array().unwrap().len(), 100);

    let (message, field, code) = client.post("/v1/erasures", &json!({})).violation(400);
    assert_eq!((&*field, &*code), ("body", "not_exactly_one"), "{message}");
    let both = json!({"username": "anna", "phone_number": "+442079460001"});
    let (message, field, _) = client.post("/v1/erasures", &both).violation(400);
    assert_eq!((&*field, &*message), ("username", "username must not be given together with phone_number"));
    assert_eq!(client.post("/v1/erasures", &json!({"contact_id": "anna"})).violation(400).2, "not_a_uuid");
}

/// Steps that wait are resumed by the next process; and whoever comes with the number meanwhile is erased as well.
#[test]
fn a_killed_erasure_goes_on() {
    let folder = folder();
    let url = format!("sqlite://{}", folder.join("addressbook.db").display());
    let start = || {
        let arguments = ["--bind=127.0.0.1:0", "--log=off", "--database-url", &url];
        ServerProcess::start(&mut addressbook(&folder, &arguments))
    };
    let mut server = start();
    let output = addressbook(&folder, &["keys", "create", "--account", "default", "--database-url", &url])
        .output()
        .unwrap();
    let key = String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
    let client = Client::new(server.address(), Some(key.clone()));
    create(&client, HANDLE, NUMBER);
    let probe = DatabaseProbe::connect(&url);
    // A file that is not planned as long as this test wants it.
    let import = ImportClient::create(&client, &json!({}));
    add_chunk(&probe, Backend::Sqlite, &import.path, "upload");
    let receipt = client.post("/v1/erasures", &json!({"phone_number": NUMBER})).expect(201);
    assert_eq!((&receipt["state"], count(&receipt, "contacts")), (&json!("running"), (1, 0)));
    let again = create(&client, "zenobia again", NUMBER);
    server.kill();
    assert_eq!(probe.count("erasures WHERE traces IS NOT NULL"), 1);
    probe.execute("DELETE FROM import_chunks");

    let server = start();
    let client = Client::new(server.address(), Some(key));
    let receipt = complete(&client, &receipt);
    assert_eq!(count(&receipt, "contacts"), (2, 0));
    assert!(receipt["contact_ids"].as_array().unwrap().contains(&again["id"]), "{receipt}");
    assert_eq!(client.get("/v1/contacts").expect(200)["data"], json!([]));
    assert_eq!(probe.count("erasures WHERE traces IS NOT NULL"), 0);
}
