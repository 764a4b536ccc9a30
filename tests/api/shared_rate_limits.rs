//! Rate limits of several instances on one PostgreSQL database: they share the budget of a key and of an account.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use addressbook::config::Settings;
use addressbook::domain::account::limits::AccountLimit;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement, TryGetable};
use tokio::runtime::Runtime;

use crate::audiences::wait_until;
use crate::harness::{Backend, Client, Cluster, Service, finally, new_account, new_database};

const LIST: &str = "/v1/contacts/count";

/// Limits of keys and of accounts per second, 0 for none, and the seconds in which a quota refills.
#[derive(Clone, Copy)]
struct Limits {
    key: u32,
    account: u32,
    window: u64,
}

impl Limits {
    fn set(self, settings: &mut Settings) {
        let Self { key, account, window } = self;
        settings.limits.key_rate_limit = key;
        settings.limits.account_rate_limit = account;
        settings.limits.rate_limit_window = Duration::from_secs(window);
    }
}

fn instances<const N: usize>(url: &str, limits: Limits) -> [Service; N] {
    [(); N].map(|()| Service::start_on(url, |settings| limits.set(settings)))
}

/// A connection of the test's own, for all of its statements.
struct Session {
    runtime: Runtime,
    connection: DatabaseConnection,
}

impl Session {
    fn open(url: &str) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let runtime = Runtime::new().unwrap();
        let connection = runtime.block_on(sea_orm::Database::connect(options)).unwrap();
        Self { runtime, connection }
    }

    fn run(&self, sql: &str) {
        self.runtime.block_on(self.connection.execute_unprepared(sql)).unwrap();
    }

    fn value<T: TryGetable>(&self, sql: &str) -> T {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self.runtime.block_on(self.connection.query_one_raw(statement)).unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// How many budgets have rows.
    fn budgets(&self) -> i64 {
        self.value("SELECT count(*) FROM rate_budgets")
    }

    /// How many units of the only budget are spent or leased.
    fn spent(&self) -> f64 {
        self.value(
            "SELECT ((full_at - extract(epoch FROM clock_timestamp()) * 1000000) * rate / 1000000)::float8 FROM rate_budgets",
        )
    }

    /// Counts statements that lease, from now on.
    fn count_leases(&self) {
        self.run(
            "CREATE SEQUENCE leases MINVALUE 0 START 0; SELECT nextval('leases'); \
             CREATE FUNCTION count_lease() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM nextval('leases'); RETURN NULL; END $$; \
             CREATE TRIGGER count_leases BEFORE INSERT ON rate_budgets EXECUTE FUNCTION count_lease()",
        );
    }

    fn leases(&self) -> i64 {
        self.value("SELECT last_value FROM leases")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.runtime.block_on(self.connection.close_by_ref()));
    }
}

/// How many requests were accepted of some, and how many refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcome {
    accepted: u32,
    refused: u32,
}

impl Outcome {
    fn send(&mut self, client: &Client) {
        let reply = client.get(LIST);
        match reply.status {
            200 => self.accepted += 1,
            429 => {
                assert_eq!(reply.json()["error"]["code"], "rate_limited");
                let wait: u64 = reply.header("Retry-After").parse().unwrap();
                assert!(wait >= 1, "{wait}");
                self.refused += 1;
            }
            status => panic!("{status}: {}", String::from_utf8_lossy(&reply.body)),
        }
    }
}

/// Sends so many requests with each client, with all clients at once. Returns how many were accepted of each.
fn burst<const N: usize>(clients: &[Client; N], requests: u32) -> [u32; N] {
    let each = |client: &Client| {
        let mut outcome = Outcome::default();
        (0..requests).for_each(|_| outcome.send(client));
        outcome.accepted
    };
    std::thread::scope(|scope| {
        let threads = clients.each_ref().map(|client| scope.spawn(move || each(client)));
        threads.map(|thread| thread.join().unwrap())
    })
}

/// The same key, on each instance.
fn on_each<const N: usize>(instances: &[Service; N], client: &Client) -> [Client; N] {
    instances.each_ref().map(|instance| Client::new(&instance.address, client.key.clone()))
}

/// Other keys of the same account, one on each instance.
fn keys_on_each<const N: usize>(instances: &[Service; N], account: &str) -> [Client; N] {
    instances.each_ref().map(|instance| instance.client_of(account, &[]))
}

/// Three times the quota is sent at once, a third of it to each instance.
#[track_caller]
fn assert_a_quota_is_accepted(clients: &[Client; 3], quota: u32, rate: u32) {
    let began = Instant::now();
    let accepted: u32 = burst(clients, quota).iter().sum();
    let refilled = rate * u32::try_from(began.elapsed().as_secs() + 1).unwrap();
    let (least, most) = (quota * 9 / 10, quota * 11 / 10 + refilled);
    assert!((least..=most).contains(&accepted), "{accepted} of a quota of {quota}");
}

#[test]
fn instances_share_the_budget_of_a_key_and_of_an_account() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    for limits in [Limits { key: 1, account: 0, window: 320 }, Limits { key: 0, account: 1, window: 320 }] {
        let instances = instances::<3>(&url, limits);
        let account = new_account();
        let clients = if limits.key > 0 {
            on_each(&instances, &instances[0].client_of(&account, &[]))
        } else {
            keys_on_each(&instances, &account)
        };
        assert_a_quota_is_accepted(&clients, 320, 1);
        // What is left is what the instance knows, and who is refused is told how long to wait.
        let refusal =
            std::iter::repeat_with(|| clients[0].get(LIST)).find(|reply| reply.status == 429).unwrap();
        let name = if limits.key > 0 { "key" } else { "account" };
        assert_eq!(refusal.header("RateLimit-Policy"), format!("\"{name}\";q=320;w=320"));
        assert!(refusal.header("RateLimit").starts_with(&format!("\"{name}\";r=0;t=")));
        // Others have budgets of their own.
        assert_eq!(instances[0].client().get(LIST).status, 200);
    }
}

/// Sends requests for some time with one client, as many as it can.
fn flood(client: &Client, time: Duration) -> Outcome {
    let (began, mut outcome) = (Instant::now(), Outcome::default());
    while began.elapsed() < time {
        outcome.send(client);
    }
    outcome
}

#[test]
fn the_rate_goes_where_the_requests_go() {
    const RATE: u32 = 100;
    const TIME: Duration = Duration::from_secs(3);
    let Some(url) = new_database(Backend::Postgres) else { return };
    let instances = instances::<2>(&url, Limits { key: RATE, account: 0, window: 1 });
    let clients = on_each(&instances, &instances[0].client());
    let began = Instant::now();
    let mut accepted = 0;
    // All to one instance, then all to the other, then to both.
    for busy in [&[0][..], &[1], &[0, 1]] {
        let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                busy.iter().map(|index| scope.spawn(|| flood(&clients[*index], TIME))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let sum = outcomes.iter().map(|outcome| outcome.accepted).sum::<u32>();
        let all_accepted = outcomes.iter().all(|outcome| outcome.refused == 0);
        // 300, of which a slow machine may miss some.
        assert!(all_accepted || sum >= RATE * 2, "{busy:?}: {outcomes:?}");
        let is_fair = outcomes.iter().all(|outcome| outcome.refused == 0 || outcome.accepted >= sum / 5);
        assert!(is_fair, "{busy:?}: {outcomes:?}");
        accepted += sum;
    }
    let most = f64::from(RATE) * (began.elapsed().as_secs_f64() * 1.1 + 1.2);
    assert!(f64::from(accepted) <= most, "{accepted} of {most}");
}

/// Below a 64th of the quota, here 500 units; above, a slice has 1,000.
#[test]
fn an_account_far_below_its_limit_costs_nothing() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let session = Session::open(&url);
    let instances = instances::<2>(&url, Limits { key: 640, account: 640, window: 50 });
    session.count_leases();
    let clients = on_each(&instances, &instances[0].client());
    assert_eq!(burst(&clients, 200), [200; 2]);
    assert_eq!((session.leases(), session.budgets()), (0, 0));
    burst(&clients, 1_500);
    let leases = session.leases();
    assert!((1..=40).contains(&leases), "{leases} statements for 3,000 requests");
}

#[test]
fn what_an_instance_does_not_spend_is_returned() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let session = Session::open(&url);
    let [instance] = instances::<1>(&url, Limits { key: 1, account: 0, window: 6_400 / 2 });
    // It asks for slices of 100 units ahead of the requests.
    let spend = |client: &Client| (0..110).for_each(|_| drop(client.get(LIST).expect(200)));
    let is_settled = || (90.0..=110.0).contains(&session.spent());
    spend(&instance.client());
    wait_until("what was leased is returned", is_settled);

    session.run("DELETE FROM rate_budgets");
    spend(&instance.client());
    drop(instance);
    assert!(is_settled(), "{}", session.spent());
}

/// An hour ahead of that of the instances.
#[test]
fn the_clock_is_that_of_the_database() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let limits = Limits { key: 1, account: 0, window: 320 };
    drop(instances::<1>(&url, limits));
    let database = url.rsplit('/').next().unwrap();
    let session = Session::open(&url);
    session.run(&format!(
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
         $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$; \
         ALTER DATABASE {database} SET search_path = public, pg_catalog"
    ));
    let instances = instances::<3>(&url, limits);
    assert_a_quota_is_accepted(&on_each(&instances, &instances[0].client()), 320, 1);
    let ahead = session.spent();
    assert!((3_600.0..=3_600.0 + 400.0).contains(&ahead), "{ahead}");
}

#[test]
fn limits_of_one_account_apply_to_all_instances() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let instances = instances::<3>(&url, Limits { key: 0, account: 0, window: 60 });
    let account = new_account();
    instances[0].client_of(&account, &[]);
    instances[0].limit(&account, AccountLimit::AccountRate, 5);
    assert_a_quota_is_accepted(&keys_on_each(&instances, &account), 300, 5);
    let other = keys_on_each(&instances, &new_account());
    assert_eq!(burst(&other, 150), [150; 3]);
}

/// Nobody can lease, for everything else the database is there.
#[test]
fn instances_apply_their_limits_alone_while_they_cannot_share() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let session = Session::open(&url);
    let instances = instances::<2>(&url, Limits { key: 1, account: 0, window: 100 });
    session.run("BEGIN; LOCK TABLE rate_budgets IN ACCESS EXCLUSIVE MODE");
    let alone = || {
        let clients = on_each(&instances, &instances[0].client());
        let began = Instant::now();
        // Nobody is refused what it would be given by one instance, and nobody gets more.
        assert_eq!(burst(&clients, 90), [90; 2]);
        let further = burst(&clients, 60);
        let refilled = u32::try_from(began.elapsed().as_secs()).unwrap() + 1;
        assert!(further.iter().all(|further| (10..=10 + refilled).contains(further)), "{further:?}");
    };
    finally(alone, || session.run("COMMIT"));
    // Another budget, once they can again.
    wait_until("they share again", || {
        let clients = on_each(&instances, &instances[0].client());
        burst(&clients, 60).iter().sum::<u32>() < 115
    });
}

#[test]
fn a_crash_of_the_database_refuses_nobody() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let url = cluster.url("postgres");
    let instances = instances::<3>(&url, Limits { key: 1, account: 0, window: 320 });
    let clients = on_each(&instances, &instances[0].client());
    assert_a_quota_is_accepted(&clients, 320, 1);
    let gone = AtomicBool::new(false);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let others = clients.each_ref().map(|client| {
            let gone = &gone;
            scope.spawn(move || {
                while !gone.load(Ordering::Relaxed) {
                    client.get(LIST);
                }
                (0..5).map(|_| client.get(LIST).status).collect::<Vec<_>>()
            })
        });
        cluster.crash();
        gone.store(true, Ordering::Relaxed);
        others.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [429, 503].contains(status)), "{statuses:?}");
    cluster.resume();
    wait_until("the database is there", || {
        instances.iter().all(|it| it.anonymous().get("/readyz").status == 200)
    });
    // It has forgotten what was spent: the key has its quota again, once. (An instance that got no answer asks again after a second.)
    std::thread::sleep(Duration::from_secs(2));
    assert_a_quota_is_accepted(&on_each(&instances, &instances[0].client()), 320, 1);
}

#[test]
fn a_budget_that_is_full_leaves_no_row() {
    let Some(url) = new_database(Backend::Postgres) else { return };
    let session = Session::open(&url);
    let limits = Limits { key: 50, account: 50, window: 1 };
    let instances = instances::<1>(&url, limits);
    burst(&[instances[0].client()], 60);
    assert_eq!(session.budgets(), 2);
    drop(instances);
    wait_until("it is full", || {
        session.value(
            "SELECT bool_and(full_at < extract(epoch FROM clock_timestamp()) * 1000000) FROM rate_budgets",
        )
    });
    // It cleans up a few seconds after its start.
    let _instance = self::instances::<1>(&url, limits);
    wait_until("the rows are deleted", || session.budgets() == 0);
}
