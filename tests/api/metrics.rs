//! `/metrics` of the administration address: its numbers are those of what was done, no caller can add a series, and whatever
//! names a metric (the guide, the alerts, the dashboard) names one that exists.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use addressbook::domain::store::Store;
use addressbook::storage::{Figures, Instruments};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use sea_orm::DbBackend;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::{ServerProcess, addressbook};
use crate::contact_query_plans::{open, serve_measured};
use crate::contacts;
use crate::graceful_shutdown::lock;
use crate::harness::exposition::{Exposition, promtool};
use crate::harness::imports::ImportClient;
use crate::harness::statements::{Planner, Statements, run_recorded};
use crate::harness::{Backend, Client, Cluster, Freezer, finally, folder, new_database, raw};
use crate::query_plans::{check, fill};

const GUIDE: &str = include_str!("../../src/http/docs/guides/monitoring.md");
const ALERTS: &str = include_str!("../../packaging/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../packaging/grafana/addressbook.json");

/// A server that is measured.
struct Measured {
    server: ServerProcess,
    client: Client,
    admin: Client,
}

impl Measured {
    fn start(backend: Backend) -> Option<Self> {
        Some(Self::start_on(&new_database(backend)?, &[]))
    }

    fn start_on(url: &str, flags: &[&str]) -> Self {
        let arguments =
            ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log=off", "--database-url", url];
        let arguments = [&arguments, flags].concat();
        let mut server = ServerProcess::start(&mut addressbook(&folder(), &arguments));
        let admin = server.admin();
        let key = server.first_key();
        Self { client: Client::new(server.address(), Some(key)), admin, server }
    }

    #[track_caller]
    fn metrics(&self) -> Exposition {
        Exposition::of(&self.admin)
    }

    /// Scrapes until the metrics are as expected.
    #[track_caller]
    fn wait_for(&self, what: &str, is_reached: impl Fn(&Exposition) -> bool) -> Exposition {
        let began = Instant::now();
        loop {
            let metrics = self.metrics();
            if is_reached(&metrics) {
                return metrics;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {}", metrics.text);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn requests(operation: &str, status: u16) -> String {
    format!("addressbook_http_requests_total{{operation=\"{operation}\",status=\"{status}\"}}")
}

fn lookups(cache: &str, result: &str) -> String {
    format!("addressbook_cache_lookups_total{{cache=\"{cache}\",result=\"{result}\"}}")
}

fn numbers_are_those_of_what_was_done(backend: Backend) {
    let Some(measured) = Measured::start(backend) else { return };
    let Measured { client, .. } = &measured;
    let before = measured.metrics();
    for name in [
        "addressbook_contacts",
        "addressbook_change_log_entries_total",
        "addressbook_write_group_size_sum",
        "addressbook_write_queue_length",
        &requests("createContact", 201),
    ] {
        assert_eq!(before.count(name), 0.0, "{name}");
    }

    let created: Vec<Value> =
        (0..4).map(|i| contacts::create(client, &format!("user{i}"), "+4479000000001")).collect();
    let path = contacts::path(&created[0]);
    for _ in 0..5 {
        client.get(&path).expect(200);
        client.get("/v1/contacts").expect(200);
    }
    assert_eq!(client.send("HEAD", &path, &[], b"").status, 200);
    client.post("/v1/contacts", &json!({"username": "user0", "phone_number": "+4479000000001"})).expect(409);
    client.get(&format!("/addressbook/contacts/{}", created[1]["id"].as_str().unwrap())).expect(200);
    client.delete(&contacts::path(&created[3])).expect(204);
    client.get(&contacts::path(&created[3])).expect(404);
    client.get("/nowhere").expect(404);
    client.post("/healthz", &json!({})).expect(405);
    let mut unreadable = raw::connect(measured.server.address());
    unreadable.write_all(b"GET nonsense\r\n\r\n").unwrap();
    assert_eq!(raw::response(&mut unreadable).unwrap().0, 400);

    let after = measured.metrics();
    for (series, expected) in [
        (requests("createContact", 201), 4.0),
        (requests("createContact", 409), 1.0),
        (requests("getContact", 200), 6.0),
        (requests("getContact", 404), 1.0),
        (requests("listContacts", 200), 5.0),
        (requests("getAddressBookContact", 200), 1.0),
        (requests("deleteContact", 204), 1.0),
        (requests("none", 404), 1.0),
        (requests("none", 405), 1.0),
        (requests("none", 400), 1.0),
        ("addressbook_http_request_duration_seconds_count{operation=\"getContact\"}".to_owned(), 7.0),
        (
            "addressbook_http_request_duration_seconds_bucket{le=\"+Inf\",operation=\"getContact\"}"
                .to_owned(),
            7.0,
        ),
        ("addressbook_http_requests_in_progress".to_owned(), 0.0),
        ("addressbook_http_requests_abandoned_total".to_owned(), 0.0),
        // The failed create was in a group, too.
        ("addressbook_write_group_size_sum".to_owned(), 6.0),
        ("addressbook_write_queue_rejections_total".to_owned(), 0.0),
        ("addressbook_write_queue_capacity".to_owned(), 1_024.0),
        ("addressbook_accounts".to_owned(), 1.0),
        ("addressbook_contacts".to_owned(), 3.0),
        ("addressbook_change_log_entries_total".to_owned(), 5.0),
        ("addressbook_search_index_lag_entries".to_owned(), 5.0),
        ("addressbook_database_up".to_owned(), 1.0),
        ("addressbook_imports{state=\"committing\"}".to_owned(), 0.0),
    ] {
        assert_eq!(after.get(&series), Some(expected), "{series}: {}", after.text);
    }
    let commits = "addressbook_write_commit_duration_seconds_count";
    assert!(after.count(commits) >= before.count(commits) + 6.0, "{}", after.text);
    assert!(after.count("addressbook_database_size_bytes") > 0.0);
    assert!(
        after.count("process_resident_memory_bytes") > 1e6 && after.count("process_cpu_seconds_total") > 0.0
    );
    let pool = |figure: &str, pool| {
        after.get(&format!("addressbook_database_connections_{figure}{{pool=\"{pool}\"}}"))
    };
    if backend == Backend::Sqlite {
        // Each get but that of the deleted contact; each list but the first.
        assert!(after.count(&lookups("contacts", "hit")) >= 6.0, "{}", after.text);
        assert_eq!(
            [lookups("pages", "hit"), lookups("pages", "miss")].map(|it| after.count(&it)),
            [4.0, 1.0]
        );
        assert!(after.count("addressbook_database_wal_size_bytes") > 0.0);
        assert_eq!(
            (pool("max", "write"), pool("used", "write"), pool("waiting", "read")),
            (Some(1.0), Some(0.0), Some(0.0))
        );
    } else {
        assert_eq!(after.count(&lookups("contacts", "hit")), 0.0, "there is no cache");
        assert_eq!(after.get("addressbook_database_wal_size_bytes"), None);
        assert_eq!(
            (pool("max", "all"), pool("used", "all"), pool("waiting", "all")),
            (Some(8.0), Some(0.0), Some(0.0))
        );
    }
    promtool(&["check", "metrics"], &after.text);
}

fn no_caller_adds_a_series(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let measured = Measured::start_on(&url, &[]);
    let Measured { client, admin, server } = &measured;
    let keys: Vec<String> = (0..5)
        .map(|i| {
            let account = format!("account-{i}");
            let arguments = ["keys", "create", "--account", &account, "--database-url", &url];
            String::from_utf8(addressbook(&folder(), &arguments).output().unwrap().stdout).unwrap()
        })
        .collect();
    let send = |i: usize| {
        let client = &client.with_key(keys[i % keys.len()].trim());
        let contact = contacts::create(client, &format!("name-{i}"), &format!("+44790000{i:04}"));
        client.send("GET", &contacts::path(&contact), &[("X-Request-Id", &format!("id-{i}"))], b"");
        client.get(&format!("/v1/contacts?search=name-{i}&limit=1")).expect(200);
        client.get(&format!("/v1/contacts/{i}")).expect(400);
        client.get(&format!("/path-{i}")).expect(404);
        client.get(&format!("/docs/page-{i}")).expect(404);
        client.get(&format!("/{}", "long".repeat(2_500 + i))).expect(414);
        assert_eq!(client.send(&format!("METHOD{i}"), "/v1/contacts", &[], b"").status, 405);
        assert_eq!(client.with_key(&format!("key-{i}")).get("/v1/contacts").status, 401);
        let header = (&*format!("X-Header-{i}"), "value");
        assert_eq!(client.send("GET", "/healthz", &[header], b"").status, 200);
        let mut stream = raw::connect(server.address());
        stream.write_all(format!("GET /{i} HTTP/9.{i}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(raw::response(&mut stream).unwrap().0, 400);
    };
    send(0);
    let before = Exposition::of(admin);
    (1..=40).for_each(send);
    let after = Exposition::of(admin);
    assert_eq!(before.series(), after.series());
    assert_eq!(after.count(&requests("createContact", 201)), 41.0, "they were counted");
    assert_eq!(after.count(&requests("none", 400)), 41.0);
    assert_eq!(after.count("addressbook_accounts"), 5.0);
    for text in ["account-", "name-", "path-", "METHOD", "id-"] {
        assert!(!after.text.contains(text), "{text}");
    }
}

fn an_abandoned_request_is_counted_and_no_longer_in_progress(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    // For as long as the lock is held.
    let measured = Measured::start_on(&url, &["--database-statement-timeout=60s"]);
    let runtime = Runtime::new().unwrap();
    let lock = runtime.block_on(lock(&url, backend));
    let in_progress = |count: f64| {
        move |metrics: &Exposition| metrics.get("addressbook_http_requests_in_progress") == Some(count)
    };
    let abandon = || {
        let mut stream = raw::connect(measured.server.address());
        let body = json!({"username": "john", "phone_number": "+4479000000001"}).to_string();
        let key = measured.client.key.as_ref().unwrap();
        stream.write_all(&raw::request(key, "POST", "/v1/contacts", &[], &body)).unwrap();
        measured.wait_for("a request waits for the lock", in_progress(1.0));
        drop(stream);
        measured.wait_for("the request is abandoned", in_progress(0.0))
    };
    let metrics = finally(abandon, || runtime.block_on(lock.rollback()).unwrap());
    assert_eq!(metrics.count("addressbook_http_requests_abandoned_total"), 1.0);
    assert_eq!(metrics.count(&requests("createContact", 201)), 0.0);
    // What it asked for is done all the same.
    measured.wait_for("the contact exists", |metrics| metrics.count("addressbook_contacts") == 1.0);
}

fn imports_are_counted_by_step(backend: Backend) {
    let Some(measured) = Measured::start(backend) else { return };
    let csv = "Name,Mobile\nmary,+442079460000\nnora,+442079460009\n";
    ImportClient::committed(&measured.client, &json!({}), csv);
    let step = |step| format!("addressbook_import_steps_total{{result=\"done\",step=\"{step}\"}}");
    // A step is counted when its worker is done, after the import is seen to be.
    let metrics =
        measured.wait_for("both steps are counted", |metrics| metrics.count(&step("committing")) == 1.0);
    assert_eq!([step("planning"), step("undoing")].map(|step| metrics.count(&step)), [1.0, 0.0]);
    assert_eq!(metrics.count("addressbook_contacts"), 2.0);
    // The import itself is none of the API's commands.
    assert_eq!(metrics.count("addressbook_write_group_size_count"), 0.0);
}

/// Whatever the number of contacts, groups and imports that have ended.
fn figures_are_read_by_keys(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        drop(open(&url).await);
        let planner = Planner::connect(&url).await;
        let backend = planner.backend;
        let groups = fill(backend, |numbers, id| {
            format!("INSERT INTO counters (account_id, counted, amount) {numbers} SELECT 1, {id}, i FROM n")
        });
        let ended = fill(backend, |numbers, id| {
            format!(
                "INSERT INTO imports (account_id, id, state, options, report, counts, done, total, key_id, request_id, \
                 stored_bytes, created_at, updated_at, expires_at) {numbers} \
                 SELECT 1, {id}, CASE WHEN i = 7 THEN 'undoing' ELSE 'undone' END, '', '', '', 0, 0, '', '', 0, 0, 0, 0 \
                 FROM n"
            )
        });
        let contacts = fill(backend, |_, _| {
            let counted = if backend == DbBackend::Sqlite {
                "x'00000000000000000000000000000002'"
            } else {
                "'00000000-0000-0000-0000-000000000002'::uuid"
            };
            format!("INSERT INTO counters (account_id, counted, amount) VALUES (1, {counted}, 4711)")
        });
        let heads = "INSERT INTO change_heads (account_id, sequence) VALUES (1, 10), (2, 20)";
        for rows in [&*groups, &ended, &contacts, heads] {
            planner.fill(rows).await;
        }

        let mut registry = Registry::default();
        let instruments = Instruments::register(&mut registry);
        let figures = Figures::register(&mut registry);
        let database = serve_measured(&url, instruments).await;
        statements.clear();
        figures.refresh(&database).await;
        statements.retain(|sql| sql.contains("bigint") || sql.contains("COUNT"));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        for line in [
            "contacts 4711",
            "accounts 2",
            "change_log_entries_total 30",
            "search_index_lag_entries 20",
            "imports{state=\"undoing\"} 1",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
        }
        for table in ["counters", "imports"] {
            assert_eq!(check(&planner, statements, table).await, 1, "{table}");
        }
        database.close().await;
    });
}

on_each! {
    figures_are_read_by_keys
    numbers_are_those_of_what_was_done
    no_caller_adds_a_series
    an_abandoned_request_is_counted_and_no_longer_in_progress
    imports_are_counted_by_step
}

/// Neither old numbers nor no response.
#[test]
fn figures_of_a_database_that_does_not_respond_are_left_out() {
    let Some(cluster) = Cluster::start(&["-c", "fsync=off"]) else { return };
    let freezer = Freezer::new(&cluster.url("postgres"));
    let measured = Measured::start_on(&freezer.url, &[]);
    let is_up = |metrics: &Exposition| {
        let up = metrics.get("addressbook_database_up").unwrap();
        assert_eq!(metrics.get("addressbook_contacts").is_some(), up == 1.0, "{}", metrics.text);
        up == 1.0
    };
    contacts::create(&measured.client, "john", "+4479000000001");
    assert!(is_up(&measured.metrics()));
    freezer.freeze();
    let metrics = measured.metrics();
    assert!(!is_up(&metrics));
    assert!(metrics.has("addressbook_http_requests_total") && metrics.has("addressbook_write_queue_length"));
    measured.wait_for("a new connection works", is_up);
    cluster.crash();
    assert!(!is_up(&measured.metrics()));
    cluster.resume();
    measured.wait_for("the database is back", is_up);
}

/// Whatever the metrics are, the public address has none.
#[test]
fn they_are_not_on_the_address_of_clients() {
    let measured = Measured::start(Backend::Sqlite).unwrap();
    assert_eq!(measured.client.get("/metrics").status, 404);
    assert_eq!(measured.admin.get("/v1/contacts").status, 404);
    assert_eq!(measured.admin.send("POST", "/metrics", &[], b"").status, 405);
    assert_eq!(measured.admin.get("/healthz").expect(200), json!({"status": "ok"}));
}

/// Every metric that a server has, once it has done everything that is measured.
fn all_metrics(backend: Backend) -> Option<Exposition> {
    let measured = Measured::start(backend)?;
    ImportClient::committed(&measured.client, &json!({}), "Name,Mobile\nmary,+442079460000\n");
    let counted = |metrics: &Exposition| metrics.has("addressbook_import_steps_total");
    Some(measured.wait_for("an import is counted", counted))
}

/// The rows of the table of metrics: name, type, labels, description.
fn guide_rows() -> Vec<[&'static str; 4]> {
    let section = GUIDE.split("\n## ").find(|section| section.starts_with("Metrics\n")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').splitn(4, '|').map(str::trim).collect();
        cells.try_into().unwrap_or_else(|_| panic!("{row}"))
    })
    .collect()
}

#[test]
fn the_guide_describes_each_of_them() {
    let rows = guide_rows();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(metrics) = all_metrics(backend) else { continue };
        for (name, description) in &metrics.metrics {
            let row = rows.iter().find(|[cell, ..]| *cell == format!("`{name}`"));
            let [_, kind, labels, about] = row.unwrap_or_else(|| panic!("{name} is not in the guide"));
            let help = description.help.trim_end_matches('.');
            assert_eq!((*kind, about.trim_end_matches('.')), (&*description.kind, help), "{name}");
            let series = metrics.series();
            let of_metric = series.iter().filter_map(|series| series.split_once('{')).filter(|(of, _)| {
                of == name || ["_bucket"].iter().any(|part| of.strip_suffix(part) == Some(name))
            });
            let used: BTreeSet<String> = of_metric
                .flat_map(|(_, labels)| labels.trim_end_matches('}').split(','))
                .map(|label| label.split('=').next().unwrap().to_owned())
                .filter(|label| label != "le")
                .map(|label| format!("`{label}`"))
                .collect();
            let documented: BTreeSet<String> =
                labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
            assert_eq!(documented, used, "{name}");
        }
        if backend == Backend::Sqlite {
            for [name, ..] in &rows {
                assert!(metrics.has(name.trim_matches('`')), "{name} does not exist");
            }
        }
    }
    assert!(rows.len() > 25);
}

/// The names of metrics in an expression.
fn names_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    words.filter(|word| word.starts_with("addressbook_") || word.starts_with("process_")).collect()
}

#[test]
fn alerts_and_the_dashboard_use_metrics_that_exist() {
    let metrics = all_metrics(Backend::Sqlite).unwrap();
    let alerts: Value = yaml_serde::from_str(ALERTS).unwrap();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut expressions = Vec::new();
    let mut pending = vec![&alerts, &dashboard];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(members) => {
                expressions.extend(members.get("expr").and_then(Value::as_str));
                pending.extend(members.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    for expression in &expressions {
        for name in names_in(expression) {
            assert!(metrics.has(name), "{name} does not exist: {expression}");
        }
    }
    let used: BTreeSet<&str> = expressions.iter().flat_map(|expression| names_in(expression)).collect();
    assert!(expressions.len() > 20 && used.len() > 15, "{expressions:?}");
    // The dashboard's expressions as rules, since promtool reads no dashboards.
    let rules = expressions.iter().enumerate().map(|(i, expression)| {
        let expression = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
        json!({"record": format!("expression:{i}"), "expr": expression})
    });
    let rules = json!({"groups": [{"name": "all", "rules": rules.collect::<Vec<_>>()}]});
    promtool(&["check", "rules", "/dev/stdin"], &rules.to_string());
}

/// The alerts fire when they should and not otherwise; their cases stand beside them.
#[test]
fn alerts_fire_when_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus");
    let tests = folder.join("alerts_test.yml");
    promtool(&["check", "rules", folder.join("alerts.yml").to_str().unwrap()], "");
    promtool(&["test", "rules", tests.to_str().unwrap()], "");
    let (alerts, cases): (Value, Value) = (
        yaml_serde::from_str(ALERTS).unwrap(),
        yaml_serde::from_str(&std::fs::read_to_string(tests).unwrap()).unwrap(),
    );
    let cases = cases["tests"].as_array().unwrap().iter();
    let tested: BTreeSet<&str> = cases
        .flat_map(|case| case["promql_expr_test"].as_array().unwrap())
        .flat_map(|moment| moment["exp_samples"].as_array().unwrap())
        .filter_map(|alert| alert["labels"].as_str().unwrap().split("alertname=\"").nth(1)?.split('"').next())
        .collect();
    for rule in
        alerts["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap())
    {
        let name = rule["alert"].as_str().unwrap();
        assert!(tested.contains(name), "no case has {name} fire");
    }
}
