//! Fairness between accounts: one that saturates the connection pool does not starve another.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::json;

use crate::harness::{Backend, Client, Service, TIMEOUT};

const CONNECTIONS: u32 = 4;

#[test]
fn an_account_with_many_slow_requests_leaves_a_connection_to_others() {
    assert_another_account_gets_a_connection(200, |client, _| client.get("/v1/templates").status);
}

#[test]
fn an_account_with_many_slow_deletions_leaves_a_connection_to_others() {
    assert_another_account_gets_a_connection(204, |client, template| client.delete(template).status);
}

/// Blocks statements on a lock that the test holds. `slow` sends a request with such a statement, for one of as many
/// templates as there are requests.
fn assert_another_account_gets_a_connection(status: u16, slow: impl Fn(&Client, &str) -> u16 + Sync) {
    let change = |settings: &mut addressbook::config::Settings| {
        settings.database.database_connections = CONNECTIONS;
    };
    let Some(service) = Service::start(Backend::Postgres, change) else { return };
    let (busy, quiet, (_, runtime)) = (service.client(), service.client(), service.keys());
    let contact = crate::contacts::create(&quiet, "john", "+4479000000001");
    quiet.get("/v1/contacts").expect(200);
    let templates: Vec<String> = (0..3 * CONNECTIONS)
        .map(|i| {
            let template =
                busy.post("/v1/templates", &json!({"name": i.to_string(), "text": "Hi"})).expect(201);
            format!("/v1/templates/{}", template["id"].as_str().unwrap())
        })
        .collect();
    // Dropping a connection in a failing test requires a runtime.
    let _context = runtime.enter();
    let url = &service.settings.database.database_url;
    let (admin, lock) = runtime.block_on(async {
        let admin = sea_orm::Database::connect(url).await.unwrap();
        let lock = admin.begin().await.unwrap();
        lock.execute_unprepared("LOCK TABLE templates IN ACCESS EXCLUSIVE MODE").await.unwrap();
        (admin, lock)
    });
    let waiting = || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'addressbook' \
                   AND wait_event_type = 'Lock' AND datname = current_database()";
        let row = admin.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
        runtime.block_on(row).unwrap().unwrap().try_get_by_index::<i64>(0).unwrap()
    };
    let max_per_account = i64::from(CONNECTIONS) - 1;
    std::thread::scope(|scope| {
        let (busy, slow) = (&busy, &slow);
        let slow: Vec<_> =
            templates.iter().map(|template| scope.spawn(move || slow(busy, template))).collect();
        let started = Instant::now();
        while waiting() < max_per_account {
            assert!(started.elapsed() < TIMEOUT, "the busy account has no connection");
            std::thread::sleep(Duration::from_millis(10));
        }
        for i in 0..20 {
            quiet.get("/v1/contacts?limit=5").expect(200);
            quiet
                .patch(&crate::contacts::path(&contact), &json!({"display_name": i.to_string()}))
                .expect(200);
            let new = crate::contacts::create(&quiet, &i.to_string(), "+4479000000001");
            quiet.delete(&crate::contacts::path(&new)).expect(204);
        }
        assert_eq!(waiting(), max_per_account, "the busy account has the rest all the time");
        runtime.block_on(lock.rollback()).unwrap();
        for slow in slow {
            assert_eq!(slow.join().unwrap(), status);
        }
    });
}
