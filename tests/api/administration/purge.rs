//! The rows of a closed account are deleted, all of them and no others, whatever happens meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::{ServerProcess, addressbook};
use crate::harness::fixtures::Fixtures;
use crate::harness::operations::Call;
use crate::harness::{Backend, Client, folder, new_database};

/// What is still to come takes less, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Enough for the purge to take many batches.
const CONTACTS: usize = 6_000;

struct Database {
    runtime: Runtime,
    connection: DatabaseConnection,
}

impl Database {
    fn open(url: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let connection = runtime.block_on(sea_orm::Database::connect(url)).unwrap();
        Self { runtime, connection }
    }

    fn run(&self, sql: &str) {
        self.runtime.block_on(self.connection.execute_unprepared(sql)).unwrap();
    }

    fn rows<T: sea_orm::TryGetable>(&self, sql: &str) -> Vec<T> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let rows = self.runtime.block_on(self.connection.query_all_raw(statement)).unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    fn count(&self, from: &str) -> i64 {
        self.rows(&format!("SELECT count(*) FROM {from}"))[0]
    }

    /// The rows of an account in each table that has any of an account, as the schema says.
    fn rows_of(&self, account: &Value) -> BTreeMap<String, i64> {
        let tables = match self.connection.get_database_backend() {
            DbBackend::Sqlite => {
                "SELECT it.name FROM sqlite_schema it, pragma_table_info(it.name) AS its \
                 WHERE it.type = 'table' AND its.name = 'account_id'"
            }
            _ => {
                "SELECT table_name::text FROM information_schema.columns \
                 WHERE column_name = 'account_id' AND table_schema = 'public'"
            }
        };
        let tables: Vec<String> = self.rows(tables);
        let count = |table: String| {
            let rows = self.count(&format!("{table} WHERE account_id = {account}"));
            (table, rows)
        };
        tables.into_iter().map(count).collect()
    }
}

/// A budget of requests that will not be full for a long time. (Those that are full are deleted, whosever they are.)
fn add_budget(database: &Database, account: &Value) {
    database.run(&format!(
        "INSERT INTO rate_budgets (account_id, key_id, rate, full_at, granted) VALUES ({account}, '', 1, {}, 0)",
        i64::MAX
    ));
}

fn start(folder: &Path, url: &str) -> ServerProcess {
    let arguments = ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log=off", "--database-url", url];
    ServerProcess::start(&mut addressbook(folder, &arguments))
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An account with everything that an account can have, and a client of it.
fn fill(server: &ServerProcess, operator: &Client, name: &str) -> (Value, Client) {
    let account = operator.post("/admin/v1/accounts", &json!({"name": name})).expect(201);
    let keys = format!("/admin/v1/accounts/{}/keys", account["id"]);
    let token = operator.post(&keys, &json!({})).expect(201)["token"].as_str().unwrap().to_owned();
    let client = Client::new(server.address(), Some(token));
    let calls = Call::all(&client.get("/openapi.json").expect(200));
    Fixtures::create(&calls, &client);
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "once")];
    client.send("POST", "/v1/groups", &headers, br#"{"name": "once"}"#).expect(201);
    // The example contact has it.
    client.post("/v1/fields", &json!({"key": "CITY", "type": "text"})).expect(201);
    operator
        .patch(&format!("/admin/v1/accounts/{}", account["id"]), &json!({"limits": {"streams": 5}}))
        .expect(200);
    // An opt-out of a person who was erased.
    let number = json!({"phone_number": "+442079460099"});
    client.post("/v1/opt_outs", &number).expect(201);
    client.post("/v1/erasures", &number).expect(201);
    (account["id"].clone(), client)
}

/// A part of a file that was never completed. (Of complete ones, nothing is left once they are planned.)
fn add_chunk(database: &Database, account: &Value) {
    let (part, zero) = match database.connection.get_database_backend() {
        DbBackend::Sqlite => ("x'00'", "x'00000000000000000000000000000000'"),
        _ => ("'\\x00'", "'00000000-0000-0000-0000-000000000000'"),
    };
    database.run(&format!(
        "INSERT INTO import_chunks (account_id, import_id, upload, number, content) \
         VALUES ({account}, {zero}, {zero}, 0, {part})"
    ));
}

fn a_purge_leaves_nothing_and_touches_nothing_else(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let folder = folder();
    let mut server = start(&folder, &url);
    let database = Database::open(&url);
    let output = addressbook(&folder, &["keys", "create", "--operator", "--database-url", &url]).output();
    let key = String::from_utf8(output.unwrap().stdout).unwrap().trim_end().to_owned();
    let operator = server.admin().with_key(&key);
    let (doomed, client) = fill(&server, &operator, "doomed");
    let (neighbour, _) = fill(&server, &operator, "neighbour");
    for start in (0..CONTACTS).step_by(1_000) {
        let contact = |i: usize| json!({"username": format!("user {i}"), "phone_number": "+4479000000001"});
        let contacts: Vec<Value> = (start..start + 1_000).map(contact).collect();
        client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts})).expect(200);
    }
    wait_until("the search index is built", || database.count("search_blocks") > 0);
    // The date is a month ahead; it comes sooner.
    operator.post(&format!("/admin/v1/accounts/{doomed}/close"), &json!({})).expect(200);
    server.signal("-TERM");
    server.end();
    database.run(&format!("UPDATE accounts SET purge_at = 1 WHERE id = {doomed}"));
    add_chunk(&database, &doomed);
    add_budget(&database, &doomed);
    let rows = database.rows_of(&doomed);
    assert!(rows.len() >= 20, "{rows:?}");
    let empty: Vec<_> = rows.iter().filter(|(_, rows)| **rows == 0).collect();
    assert!(empty.is_empty(), "this account has nothing in {empty:?}");
    let of_neighbour = database.rows_of(&neighbour);
    server = start(&folder, &url);
    let contacts = format!("contacts WHERE account_id = {doomed}");
    let changes = format!("changes WHERE account_id = {doomed}");
    let all = rows["contacts"];
    wait_until("the purge begins", || database.count(&contacts) < all);
    server.kill();
    // On a busy machine, the contacts may be gone by then; their changes, which go later, are as many.
    let (left, all) = (database.count(&contacts) + database.count(&changes), all + rows["changes"]);
    assert!(0 < left && left < all, "{left} of {all}: killed in the middle");
    assert_eq!(database.count(&format!("accounts WHERE id = {doomed}")), 1, "the account goes last");

    let server = start(&folder, &url);
    let operator = server.admin().with_key(&key);
    let account = format!("/admin/v1/accounts/{doomed}");
    assert_eq!(operator.post(&format!("{account}/resume"), &json!({})).status, 409);
    let writer = operator.post("/admin/v1/accounts", &json!({"name": "writer"})).expect(201);
    let keys = format!("/admin/v1/accounts/{}/keys", writer["id"]);
    let token = operator.post(&keys, &json!({})).expect(201)["token"].as_str().unwrap().to_owned();
    let writer = Client::new(server.address(), Some(token));
    // Others write between its batches.
    let (mut written, mut seen) = (0, Vec::new());
    wait_until("the purge ends", || {
        let name = format!("user {written}");
        let contact = json!({"username": name, "phone_number": "+4479000000001"});
        writer.post("/v1/contacts", &contact).expect(201);
        written += 1;
        seen.push(database.count(&contacts) + database.count(&changes));
        operator.get(&account).status == 404
    });
    seen.dedup();
    assert!(seen.len() > 3, "{seen:?}: little by little, with writes between");

    let left: Vec<_> = database.rows_of(&doomed).into_iter().filter(|(_, rows)| *rows > 0).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(database.count("search_blocks"), 0, "those of its segments");
    assert_eq!(database.rows_of(&neighbour), of_neighbour);
    assert_eq!(writer.get("/v1/contacts/count").expect(200)["count"], written);
    // Its name is free, and its number never used again.
    let again = operator.post("/admin/v1/accounts", &json!({"name": "doomed"})).expect(201);
    assert!(again["id"].as_i64() > doomed.as_i64(), "{again}");
    server.signal("-TERM");
    server.end();
}

on_each! {
    a_purge_leaves_nothing_and_touches_nothing_else
}
