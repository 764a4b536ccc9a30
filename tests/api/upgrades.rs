//! Upgrades: a database of the program at commit b752cb9, the last before migration 11, is migrated by a start of this
//! one, and nothing in it is lost, also if the migration is killed and started again.
//!
//! Building that program takes too long for a test. Its schema is that of the first ten migrations, which have not changed;
//! what it stored is written here by SQL, in its formats.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use addressbook_migrations::Migrator;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::cli::addressbook;
use crate::harness::{Backend, Client, Reply, Service, TIMEOUT, folder, new_database};

/// The migrations of b752cb9.
const MIGRATIONS: u32 = 10;

/// How many migrations come before the one that adds the change log.
const BEFORE_CHANGE_LOG: i64 = 12;

/// How many migrations there are now.
fn migrations_now() -> i64 {
    i64::try_from(Migrator::migrations().len()).unwrap()
}

const CONTACTS: i64 = 20_000;
const GROUPS: i64 = 20;
const TEMPLATES: i64 = 10;
/// Contacts of another account.
const OTHERS: i64 = 7;
/// Idempotency keys of contacts.
const KEYS: i64 = 500;
/// Members of a group that was deleted, and whose members were still being deleted.
const LEFT_BEHIND: i64 = 400;

/// The accounts, by their ids from 1.
const ACCOUNTS: [&str; 2] = ["old", "other"];

/// The time of what was stored, but for what expires.
const THEN: i64 = 1_763_800_000_000;

/// What the ids of each kind begin with; the rest is a number.
const CONTACT: &str = "01935000-0000-7000-8000-";
const GROUP: &str = "01935000-0000-7000-8001-";
const OPT_OUT: &str = "01935000-0000-7000-8002-";
const TEMPLATE: &str = "01935000-0000-7000-8003-";
const AUDIENCE: &str = "01935000-0000-7000-8004-";

fn id(kind: &str, number: i64) -> String {
    format!("{kind}{number:012x}")
}

/// A database of b752cb9.
struct Old {
    backend: Backend,
    url: String,
    runtime: Runtime,
    database: DatabaseConnection,
    contacts: i64,
}

/// The body of the request that created contact 1.
const CONTACT_BODY: &str = r#"{"username":"person 1","phone_number":"+447900000001"}"#;
/// Of the request that opted the number of contact 10 out.
const OPT_OUT_BODY: &str = r#"{"phone_number":"+447900000010"}"#;
/// Of one whose name was taken.
const CONFLICT_BODY: &str = r#"{"username":"somebody else","phone_number":"+447900000001"}"#;
const GROUP_BODY: &str = r#"{"name":"group 1"}"#;
const TEMPLATE_BODY: &str = r#"{"name":"template 1","text":"Hello 1"}"#;
const AUDIENCE_BODY: &str = r#"{"recipients":[{"all":true}],"template":{"text":"Hello"},"keep":true}"#;
/// Of one whose entries were still being stored when the program ended.
const UNFINISHED_BODY: &str = r#"{"recipients":[{"phone_number":"+447900000001"}],"keep":true}"#;

impl Old {
    /// An empty one.
    fn create(backend: Backend, contacts: i64) -> Option<Self> {
        let url = new_database(backend)?;
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(async {
            let database = sea_orm::Database::connect(format!("{url}{}", Self::mode(backend))).await.unwrap();
            if backend == Backend::Sqlite {
                database.execute_unprepared("PRAGMA journal_mode = WAL").await.unwrap();
            }
            Migrator::up(&database, Some(MIGRATIONS)).await.unwrap();
            database
        });
        Some(Self { backend, url, runtime, database, contacts })
    }

    /// How many are in the kept audience: an account's quota of entries is a million.
    fn audience(&self) -> i64 {
        self.contacts.min(100_000)
    }

    fn mode(backend: Backend) -> &'static str {
        if backend == Backend::Sqlite { "?mode=rwc" } else { "" }
    }

    fn run(&self, sql: &str) {
        self.runtime
            .block_on(self.database.execute_unprepared(sql))
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.database.get_database_backend(), sql);
        let row = self.runtime.block_on(self.database.query_one_raw(statement)).unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    fn applied(&self) -> i64 {
        self.number("SELECT count(*) FROM seaql_migrations")
    }

    /// An id as an SQL expression; `number` is one, too.
    fn id(&self, kind: &str, number: &str) -> String {
        match self.database.get_database_backend() {
            DbBackend::Sqlite => format!("unhex('{}' || printf('%012x', {number}))", kind.replace('-', "")),
            _ => format!("({})::uuid", self.id_text(kind, number)),
        }
    }

    /// As text.
    fn id_text(&self, kind: &str, number: &str) -> String {
        match self.database.get_database_backend() {
            DbBackend::Sqlite => format!("('{kind}' || printf('%012x', {number}))"),
            _ => format!("('{kind}' || lpad(to_hex({number}), 12, '0'))"),
        }
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        let hex = data_encoding::HEXLOWER.encode(bytes);
        if self.backend == Backend::Sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") }
    }

    /// A phone number as an SQL expression.
    fn phone(&self, number: &str) -> String {
        match self.backend {
            Backend::Sqlite => format!("('+4479' || printf('%08d', {number}))"),
            Backend::Postgres => format!("('+4479' || lpad(({number})::text, 8, '0'))"),
        }
    }

    /// Inserts rows for the numbers from 1 to `count`, which `columns` call `i`.
    fn fill(&self, table: &str, columns: &str, count: i64) {
        self.run(&format!(
            "INSERT INTO {table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             SELECT {columns} FROM n"
        ));
    }

    /// Fills it with everything that the old program stored.
    fn store(&self) {
        let contacts = self.contacts;
        self.run(&format!(
            "INSERT INTO accounts (id, name, created_at) VALUES (1, 'old', {THEN}), (2, 'other', {THEN})"
        ));
        if self.backend == Backend::Postgres {
            self.run("SELECT setval(pg_get_serial_sequence('accounts', 'id'), 2)");
        }
        let contact = |account: i64| {
            format!(
                "{account}, {}, 'person ' || i, {}, 'Person ' || i, NULL, '{{\"CITY\":\"City ' || i || '\"}}', \
                 {THEN} + i, {THEN} + 2 * i, 1 + i % 3",
                self.id(CONTACT, "i"),
                self.phone("i")
            )
        };
        self.fill("contacts", &contact(1), contacts);
        self.fill("contacts", &contact(2), OTHERS);
        let group = format!(
            "1, {}, 'group ' || i, 'Description ' || i, {THEN} + i, {THEN} + i, 2",
            self.id(GROUP, "i")
        );
        self.fill("groups", &group, GROUPS);
        // Contact i is in group i % 20 + 1.
        let member =
            format!("1, {}, {}", self.id(GROUP, &format!("i % {GROUPS} + 1")), self.id(CONTACT, "i"));
        self.fill("members", &member, contacts);
        let deleted = self.id(GROUP, "999");
        self.run(&format!("INSERT INTO groups VALUES (1, {deleted}, NULL, NULL, {THEN}, {THEN}, 1)"));
        self.fill("members", &format!("1, {deleted}, {}", self.id(CONTACT, "i")), LEFT_BEHIND);
        let opt_out = format!(
            "1, {}, {}, 'STOP', 'Note ' || i, {THEN} + i",
            self.phone("i * 10"),
            self.id(OPT_OUT, "i")
        );
        self.fill("opt_outs", &opt_out, contacts / 10);
        let template = format!(
            "1, {}, 'template ' || i, 'Hello ' || i, {THEN} + i, {THEN} + i, 3",
            self.id(TEMPLATE, "i")
        );
        self.fill("templates", &template, TEMPLATES);
        self.count();
        self.keep_audiences();
        self.record_requests();
    }

    /// The counters. On PostgreSQL each instance had its own, of those that are called shards; what one had added another
    /// may have deleted. On SQLite triggers have counted the contacts.
    fn count(&self) {
        let mut amounts = vec![
            (self.id("00000000-0000-0000-0000-", "0"), self.contacts / 10),
            (self.id("00000000-0000-0000-0000-", "1"), GROUPS),
            (self.id(GROUP, "999"), LEFT_BEHIND),
        ];
        amounts
            .extend((1..=GROUPS).map(|group| (self.id(GROUP, &group.to_string()), self.contacts / GROUPS)));
        let shards = |amount: i64| match self.backend {
            Backend::Sqlite => vec![(0, amount)],
            Backend::Postgres => vec![(0, amount + 70), (3, -100), (5, 0), (7, 30)],
        };
        for (counted, amount) in amounts {
            for (shard, part) in shards(amount) {
                self.run(&format!("INSERT INTO tallies VALUES (1, {counted}, {shard}, {part})"));
            }
        }
        if self.backend == Backend::Postgres {
            for (account, amount) in [(1, self.contacts), (2, OTHERS)] {
                for (shard, part) in shards(amount) {
                    self.run(&format!("INSERT INTO contact_counts VALUES ({account}, {shard}, {part})"));
                }
            }
        }
    }

    /// Audience 1 is kept: of those with the lowest numbers, one has opted out. Audience 2 was never finished, 3 has expired.
    fn keep_audiences(&self) {
        let (now, asked) = (now(), self.audience());
        let day = 24 * 3_600 * 1_000;
        let excluded = json!({
            "index": 0, "contact": [id(CONTACT, 10), "person 10"], "phone": "+447900000010", "reason": "OptedOut",
        });
        let report = json!({
            "asked": asked, "recipients": asked - 1, "excluded": 1, "parts": asked - 1,
            "problems": [[1, [excluded]]],
        });
        for (number, created, expires, report) in [
            (1, now, now + day, format!("'{report}'")),
            (2, now, now + day, "NULL".to_owned()),
            (3, now - 2 * day, now - day, format!("'{report}'")),
        ] {
            let id = self.id(AUDIENCE, &number.to_string());
            self.run(&format!("INSERT INTO audiences VALUES (1, {id}, {created}, {expires}, {report})"));
        }
        // Those before contact 10, and those after.
        let person = "(CASE WHEN i < 10 THEN i ELSE i + 1 END)";
        let entry = format!(
            "'{{\"index\":0,\"contact\":[\"' || {} || '\",\"person ' || {person} || '\"],\"phone\":\"' || {} || \
             '\",\"text\":\"Hello ' || {person} || '\"}}'",
            self.id_text(CONTACT, person),
            self.phone(person)
        );
        let first = self.id(AUDIENCE, "1");
        self.fill("audience_entries", &format!("1, {first}, 0, i - 1, {entry}"), asked - 1);
        self.run(&format!("INSERT INTO audience_entries VALUES (1, {first}, 1, 0, '{excluded}')"));
        self.fill("audience_entries", &format!("1, {}, 0, i - 1, {entry}", self.id(AUDIENCE, "2")), 100);
        self.fill("audience_entries", &format!("1, {}, 0, i - 1, {entry}", self.id(AUDIENCE, "3")), 100);
    }

    /// Idempotency keys, each with a copy of what its request created, in the form of its kind.
    fn record_requests(&self) {
        let now = now();
        let contact = json!({
            "id": id(CONTACT, 1), "handle": "person 1", "phone": "+447900000001", "display_name": null,
            "avatar_url": null, "meta": "{}", "created_at": THEN + 1,
        });
        let named = |kind, extra: Value| {
            let mut row = json!({"account_id": 1, "id": id(kind, 1), "created_at": THEN + 1, "updated_at": THEN + 1, "version": 1});
            row.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            row
        };
        let opt_out = json!({
            "account_id": 1, "phone": "+447900000010", "id": id(OPT_OUT, 1), "source": null, "note": null,
            "created_at": THEN + 1,
        });
        let audience = |number| json!({"account_id": 1, "id": id(AUDIENCE, number), "created_at": now, "expires_at": now, "report": null});
        let records = [
            ("createContact", "of-contact", CONTACT_BODY, contact),
            ("createContact", "of-conflict", CONFLICT_BODY, Value::Null),
            ("createOptOut", "of-new-opt-out", OPT_OUT_BODY, json!({"row": opt_out, "is_new": true})),
            ("createOptOut", "of-opt-out", OPT_OUT_BODY, json!({"row": opt_out, "is_new": false})),
            (
                "createGroup",
                "of-group",
                GROUP_BODY,
                named(GROUP, json!({"name": "group 1", "description": null})),
            ),
            (
                "createTemplate",
                "of-template",
                TEMPLATE_BODY,
                named(TEMPLATE, json!({"name": "template 1", "text": "Hello 1"})),
            ),
            ("createAudience", "of-audience", AUDIENCE_BODY, audience(1)),
            ("createAudience", "of-unfinished", UNFINISHED_BODY, audience(2)),
        ];
        for (operation, key, body, created) in records {
            let fingerprint = self.bytes(&Sha256::digest(body));
            let created = if created.is_null() { "NULL".to_owned() } else { format!("'{created}'") };
            self.run(&format!(
                "INSERT INTO idempotency_keys VALUES (1, '{operation}', '{key}', {fingerprint}, {created}, {now})"
            ));
        }
        let contact = format!(
            "'{{\"id\":\"' || {} || '\",\"handle\":\"person\",\"phone\":\"+447900000001\",\"display_name\":null,\
             \"avatar_url\":null,\"meta\":\"{{}}\",\"created_at\":1}}'",
            self.id_text(CONTACT, "i")
        );
        let row = format!("1, 'createContact', 'key ' || i, {}, {contact}, {now}", self.bytes(&[0; 32]));
        self.fill("idempotency_keys", &row, KEYS);
    }

    /// Makes migration 11 take seconds: each key that it rewrites waits.
    fn slow_down(&self) {
        match self.backend {
            Backend::Sqlite => self.run(
                "CREATE TRIGGER slow BEFORE UPDATE ON idempotency_keys BEGIN WITH RECURSIVE n(i) AS \
                 (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT sum(i) FROM n; END",
            ),
            Backend::Postgres => {
                self.run(
                    "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
                     'BEGIN PERFORM pg_sleep(0.005); RETURN new; END'",
                );
                self.run("CREATE TRIGGER slow BEFORE UPDATE ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION wait()");
            }
        }
    }

    fn speed_up(&self) {
        match self.backend {
            Backend::Sqlite => self.run("DROP TRIGGER slow"),
            // A backend of a killed server holds its locks until it notices.
            Backend::Postgres => self.run("DROP TRIGGER slow ON idempotency_keys"),
        }
    }

    /// Starts a server as a process and kills it after a while; returns whether it was migrating by then, or about to.
    fn kill_after(&self, delay: Duration) -> bool {
        let arguments = ["--bind", "127.0.0.1:0", "--log", "off", "--database-url", &self.url];
        let mut process = addressbook(&folder(), &arguments).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        process.kill().unwrap();
        process.wait().unwrap();
        self.applied() < migrations_now()
    }

    /// Starts this program on it; returns a client of each account.
    fn start(&self) -> (Service, [Client; 2]) {
        let service = Service::start_on(&self.url, |settings| {
            settings.database.database_acquire_timeout = TIMEOUT;
            settings.database.database_statement_timeout = TIMEOUT;
        });
        let clients = ACCOUNTS.map(|account| service.client_of(account, &[]));
        (service, clients)
    }
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn time(millis: i64) -> Value {
    let time = chrono::DateTime::from_timestamp_millis(millis).unwrap();
    json!(time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

/// All of a list of `/v1`, by id.
fn all(client: &Client, path: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut page = format!("{path}?limit=100");
    loop {
        let list = client.get(&page).expect(200);
        let items = list["data"].as_array().unwrap();
        found.extend(items.iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())));
        if list["has_more"] == false {
            return found;
        }
        page = format!("{path}?limit=100&starting_after={}", items.last().unwrap()["id"].as_str().unwrap());
    }
}

/// Everything that was stored is there, in full or a sample of it.
fn assert_nothing_is_lost(old: &Old, [client, other]: &[Client; 2], in_full: bool) {
    let contacts = old.contacts;
    let contact = |i: i64| {
        json!({
            "id": id(CONTACT, i), "username": format!("person {i}"), "phone_number": format!("+4479{i:08}"),
            "display_name": format!("Person {i}"), "avatar_url": null, "meta": {"CITY": format!("City {i}")},
            "created_at": time(THEN + i), "updated_at": time(THEN + 2 * i),
        })
    };
    if in_full {
        let expected: BTreeMap<_, _> = (1..=contacts).map(|i| (id(CONTACT, i), contact(i))).collect();
        assert_eq!(all(client, "/v1/contacts"), expected);
    }
    for i in [1, 2, 3, contacts / 2, contacts] {
        let reply = client.get(&format!("/v1/contacts/{}", id(CONTACT, i)));
        assert_eq!(reply.expect(200), contact(i));
        assert_eq!(reply.header("ETag"), format!("\"{}\"", 1 + i % 3));
    }
    assert_eq!(all(other, "/v1/contacts").len(), usize::try_from(OTHERS).unwrap());

    for (client, path, total) in [
        (client, "/addressbook/contacts", contacts),
        (client, "/addressbook/groups", GROUPS),
        (client, "/addressbook/optouts", contacts / 10),
        (other, "/addressbook/contacts", OTHERS),
        (other, "/addressbook/groups", 0),
        (other, "/addressbook/optouts", 0),
    ] {
        assert_eq!(client.get(path).expect(200)["total"], total, "{path}");
    }
    let groups = all(client, "/v1/groups");
    assert_eq!(groups.len(), usize::try_from(GROUPS).unwrap());
    for i in 1..=GROUPS {
        let expected = json!({
            "id": id(GROUP, i), "name": format!("group {i}"), "description": format!("Description {i}"),
            "member_count": contacts / GROUPS, "created_at": time(THEN + i), "updated_at": time(THEN + i),
        });
        assert_eq!(groups[&id(GROUP, i)], expected);
    }
    let members = client.get(&format!("/v1/groups/{}/members?limit=3", id(GROUP, 1))).expect(200);
    assert_eq!(
        members["data"],
        json!([contact(contacts), contact(contacts - GROUPS), contact(contacts - 2 * GROUPS)])
    );

    let opt_out = |i: i64| {
        json!({
            "id": id(OPT_OUT, i), "phone_number": format!("+4479{:08}", i * 10), "source": "STOP",
            "note": format!("Note {i}"), "created_at": time(THEN + i),
        })
    };
    if in_full {
        let expected: BTreeMap<_, _> = (1..=contacts / 10).map(|i| (id(OPT_OUT, i), opt_out(i))).collect();
        assert_eq!(all(client, "/v1/opt_outs"), expected);
    }
    assert_eq!(client.get("/v1/opt_outs/447900000010").expect(200), opt_out(1));
    let templates = all(client, "/v1/templates");
    assert_eq!(templates.len(), usize::try_from(TEMPLATES).unwrap());
    assert_eq!(templates[&id(TEMPLATE, 2)]["text"], "Hello 2");

    let audience = client.get(&format!("/v1/audiences/{}", id(AUDIENCE, 1))).expect(200);
    assert_eq!(audience["counts"]["recipients"], old.audience() - 1, "{audience}");
    assert_eq!(audience["counts"]["excluded"], 1, "{audience}");
    let audiences = all(client, "/v1/audiences");
    assert_eq!(
        audiences.keys().collect::<Vec<_>>(),
        [&id(AUDIENCE, 1)],
        "one was unfinished, one has expired"
    );
}

fn send(client: &Client, path: &str, key: &str, body: &str) -> Reply {
    client.send(
        "POST",
        path,
        &[("Content-Type", "application/json"), ("Idempotency-Key", key)],
        body.as_bytes(),
    )
}

/// Repeats the requests of before the upgrade: what they created is not created again.
fn assert_requests_are_replayed(client: &Client) {
    for (path, key, body, status, created) in [
        ("/v1/contacts", "of-contact", CONTACT_BODY, 201, id(CONTACT, 1)),
        ("/v1/opt_outs", "of-new-opt-out", OPT_OUT_BODY, 201, id(OPT_OUT, 1)),
        ("/v1/opt_outs", "of-opt-out", OPT_OUT_BODY, 200, id(OPT_OUT, 1)),
        ("/v1/groups", "of-group", GROUP_BODY, 201, id(GROUP, 1)),
        ("/v1/templates", "of-template", TEMPLATE_BODY, 201, id(TEMPLATE, 1)),
        ("/v1/audiences", "of-audience", AUDIENCE_BODY, 201, id(AUDIENCE, 1)),
    ] {
        let reply = send(client, path, key, body);
        let json = reply.expect(status);
        assert_eq!(
            (&json["id"], reply.header("Idempotent-Replayed")),
            (&json!(created), "true"),
            "{path} {key}"
        );
    }
    send(client, "/v1/contacts", "of-contact", CONFLICT_BODY).expect(422);
    // Their requests created nothing: their keys are free.
    send(client, "/v1/contacts", "of-conflict", CONFLICT_BODY).expect(201);
    let reply = send(client, "/v1/audiences", "of-unfinished", UNFINISHED_BODY);
    reply.expect(201);
    assert_eq!(reply.header("Idempotent-Replayed"), "");
}

/// Entries of the kept audience, which lose a contact that is deleted now.
fn assert_the_audience_is_kept(old: &Old, client: &Client) {
    let asked = old.audience();
    let (path, row) = (format!("/v1/audiences/{}", id(AUDIENCE, 1)), old.id(AUDIENCE, "1"));
    let entries = format!("SELECT entries FROM audiences WHERE id = {row}");
    assert_eq!(old.number(&entries), asked, "counts against the quota");
    let entries = |kind: &str| client.get(&format!("{path}/{kind}?limit=20")).expect(200)["data"].clone();
    let recipients = entries("recipients");
    assert_eq!(recipients.as_array().unwrap().len(), 20);
    let first = &recipients[0];
    assert_eq!(
        (&first["phone_number"], &first["text"]),
        (&json!("+447900000001"), &json!("Hello 1")),
        "{first}"
    );
    assert_eq!(recipients[9]["text"], "Hello 11", "without the one who has opted out");
    assert_eq!(entries("exclusions").as_array().unwrap().len(), 1);
    client.delete(&format!("/v1/contacts/{}", id(CONTACT, 2))).expect(204);
    let audience = client.get(&path).expect(200);
    assert_eq!(audience["counts"]["recipients"], asked - 2, "{audience}");
    assert_eq!(audience["counts"]["excluded"], 2, "{audience}");
    assert!(!entries("recipients").to_string().contains("+447900000002"));
}

/// Writes of after the upgrade are counted and logged; the log begins with them.
fn assert_writes_are_logged(old: &Old, client: &Client, contacts: i64) {
    let before = old.number("SELECT count(*) FROM changes");
    let created = crate::contacts::create(client, "new", "+447900000001");
    client.patch(&format!("/v1/contacts/{}", id(CONTACT, 3)), &json!({"display_name": "New"})).expect(200);
    assert_eq!(old.number("SELECT sequence FROM change_heads WHERE account_id = 1"), before + 2);
    assert_eq!(old.number("SELECT count(*) FROM changes"), before + 2);
    assert_eq!(old.number("SELECT min(sequence) FROM changes"), 1);
    let version = format!("SELECT version FROM changes WHERE sequence = {}", before + 2);
    assert_eq!(old.number(&version), 2, "contact 3 had version 1");
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], contacts + 1);
    let join = json!({"add": [created["id"]]});
    let joined = client.post(&format!("/v1/groups/{}/members", id(GROUP, 4)), &join).expect(200);
    assert_eq!(joined["member_count"], old.contacts / GROUPS + 1);
}

/// The group that was being deleted is gone in the end, and so are the audiences that were never finished or have expired.
fn wait_for_background_work(old: &Old) {
    let (group, unfinished, expired) = (old.id(GROUP, "999"), old.id(AUDIENCE, "2"), old.id(AUDIENCE, "3"));
    let wait = |left: &str| {
        let until = Instant::now() + Duration::from_secs(30);
        while old.number(&format!("SELECT count(*) FROM {left}")) > 0 {
            assert!(Instant::now() < until, "{left} is left");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait("groups WHERE name IS NULL");
    wait(&format!("audience_entries WHERE audience_id IN ({unfinished}, {expired})"));
    wait(&format!("audiences WHERE id IN ({unfinished}, {expired})"));
    for left in [format!("members WHERE group_id = {group}"), format!("counters WHERE counted = {group}")] {
        assert_eq!(old.number(&format!("SELECT count(*) FROM {left}")), 0, "{left}");
    }
}

/// The upgraded database serves what was stored before, and new requests.
fn assert_upgraded(old: &Old, in_full: bool) {
    let (service, clients) = old.start();
    assert_nothing_is_lost(old, &clients, in_full);
    let client = &clients[0];
    assert_requests_are_replayed(client);
    assert_the_audience_is_kept(old, client);
    // One was created by a key that was free, one deleted.
    assert_writes_are_logged(old, client, old.contacts);
    wait_for_background_work(old);
    drop(service);
}

fn an_old_database_is_upgraded(backend: Backend) {
    let Some(old) = Old::create(backend, CONTACTS) else { return };
    old.store();
    assert_upgraded(&old, true);
}

#[test]
fn an_old_database_is_upgraded_on_sqlite() {
    an_old_database_is_upgraded(Backend::Sqlite);
}

#[test]
fn an_old_database_is_upgraded_on_postgres() {
    an_old_database_is_upgraded(Backend::Postgres);
}

/// Killed again and again while it migrates, at first in the middle of a slow one.
fn a_killed_upgrade_is_completed_by_the_next_start(backend: Backend) {
    let Some(old) = Old::create(backend, CONTACTS) else { return };
    old.store();
    old.slow_down();
    for delay in [300, 600, 900] {
        assert!(old.kill_after(Duration::from_millis(delay)), "it was faster than the kill");
        assert_eq!(old.applied(), i64::from(MIGRATIONS), "it was killed within migration 11");
    }
    old.speed_up();
    let mut kills = 0;
    while old.kill_after(Duration::from_millis(20 + 50 * kills)) {
        kills += 1;
        assert!(kills < 40, "it does not complete");
    }
    println!("{backend:?}: {kills} kills until it was faster");
    assert!(kills > 0, "it was killed before it had completed");
    assert_upgraded(&old, false);
}

#[test]
fn a_killed_upgrade_is_completed_by_the_next_start_on_sqlite() {
    a_killed_upgrade_is_completed_by_the_next_start(Backend::Sqlite);
}

#[test]
fn a_killed_upgrade_is_completed_by_the_next_start_on_postgres() {
    a_killed_upgrade_is_completed_by_the_next_start(Backend::Postgres);
}

/// Killed while it holds the locks of the migration that adds the change log, which waits for another session.
#[test]
fn an_upgrade_killed_in_the_migration_to_the_change_log_is_completed() {
    let Some(old) = Old::create(Backend::Postgres, CONTACTS) else { return };
    old.store();
    let (holder, _context) = (Runtime::new().unwrap(), old.runtime.enter());
    let lock = holder.block_on(async {
        use sea_orm::TransactionTrait;
        let database = sea_orm::Database::connect(&old.url).await.unwrap();
        let lock = database.begin().await.unwrap();
        lock.execute_unprepared("LOCK TABLE contact_counts IN ACCESS EXCLUSIVE MODE").await.unwrap();
        lock
    });
    for _ in 0..2 {
        assert!(old.kill_after(Duration::from_secs(2)));
        assert_eq!(old.applied(), BEFORE_CHANGE_LOG);
    }
    holder.block_on(lock.rollback()).unwrap();
    assert_upgraded(&old, false);
}

/// A million contacts; prints how long the upgrade takes. Not a test of anything that the smaller ones do not test:
///
/// `cargo test --release --locked --test api -- --ignored --nocapture --test-threads=1 upgrades::a_million_contacts`
///
/// `UPGRADE_CONTACTS` is another number of contacts, a multiple of 20.
#[test]
#[ignore = "takes minutes"]
fn a_million_contacts() {
    let contacts = std::env::var("UPGRADE_CONTACTS").map_or(1_000_000, |contacts| contacts.parse().unwrap());
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(old) = Old::create(backend, contacts) else { continue };
        let began = Instant::now();
        old.store();
        println!("{backend:?}: stored {contacts} contacts in {:.1?}", began.elapsed());
        let began = Instant::now();
        drop(old.start());
        println!("{backend:?}: upgraded and started in {:.1?}", began.elapsed());
        let began = Instant::now();
        drop(old.start());
        println!("{backend:?}: started again in {:.1?}", began.elapsed());
        assert_upgraded(&old, false);
    }
}
