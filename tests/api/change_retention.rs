//! The retention of the change log: what has expired is deleted from its beginning, and nothing else; the numbers go on.

use std::time::{Duration, Instant};

use addressbook::config::Settings;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::harness::fixtures::Fixtures;
use crate::harness::{Backend, Client, Service, new_account, new_database};

const RETENTION: Duration = Duration::from_secs(3_600);

/// Entries that expire: more than are deleted in one transaction, and no multiple of what may be, so that the last one
/// reaches beyond them.
const EXPIRED: i64 = 230;

/// Entries after them.
const KEPT: i64 = 20;

/// Twice the retention ago, in milliseconds.
const BACK: i64 = 2 * 3_600_000;

/// A row of the log as one text.
type Entry = (i64, String);

/// A connection of the test to the database of a server.
struct Database {
    runtime: Runtime,
    connection: DatabaseConnection,
}

impl Database {
    fn connect(url: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let connection = runtime.block_on(sea_orm::Database::connect(url)).unwrap();
        Self { runtime, connection }
    }

    fn run(&self, sql: &str) {
        self.runtime.block_on(self.connection.execute_unprepared(sql)).unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self.runtime.block_on(self.connection.query_one_raw(statement)).unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    fn account(&self, name: &str) -> i64 {
        self.number(&format!("SELECT id FROM accounts WHERE name = '{name}'"))
    }

    fn head(&self, account: i64) -> i64 {
        self.number(&format!("SELECT sequence FROM change_heads WHERE account_id = {account}"))
    }

    fn entries(&self, account: i64) -> Vec<Entry> {
        let sql = format!(
            "SELECT sequence, event || ' ' || at || ' ' || request_id || ' ' || coalesce(version, 0), resource_id \
             FROM changes WHERE account_id = {account} ORDER BY sequence"
        );
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let rows = self.runtime.block_on(self.connection.query_all_raw(statement)).unwrap();
        let entry = |row: &sea_orm::QueryResult| {
            let (text, resource): (String, Uuid) =
                (row.try_get_by_index(1).unwrap(), row.try_get_by_index(2).unwrap());
            (row.try_get_by_index(0).unwrap(), format!("{text} {resource}"))
        };
        rows.iter().map(entry).collect()
    }
}

/// Runs the cleaner: it is woken where a kept audience is deleted, and deletes audiences last.
fn clean(client: &Client, database: &Database) {
    let body = json!({"recipients": [{"phone_number": "+447900000001"}], "keep": true});
    let kept = client.post("/v1/audiences", &body).expect(201);
    client.delete(&format!("/v1/audiences/{}", kept["id"].as_str().unwrap())).expect(204);
    let until = Instant::now() + Duration::from_secs(30);
    while database.number("SELECT count(*) FROM audiences") > 0 {
        assert!(Instant::now() < until, "the cleaner is not done");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One resource of each kind but an audience, and so many updates that the log has `count` entries.
fn fill(client: &Client, database: &Database, name: &str, count: i64) -> i64 {
    let contact = crate::contacts::create(client, "john", "+447900000001");
    let path = crate::contacts::path(&contact);
    let group = client.post("/v1/groups", &json!({"name": "friends"})).expect(201);
    let members = format!("/v1/groups/{}/members", group["id"].as_str().unwrap());
    client.post(&members, &json!({"add": [contact["id"]]})).expect(200);
    client.post("/v1/opt_outs", &json!({"phone_number": "+447900000002"})).expect(201);
    client.post("/v1/templates", &json!({"name": "hello", "text": "Hello"})).expect(201);
    let account = database.account(name);
    for i in database.head(account)..count {
        client.patch(&path, &json!({"meta": {"I": i}})).expect(200);
    }
    assert_eq!(database.head(account), count);
    account
}

fn expired_entries_are_deleted_from_the_beginning(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let short = |settings: &mut Settings| settings.storage.change_retention = RETENTION;
    let service = Service::start_on(&url, short);
    let database = Database::connect(&url);
    // In one account the beginning expires, in one everything, in one nothing.
    let names = [(); 3].map(|()| new_account());
    let clients = names.each_ref().map(|name| service.client_of(name, &[]));
    let counts = [EXPIRED + KEPT, KEPT, KEPT];
    let mut accounts = [0; 3];
    for (i, client) in clients.iter().enumerate() {
        accounts[i] = fill(client, &database, &names[i], counts[i]);
    }
    let [beginning, all, none] = accounts;
    let expire = |account: i64, sequences: &str| {
        database.run(&format!(
            "UPDATE changes SET at = at - {BACK} WHERE account_id = {account} AND sequence {sequences}"
        ));
    };
    expire(beginning, &format!("<= {EXPIRED}"));
    // Behind an entry that is kept: no gap may arise.
    expire(beginning, &format!("= {}", EXPIRED + 2));
    expire(all, "> 0");
    let entries = accounts.map(|account| database.entries(account));
    let resources = || clients.iter().map(Fixtures::list_all).collect::<Vec<Vec<Value>>>();
    let counters = || database.number("SELECT CAST(sum(amount) AS bigint) FROM counters");
    let (stored, counted) = (resources(), counters());

    // What the search index does not have yet stays in the log; what expires is indexed at once.
    let behind = |account: i64| {
        let position = format!("SELECT position FROM search_heads WHERE account_id = {account}");
        let head = format!("SELECT sequence FROM change_heads WHERE account_id = {account}");
        database.number(&format!("SELECT ({head}) - COALESCE(({position}), 0)"))
    };
    let began = Instant::now();
    while behind(beginning) + behind(all) > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "it is not indexed");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The second time it finds nothing.
    for _ in 0..2 {
        clean(&clients[2], &database);
    }
    let expired = usize::try_from(EXPIRED).unwrap();
    assert_eq!(database.entries(beginning), entries[0][expired..], "the beginning, and nothing else");
    assert_eq!(database.entries(all), []);
    assert_eq!(database.entries(none), entries[2]);
    assert_eq!(accounts.map(|account| database.head(account)), counts);
    assert_eq!((resources(), counters()), (stored, counted));

    // The numbers go on, also after a restart.
    let next = |client: &Client, account: i64, expected: i64| {
        client.post("/v1/groups", &json!({"name": expected.to_string()})).expect(201);
        assert_eq!(database.entries(account).last().unwrap().0, expected);
        assert_eq!(database.head(account), expected);
    };
    for ((client, account), count) in clients.iter().zip(accounts).zip(counts) {
        next(client, account, count + 1);
    }
    drop(service);
    let service = Service::start_on(&url, short);
    for ((name, account), count) in names.iter().zip(accounts).zip(counts) {
        next(&service.client_of(name, &[]), account, count + 2);
    }
    let after = database.entries(all);
    assert_eq!(after.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [KEPT + 1, KEPT + 2]);
}

#[test]
fn expired_entries_are_deleted_from_the_beginning_on_sqlite() {
    expired_entries_are_deleted_from_the_beginning(Backend::Sqlite);
}

#[test]
fn expired_entries_are_deleted_from_the_beginning_on_postgres() {
    expired_entries_are_deleted_from_the_beginning(Backend::Postgres);
}
