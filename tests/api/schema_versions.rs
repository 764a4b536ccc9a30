//! The schema at start: a server migrates, waits for another instance that migrates, uses a compatible schema, or
//! refuses.

use std::time::Duration;

use addressbook::app::App;
use addressbook::config::{MigrateOnStart, Settings};
use addressbook::telemetry::SpanCounters;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;

use crate::harness::{Backend, Cluster, Service, new_database};

const LATEST: &str = "m20261127_000013_change_log";

fn run(url: &str, statements: &[&str]) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = sea_orm::Database::connect(url).await.unwrap();
        for sql in statements {
            database.execute_unprepared(sql).await.unwrap();
        }
        database.close().await.unwrap();
    });
}

fn never(settings: &mut Settings) {
    settings.migrate = MigrateOnStart::Never;
}

/// The error with which a server refuses to start.
fn refusal(url: &str, change: impl FnOnce(&mut Settings)) -> String {
    let mut settings = Settings { bind: "127.0.0.1:0".to_owned(), ..Settings::default() };
    settings.database.database_url = url.to_owned();
    change(&mut settings);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(async { App::start(&settings, &SpanCounters::default()).await.map(drop) })
        .unwrap_err()
        .to_string()
}

/// A migration takes longer than any statement or idle session timeout; two instances wait for it.
#[test]
fn servers_wait_for_a_slow_migration() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    drop(Service::start_on(&url, |_| {}));
    let database = url.rsplit('/').next().unwrap();
    run(
        &url,
        &[
            &format!("DELETE FROM seaql_migrations WHERE version = '{LATEST}' OR version LIKE '%_fields'"),
            "DROP TABLE changes, change_heads, counters, fields, field_values",
            "CREATE TABLE tallies (account_id bigint, of_id uuid, shard smallint, amount bigint)",
            "CREATE TABLE contact_counts (account_id bigint, shard smallint, contacts bigint)",
            &format!("ALTER DATABASE {database} SET idle_in_transaction_session_timeout = '300ms'"),
            &format!("ALTER DATABASE {database} SET statement_timeout = '300ms'"),
            &format!("ALTER DATABASE {database} SET lock_timeout = '300ms'"),
        ],
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Dropping a connection in a failing test requires a runtime.
    let _context = runtime.enter();
    let lock = runtime.block_on(async {
        let database = sea_orm::Database::connect(&url).await.unwrap();
        database.execute_unprepared("SET idle_in_transaction_session_timeout = 0").await.unwrap();
        let lock = database.begin().await.unwrap();
        lock.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await.unwrap();
        lock.execute_unprepared("LOCK TABLE tallies IN ACCESS EXCLUSIVE MODE").await.unwrap();
        lock
    });
    std::thread::scope(|scope| {
        let starts = [(); 2].map(|()| scope.spawn(|| Service::start_on(&url, |_| {})));
        // Several times the server's timeouts.
        std::thread::sleep(Duration::from_millis(1_500));
        for start in &starts {
            assert!(!start.is_finished(), "it did not wait for the migration");
        }
        runtime.block_on(lock.commit()).unwrap();
        for (i, start) in starts.into_iter().enumerate() {
            let service = start.join().unwrap();
            crate::contacts::create(&service.client(), &i.to_string(), "+4479000000001");
        }
    });
}

fn a_newer_schema_is_used_if_compatible(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    drop(Service::start_on(&url, |_| {}));
    let future = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_future', 0)";
    run(&url, &[future]);
    for change in [|_: &mut Settings| {}, never] {
        let service = Service::start_on(&url, change);
        let client = service.client();
        let contact = crate::contacts::create(&client, "john", "+4479000000001");
        assert_eq!(client.get(&crate::contacts::path(&contact)).expect(200), contact);
    }
    run(&url, &["UPDATE schema_compatibility SET oldest_migration = 'm29991231_000001_future'"]);
    let refused = refusal(&url, |_| {});
    assert!(refused.contains("newer") && refused.contains("m29991231_000001_future"), "{refused}");
}

/// A rolling upgrade to a schema that this program can use leaves it ready, one to another takes it out of service. (SQLite
/// has one server, which nothing can migrate beside it.)
#[test]
fn a_running_server_notices_a_newer_schema() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let service = Service::start_on(&url, |_| {});
    let client = service.client();
    let future = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_future', 0)";
    run(&url, &[future]);
    assert_eq!(client.get("/readyz").status, 200);
    run(&url, &["UPDATE schema_compatibility SET oldest_migration = 'm29991231_000001_future'"]);
    let unready = client.get("/readyz").expect(503);
    assert_eq!(unready["status"], "unavailable");
    assert!(unready["reason"].as_str().unwrap().contains("a newer addressbook"), "{unready}");
    assert_eq!(client.get("/healthz").status, 200);
}

/// A role with permission to read and write rows only.
#[test]
fn a_role_without_ddl_permission_is_sufficient() {
    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let owner = cluster.url("postgres");
    cluster.run("CREATE ROLE app LOGIN");
    let url = owner.replace("postgres@", "app@");
    let refused = refusal(&url, never);
    assert!(refused.contains("no addressbook schema"), "{refused}");
    drop(Service::start_on(&owner, |_| {}));
    for sql in [
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app",
        "REVOKE INSERT, UPDATE, DELETE ON seaql_migrations, schema_compatibility FROM app",
    ] {
        cluster.run(sql);
    }
    let service = Service::start_on(&url, never);
    let client = service.client();
    let contact = crate::contacts::create(&client, "john", "+4479000000001");
    let path = crate::contacts::path(&contact);
    client.patch(&path, &json!({"display_name": "John"})).expect(200);
    let group = client.post("/v1/groups", &json!({"name": "friends"})).expect(201);
    let members = format!("/v1/groups/{}/members", group["id"].as_str().unwrap());
    client.post(&members, &json!({"add": [contact["id"]]})).expect(200);
    client.post("/v1/opt_outs", &json!({"phone_number": "+4479000000002"})).expect(201);
    client.post("/v1/templates", &json!({"name": "hello", "text": "Hello"})).expect(201);
    client.delete(&path).expect(204);
    assert_eq!(client.get("/readyz").status, 200);
    drop(service);
    // Older than the program, and the role cannot migrate.
    run(&owner, &[&format!("DELETE FROM seaql_migrations WHERE version = '{LATEST}'")]);
    let refused = refusal(&url, never);
    assert!(refused.contains("older") && refused.contains(LATEST), "{refused}");
}

on_each! {
    a_newer_schema_is_used_if_compatible
}
