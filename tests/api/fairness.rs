//! Fairness: what is slow, or takes as long as its client, leaves connections of the pool to other requests.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement, TransactionTrait,
};
use serde_json::json;
use tokio::runtime::{EnterGuard, Runtime};

use crate::harness::{Backend, Client, Service, TIMEOUT};

/// The smallest number of connections of which bulk reads have two.
const CONNECTIONS: u32 = 16;
/// Of an account, while there are others.
const MAX_PER_ACCOUNT: i64 = 8;
/// Of streams.
const MAX_OF_STREAMS: i64 = 2;

#[test]
fn an_account_with_many_slow_requests_leaves_connections_to_others() {
    assert_another_account_gets_a_connection(200, |client, _| client.get("/v1/templates").status);
}

#[test]
fn an_account_with_many_slow_deletions_leaves_connections_to_others() {
    assert_another_account_gets_a_connection(204, |client, template| client.delete(template).status);
}

#[test]
fn many_streams_leave_connections_to_other_requests_of_their_account() {
    let Some(service) = start() else { return };
    let client = service.client();
    crate::contacts::create(&client, "john", "+4479000000001");
    let audience = json!({"recipients": [{"all": true}], "template": {"text": "Hi"}, "dry_run": true});
    let stream = |number: u32| {
        if number.is_multiple_of(2) {
            client.get("/v1/contacts/export").status
        } else {
            client.post("/v1/audiences", &audience).status
        }
    };
    // What comes before the first page of an audience does not read contacts, and does not count.
    let lock = Lock::of(&service, "contacts");
    std::thread::scope(|scope| {
        let stream = &stream;
        let streams: Vec<_> =
            (0..2 * CONNECTIONS).map(|number| scope.spawn(move || stream(number))).collect();
        lock.wait_for_waiting(MAX_OF_STREAMS);
        for number in 0..20 {
            let template = json!({"name": number.to_string(), "text": "Hi"});
            client.post("/v1/templates", &template).expect(201);
            client.get("/v1/templates?limit=5").expect(200);
        }
        assert_eq!(lock.waiting(), MAX_OF_STREAMS, "the streams have their share all the time, and no more");
        lock.release();
        for stream in streams {
            assert_eq!(stream.join().unwrap(), 200);
        }
    });
}

fn start() -> Option<Service> {
    Service::start(Backend::Postgres, |settings: &mut addressbook::config::Settings| {
        settings.database.database_connections = CONNECTIONS;
    })
}

/// `slow` sends a request that reads or deletes templates, for one of as many templates as there are requests.
fn assert_another_account_gets_a_connection(status: u16, slow: impl Fn(&Client, &str) -> u16 + Sync) {
    let Some(service) = start() else { return };
    let (busy, quiet) = (service.client(), service.client());
    let contact = crate::contacts::create(&quiet, "john", "+4479000000001");
    quiet.get("/v1/contacts").expect(200);
    let templates: Vec<String> = (0..3 * CONNECTIONS)
        .map(|i| {
            let template =
                busy.post("/v1/templates", &json!({"name": i.to_string(), "text": "Hi"})).expect(201);
            format!("/v1/templates/{}", template["id"].as_str().unwrap())
        })
        .collect();
    let lock = Lock::of(&service, "templates");
    std::thread::scope(|scope| {
        let (busy, slow) = (&busy, &slow);
        let slow: Vec<_> =
            templates.iter().map(|template| scope.spawn(move || slow(busy, template))).collect();
        lock.wait_for_waiting(MAX_PER_ACCOUNT);
        for i in 0..20 {
            quiet.get("/v1/contacts?limit=5").expect(200);
            quiet
                .patch(&crate::contacts::path(&contact), &json!({"display_name": i.to_string()}))
                .expect(200);
            let new = crate::contacts::create(&quiet, &i.to_string(), "+4479000000001");
            quiet.delete(&crate::contacts::path(&new)).expect(204);
        }
        assert_eq!(lock.waiting(), MAX_PER_ACCOUNT, "the busy account has the rest all the time");
        lock.release();
        for slow in slow {
            assert_eq!(slow.join().unwrap(), status);
        }
    });
}

/// A lock on a table, for which statements of the service wait.
struct Lock<'s> {
    runtime: &'s Runtime,
    admin: DatabaseConnection,
    transaction: DatabaseTransaction,
    /// In a failing test, the two are dropped, which requires a runtime.
    _context: EnterGuard<'s>,
}

impl<'s> Lock<'s> {
    fn of(service: &'s Service, table: &str) -> Self {
        let (_, runtime) = service.keys();
        let (admin, transaction) = runtime.block_on(async {
            let admin = sea_orm::Database::connect(&service.settings.database.database_url).await.unwrap();
            let transaction = admin.begin().await.unwrap();
            let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
            transaction.execute_unprepared(&lock).await.unwrap();
            (admin, transaction)
        });
        Self { runtime, admin, transaction, _context: runtime.enter() }
    }

    /// How many statements wait for it.
    fn waiting(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'addressbook' \
                   AND wait_event_type = 'Lock' AND datname = current_database()";
        let row = self.admin.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
        self.runtime.block_on(row).unwrap().unwrap().try_get_by_index::<i64>(0).unwrap()
    }

    fn wait_for_waiting(&self, count: i64) {
        let started = Instant::now();
        while self.waiting() < count {
            assert!(started.elapsed() < TIMEOUT, "fewer statements wait for the lock");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn release(self) {
        self.runtime.block_on(self.transaction.rollback()).unwrap();
    }
}
