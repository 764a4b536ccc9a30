//! Concurrent changes of groups, and the background deletion of large ones.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::json;

use crate::groups::{change, contact, group};
use crate::harness::{Backend, Client, Service, new_account, new_database};

const MANY: usize = 21_000;

/// A separate connection to the database of a service.
struct Admin<'s> {
    service: &'s Service,
    connection: DatabaseConnection,
}

impl<'s> Admin<'s> {
    fn of(service: &'s Service) -> Self {
        let url = &service.settings.database.database_url;
        let connection = service.keys().1.block_on(sea_orm::Database::connect(url)).unwrap();
        Self { service, connection }
    }

    fn run(&self, sql: &str) {
        self.service.keys().1.block_on(self.connection.execute_unprepared(sql)).unwrap();
    }

    /// The single number that a query returns.
    fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self.service.keys().1.block_on(self.connection.query_one_raw(statement)).unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    /// An id as an SQL literal.
    fn id(&self, id: &str) -> String {
        match self.connection.get_database_backend() {
            DbBackend::Sqlite => format!("X'{}'", id.replace('-', "")),
            _ => format!("'{id}'::uuid"),
        }
    }

    fn members(&self, group: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM members WHERE group_id = {}", self.id(group)))
    }

    /// Waits until no membership of a deleted group remains.
    fn wait_for_the_sweeper(&self, group: &str) {
        let id = self.id(group);
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let rows = self.number(&format!("SELECT count(*) FROM groups WHERE id = {id}"));
            if rows == 0 {
                break;
            }
            assert!(Instant::now() < until, "{} members are left", self.members(group));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.members(group), 0);
        assert_eq!(self.number(&format!("SELECT count(*) FROM counters WHERE counted = {id}")), 0);
    }
}

/// Fills an account with contacts that are all in one group, by SQL for speed.
fn fill(service: &Service, client: &Client, group: &str) {
    let admin = Admin::of(service);
    let first = contact(client, "first", "+4479000000001");
    change(client, group, &json!({"add": [first]}));
    let (group, first) = (admin.id(group), admin.id(&first));
    let random = match admin.connection.get_database_backend() {
        DbBackend::Sqlite => "randomblob(16)",
        _ => "gen_random_uuid()",
    };
    let copies = MANY - 1;
    admin.run(&format!(
        "INSERT INTO contacts WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies}) \
         SELECT account_id, {random}, handle || i, phone, display_name, avatar_url, meta, created_at, updated_at, \
         version FROM contacts, n WHERE id = {first}"
    ));
    admin.run(&format!(
        "INSERT INTO members SELECT account_id, {group}, id FROM contacts WHERE id <> {first} AND \
         account_id = (SELECT account_id FROM groups WHERE id = {group})"
    ));
    admin.run(&format!("UPDATE counters SET amount = {MANY} WHERE counted = {group}"));
}

on_both_databases! {
    fn a_large_group_is_deleted_in_one_request(service: &Service) {
        let client = service.client();
        let (id, other) = (group(&client, "large"), group(&client, "other"));
        fill(service, &client, &id);
        let admin = Admin::of(service);
        assert_eq!(client.get(&format!("/v1/groups/{id}")).expect(200)["member_count"], MANY);
        assert_eq!(admin.members(&id), i64::try_from(MANY).unwrap());
        let page = client.get(&format!("/v1/groups/{id}/members?limit=1")).expect(200);
        let one = page["data"][0]["id"].as_str().unwrap();
        change(&client, &other, &json!({"add": [one]}));

        assert_eq!(client.delete(&format!("/v1/groups/{id}")).status, 204);
        assert_eq!(client.get(&format!("/v1/groups/{id}")).status, 404);
        let shown = client.get(&format!("/v1/contacts/{one}?expand=groups")).expect(200);
        assert_eq!(shown["groups"], json!([{"id": other, "name": "other"}]), "gone at once, for everybody");
        let again = group(&client, "large");
        assert_eq!(change(&client, &again, &json!({"add": [one]})), (1, vec!["added".to_owned()]));
        admin.wait_for_the_sweeper(&id);
        for group in [&again, &other] {
            assert_eq!(client.get(&format!("/v1/groups/{group}")).expect(200)["member_count"], 1);
            assert_eq!(admin.members(group), 1);
        }
        assert_eq!(client.get("/v1/contacts?limit=1").expect(200)["has_more"], true, "the contacts stay");
    }

    fn concurrent_creates_with_one_name_succeed_once(service: &Service) {
        let account = new_account();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|index| {
                    let client = service.client_of(&account, &[]);
                    let path = ["/v1/groups", "/addressbook/groups"][index % 2];
                    scope.spawn(move || client.post(path, &json!({"name": "wanted"})).status)
                })
                .collect();
            tries.into_iter().map(|attempt| attempt.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status < 300).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 201, 409].contains(status)), "{statuses:?}");
        let client = service.client_of(&account, &[]);
        assert_eq!(client.get("/addressbook/groups").expect(200)["total"], 1);
        // The same when renaming.
        let ids: Vec<_> = (0..4).map(|index| group(&client, &format!("{index}"))).collect();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let tries: Vec<_> = ids
                .iter()
                .map(|id| {
                    let client = &client;
                    scope.spawn(move || {
                        client.patch(&format!("/v1/groups/{id}"), &json!({"name": "free"})).status
                    })
                })
                .collect();
            tries.into_iter().map(|attempt| attempt.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    }

    /// Eight threads add, remove and delete contacts and create and delete groups: no request fails with a server
    /// error, and all counters are exact afterwards.
    fn counters_are_exact_under_concurrent_changes(service: &Service) {
        let account = new_account();
        let client = service.client_of(&account, &[]);
        let contacts: Vec<_> = (0..60).map(|i| contact(&client, &format!("c{i}"), "+4479000000001")).collect();
        let groups: Vec<_> = (0..4).map(|i| group(&client, &format!("g{i}"))).collect();
        let (contacts, groups) = (&contacts, &groups);
        std::thread::scope(|scope| {
            for thread in 0..8_usize {
                let client = service.client_of(&account, &[]);
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(thread as u64);
                    for step in 0..40 {
                        let some = |random: &mut fastrand::Rng| {
                            (0..12).map(|_| contacts[random.usize(..contacts.len())].clone()).collect::<Vec<_>>()
                        };
                        let id = &groups[random.usize(..groups.len())];
                        let reply = match (thread, step) {
                            // The last group is deleted halfway, while the others use it.
                            (0, 20) => client.delete(&format!("/v1/groups/{}", groups[3])),
                            (0..3, _) if step % 3 == 0 => {
                                client.delete(&format!("/v1/contacts/{}", contacts[thread * 14 + step / 3]))
                            }
                            (3, _) if step % 5 == 0 => {
                                let name = random.u32(..).to_string();
                                client.patch(&format!("/v1/groups/{id}"), &json!({"name": name}))
                            }
                            _ => {
                                let body = json!({"add": some(&mut random), "remove": some(&mut random)});
                                client.post(&format!("/v1/groups/{id}/members"), &body)
                            }
                        };
                        let text = String::from_utf8_lossy(&reply.body);
                        let was_deleted = reply.status == 404 && (id == &groups[3] || text.contains("contact"));
                        assert!([200, 204].contains(&reply.status) || was_deleted, "{} {text}", reply.status);
                    }
                });
            }
        });
        let admin = Admin::of(service);
        for id in &groups[..3] {
            let count = client.get(&format!("/v1/groups/{id}")).expect(200)["member_count"].as_i64().unwrap();
            assert_eq!(count, admin.members(id));
            let listed = client.get(&format!("/v1/groups/{id}/members?limit=100")).expect(200);
            assert_eq!(count, i64::try_from(listed["data"].as_array().unwrap().len()).unwrap());
            assert!(count > 0, "something was left to count");
            let none = change(&client, id, &json!({"remove": contacts}));
            assert_eq!(none.0, 0);
        }
        admin.wait_for_the_sweeper(&groups[3]);
        assert_eq!(client.get("/addressbook/groups").expect(200)["total"], 3);
    }
}

/// An interrupted deletion of a group is completed by the next start.
fn a_start_resumes_an_interrupted_deletion(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let id = {
        let service = Service::start_on(&url, |_| {});
        let client = service.client();
        let id = group(&client, "left behind");
        fill(&service, &client, &id);
        id
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connection = sea_orm::Database::connect(&url).await.unwrap();
        connection.execute_unprepared("UPDATE groups SET name = NULL").await.unwrap();
        connection.close().await.unwrap();
    });
    let service = Service::start_on(&url, |_| {});
    Admin::of(&service).wait_for_the_sweeper(&id);
}

on_each! {
    a_start_resumes_an_interrupted_deletion
}
