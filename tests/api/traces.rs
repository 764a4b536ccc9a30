//! Traces over OTLP: what is exported of a request, that nobody can be known by it, and that a collector is no reason to wait.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::{ServerProcess, addressbook, fails};
use crate::contacts;
use crate::graceful_shutdown::lock;
use crate::harness::collector::{Behaviour, Collector, Span, attributes};
use crate::harness::exposition::Exposition;
use crate::harness::imports::ImportClient;
use crate::harness::{Backend, Client, finally, folder, new_database, raw};

/// Maximum duration of a shutdown with a collector that does not respond: far more than it takes, and less than what the
/// exporter would wait for without a shutdown.
const LIMIT: Duration = Duration::from_secs(12);

/// Far more than is read of a response and than fits into the buffers of a connection.
const ENDLESS: usize = 32 * 1024 * 1024;

/// A server that exports traces.
struct Traced {
    server: ServerProcess,
    client: Client,
    /// Of its database.
    url: String,
}

impl Traced {
    fn start(flags: &[&str]) -> Self {
        Self::start_on(&new_database(Backend::Sqlite).unwrap(), flags)
    }

    fn start_on(url: &str, flags: &[&str]) -> Self {
        let always =
            ["--bind=127.0.0.1:0", "--admin-bind=127.0.0.1:0", "--log-format=json", "--database-url", url];
        let mut server = ServerProcess::start(&mut addressbook(&folder(), &[&always, flags].concat()));
        let key = server.first_key();
        Self { client: Client::new(server.address(), Some(key)), server, url: url.to_owned() }
    }

    /// Sends a request with an id, and a `traceparent` if there is one.
    fn get(&self, path: &str, id: &str, traceparent: Option<&str>) -> u16 {
        let mut headers = vec![("X-Request-Id", id)];
        headers.extend(traceparent.map(|value| ("traceparent", value)));
        self.client.send("GET", path, &headers, b"").status
    }

    fn metrics(&self) -> Exposition {
        Exposition::of(&self.server.admin())
    }

    /// Stops the server; returns the events of its log.
    fn stop(self) -> Vec<Value> {
        self.server.signal("-TERM");
        self.server.end().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn dropped(reason: &str) -> String {
    format!("addressbook_trace_spans_dropped_total{{reason=\"{reason}\"}}")
}

/// The span of a request, by its id.
#[track_caller]
fn of_request(collector: &Collector, id: &str) -> Span {
    collector.span_with("addressbook.request_id", id)
}

/// The events that say that spans cannot be exported.
fn complaints(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["message"] == "spans cannot be exported").collect()
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

#[test]
fn a_request_is_a_span_of_the_trace_that_its_caller_says() {
    let collector = Collector::start(Behaviour::Accept);
    let traced = Traced::start(&[&collector.flag()]);
    let contact = contacts::create(&traced.client, "john", "+4479000000001");
    let path = contacts::path(&contact);
    let headers = [("X-Request-Id", "child"), ("traceparent", &traceparent("01")), ("tracestate", "a=1,b=2")];
    assert_eq!(traced.client.send("GET", &path, &headers, b"").status, 200);
    let malformed = traceparent("1");
    assert_eq!(traced.get(&path, "malformed", Some(&malformed)), 200);
    assert_eq!(traced.get(&path, "unsampled", Some(&traceparent("00"))), 200);
    assert_eq!(traced.get("/nowhere", "nowhere", None), 404);
    let odd = [("X-Request-Id", "odd")];
    assert_eq!(traced.client.send("BREW", "/v1/contacts", &odd, b"").status, 405);
    std::fs::remove_file(traced.url.strip_prefix("sqlite://").unwrap()).unwrap();
    assert_eq!(traced.get("/readyz", "failed", None), 503);
    // Nothing waits for the interval of the export: the last spans are sent when the server stops.
    let events = traced.stop();

    let span = of_request(&collector, "child");
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!((&*span.name, span.kind, &*span.trace_state), ("GET /v1/contacts/{id}", 2, "a=1,b=2"));
    assert!(span.start_time_unix_nano < span.end_time_unix_nano && span.events.is_empty(), "{span:?}");
    assert_eq!(span.status.clone().unwrap().code, 0, "unset");
    let expected = [
        ("addressbook.request_id", "child"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/v1/contacts/{id}"),
        ("url.scheme", "http"),
    ];
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(attributes(&span.attributes), expected);

    let begun = of_request(&collector, "malformed");
    assert_ne!(hex(&begun.trace_id), TRACE);
    assert!(begun.parent_span_id.is_empty() && begun.trace_id.len() == 16, "{begun:?}");
    let of_trace = |id: &str| collector.spans().iter().filter(|span| hex(&span.trace_id) == id).count();
    assert_eq!(of_trace(TRACE), 1, "what an unsampled parent has called is not exported, nor any part of it");
    assert!(
        !collector
            .spans()
            .iter()
            .any(|span| hex(&span.parent_span_id) == PARENT && span.name != "GET /v1/contacts/{id}")
    );

    let nowhere = of_request(&collector, "nowhere");
    assert_eq!((&*nowhere.name, attributes(&nowhere.attributes).get("http.route")), ("GET", None));
    let odd = of_request(&collector, "odd");
    assert_eq!(odd.name, "HTTP /v1/contacts");
    assert_eq!(attributes(&odd.attributes)["http.request.method"], "_OTHER");
    let failed = of_request(&collector, "failed");
    assert_eq!((failed.status.clone().unwrap().code, &*failed.name), (2, "GET /readyz"));
    assert_eq!(attributes(&failed.attributes)["error.type"], "unavailable");

    for resource in collector.resources() {
        let resource = attributes(&resource.attributes);
        assert_eq!(resource["service.name"], "addressbook");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(resource.len(), 3, "and the instance: {resource:?}");
    }
    let trace_of = |id: &str| {
        let event = events.iter().find(|event| event["request_id"] == id).unwrap();
        event["trace_id"].as_str().map(ToOwned::to_owned)
    };
    assert_eq!(trace_of("child").as_deref(), Some(TRACE));
    assert_eq!(trace_of("unsampled").as_deref(), Some(TRACE), "others may have exported their part");
    assert_eq!(trace_of("malformed"), Some(hex(&begun.trace_id)));
    assert!(complaints(&events).is_empty(), "{events:?}");
}

#[test]
fn the_settings_say_how_many_traces_begin() {
    let collector = Collector::start(Behaviour::Accept);
    let none = Traced::start(&[&collector.flag(), "--otlp-sample=0"]);
    assert_eq!(none.get("/healthz", "begins", None), 200);
    assert_eq!(none.get("/healthz", "called", Some(&traceparent("01"))), 200);
    let events = none.stop();
    of_request(&collector, "called");
    assert_eq!(collector.spans().len(), 1, "{:?}", collector.spans());
    let begins = events.iter().find(|event| event["request_id"] == "begins").unwrap();
    assert_eq!(begins.get("trace_id"), None, "{begins}");

    let collector = Collector::start(Behaviour::Accept);
    let half = Traced::start(&[&collector.flag(), "--otlp-sample=0.5", "--log=off"]);
    for i in 0..400 {
        assert_eq!(half.get("/healthz", &format!("id-{i}"), None), 200);
    }
    half.stop();
    let begun = collector.spans().len();
    // Within six standard deviations.
    assert!((140..=260).contains(&begun), "{begun} of 400");

    let off = Traced::start(&[]);
    assert_eq!(off.get("/healthz", "off", Some(&traceparent("01"))), 200);
    let events = off.stop();
    let event = events.iter().find(|event| event["request_id"] == "off").unwrap();
    assert_eq!(event.get("trace_id"), None, "{event}");
    let folder = folder();
    for url in
        ["collector", "ftp://127.0.0.1", "http://user:secret@127.0.0.1", "http://127.0.0.1/?key=secret"]
    {
        fails(&mut addressbook(&folder, &["--otlp-endpoint", url]), &["--otlp-endpoint"]);
    }
    for ratio in ["-0.1", "1.1", "NaN", "all"] {
        fails(&mut addressbook(&folder, &[&format!("--otlp-sample={ratio}")]), &["--otlp-sample"]);
    }
}

/// The settings file has numbers that are not whole.
#[test]
fn the_settings_file_may_have_a_share() {
    let collector = Collector::start(Behaviour::Accept);
    let folder = folder();
    let endpoint = collector.flag().replace("--otlp-endpoint=", "");
    let settings = format!("bind = \"127.0.0.1:0\"\notlp_endpoint = \"{endpoint}\"\notlp_sample = 0.0\n");
    std::fs::write(folder.join("settings.toml"), settings).unwrap();
    let server = ServerProcess::start(&mut addressbook(&folder, &["--config=settings.toml", "--log=off"]));
    let client = Client::new(server.address(), None);
    client.get("/healthz").expect(200);
    assert_eq!(client.send("GET", "/healthz", &[("traceparent", &traceparent("01"))], b"").status, 200);
    server.signal("-TERM");
    server.end();
    assert_eq!(collector.spans().len(), 1);
}

/// Of a person, of what an account has stored about them, of the caller and of its key.
#[test]
fn nobody_can_be_known_by_a_trace() {
    let collector = Collector::start(Behaviour::Accept);
    let traced = Traced::start(&[&collector.flag(), "--trust-proxy"]);
    let client = &traced.client;
    let secrets = [
        "zebedee",
        "quentin",
        "447911123456",
        "441632960961",
        "platinum-member",
        "PLANTYPE",
        "vip-circle",
        "Kettering",
        "hello-dearest",
        "spy-browser",
        "198.51.100.77",
        "cookie-crumb",
        "contacts.example",
        "file-of-clients",
        "retry-key-1",
    ];
    let body = json!({"username": "zebedee", "phone_number": "+447911123456", "meta": {"PLANTYPE": "platinum-member"}});
    let headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", "spy-browser"),
        ("X-Forwarded-For", "198.51.100.77"),
        ("X-Forwarded-Host", "contacts.example"),
        ("Cookie", "session=cookie-crumb"),
        ("Idempotency-Key", "retry-key-1"),
    ];
    assert_eq!(client.send("POST", "/v1/contacts", &headers, body.to_string().as_bytes()).status, 201);
    assert_eq!(
        client.send("POST", "/v1/contacts", &headers, body.to_string().as_bytes()).status,
        201,
        "replayed"
    );
    client.post("/v1/contacts", &body).expect(409);
    client.post("/v1/contacts", &json!({"username": "quentin", "phone_number": "441632960961x"}));
    client.get("/addressbook/contacts/zebedee");
    client.get("/v1/contacts/zebedee");
    client.get("/v1/contacts?search=zebedee").expect(200);
    client.get("/v1/contacts?phone_number=%2B447911123456").expect(200);
    client.get("/447911123456?name=quentin").expect(404);
    client.post("/v1/groups", &json!({"name": "vip-circle"})).expect(201);
    client.get("/v1/contacts?vip-circle=Kettering");
    client.with_key("ab_live_zebedee").get("/v1/contacts").expect(401);
    let text = "hello-dearest {{ username }}";
    let recipients = json!([{"phone_number": "+441632960961", "fields": {"username": "quentin"}}]);
    client.post("/v1/audiences", &json!({"recipients": recipients, "template": {"text": text}})).expect(200);
    let csv = "Name,Mobile,City\nquentin,+441632960961,Kettering\n";
    let mapping = json!({"filename": "file-of-clients.csv"});
    ImportClient::committed(client, &json!({}), csv);
    client.post("/v1/imports", &mapping);
    client.post("/v1/erasures", &json!({"phone_number": "+441632960961"})).expect(201);
    let has = |name: &'static str| {
        move |collector: &Collector| collector.spans().iter().any(|span| span.name == name)
    };
    collector.wait_for("the steps of the erasure", has("erasure"));
    let key = client.key.clone().unwrap();
    let mut connection = raw::connect(traced.server.address());
    connection.write_all(&raw::request(&key, "GET", "/v1/contacts?search=zebedee", &[], "")).unwrap();
    drop(connection);
    traced.stop();

    let bytes = collector.bytes();
    let contains =
        |text: &str| bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
    let key_id = key.split('_').nth(2).unwrap();
    for secret in secrets.into_iter().chain([&*key, key_id]) {
        assert!(!contains(secret), "{secret}");
    }
    // They were exported at all, and the search would find them.
    for name in [
        "POST /v1/contacts",
        "GET /v1/contacts",
        "POST /v1/audiences",
        "POST /v1/imports",
        "POST /v1/erasures",
        "import",
    ] {
        assert!(contains(name) && collector.spans().iter().any(|span| span.name == name), "{name}");
    }
    assert!(contains("post /V1/audiences"));
}

fn parts_say_where_time_has_gone(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let collector = Collector::start(Behaviour::Accept);
    let traced = Traced::start_on(&url, &[&collector.flag(), "--database-statement-timeout=60s"]);
    let client = &traced.client;
    let contact = contacts::create(client, "john", "+4479000000001");
    client.get("/v1/contacts?search=john&limit=1").expect(200);
    client.patch(&contacts::path(&contact), &json!({"username": "jane"})).expect(200);
    ImportClient::committed(client, &json!({}), "Name,Mobile\nmary,+442079460000\n");

    // Two transactions wait for another session's lock, and on SQLite one of them for the other.
    let runtime = Runtime::new().unwrap();
    let lock = runtime.block_on(lock(&url, backend));
    let batch = |name: &str| {
        let item = json!({"username": name, "phone_number": "+4479000000002"});
        client.post(
            "/v1/contacts/batch",
            &json!({"mode": "upsert", "match_by": "username", "contacts": [item]}),
        )
    };
    let metrics = || traced.metrics().get("addressbook_http_requests_in_progress");
    std::thread::scope(|scope| {
        let waiting = || {
            let began = Instant::now();
            while metrics() != Some(2.0) {
                assert!(began.elapsed() < Duration::from_secs(60), "two requests wait");
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let requests = ["anna", "bert"].map(|name| scope.spawn(move || batch(name).status));
        finally(waiting, || runtime.block_on(lock.rollback()).unwrap());
        for request in requests {
            assert_eq!(request.join().unwrap(), 200);
        }
    });
    traced.stop();

    let spans = collector.spans();
    let system = if backend == Backend::Sqlite { "sqlite" } else { "postgresql" };
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let parts = |parent: &Span| {
        let parts = spans.iter().filter(|span| span.parent_span_id == parent.span_id);
        parts.map(|span| &*span.name).collect::<Vec<_>>()
    };
    let [create] = named("POST /v1/contacts")[..] else { panic!("{spans:#?}") };
    let writes: Vec<_> =
        named("write").into_iter().filter(|span| span.parent_span_id == create.span_id).collect();
    let [write] = writes[..] else { panic!("{spans:#?}") };
    assert_eq!(parts(write), ["transaction"], "of its group");
    let transactions: Vec<_> =
        named("transaction").into_iter().filter(|span| span.parent_span_id == write.span_id).collect();
    let of_group = attributes(&transactions[0].attributes);
    assert_eq!((&*of_group["db.system.name"], &*of_group["addressbook.group.size"]), (system, "1"));
    assert_eq!((transactions[0].kind, of_group.len()), (3, 2), "a client of the database");
    assert!(write.start_time_unix_nano <= transactions[0].start_time_unix_nano);
    assert!(transactions[0].end_time_unix_nano <= write.end_time_unix_nano);

    let [list] = named("GET /v1/contacts")[..] else { panic!("{spans:#?}") };
    assert!(parts(list).contains(&"read"), "{:?}", parts(list));
    let batches = named("POST /v1/contacts/batch");
    assert_eq!(batches.len(), 2);
    for batch in &batches {
        assert!(parts(batch).contains(&"transaction"), "{:?}", parts(batch));
        let transaction =
            named("transaction").into_iter().find(|span| span.parent_span_id == batch.span_id).unwrap();
        assert!(parts(transaction).contains(&"commit"), "{:?}", parts(transaction));
        assert_eq!(attributes(&transaction.attributes)["db.system.name"], system);
    }
    let waits = batches.iter().filter(|batch| parts(batch).contains(&"wait for the write lock")).count();
    // What is done in the background may have had the lock before either.
    assert_eq!(waits > 0, backend == Backend::Sqlite, "there is one writer");

    let imports = named("import");
    let mut steps: Vec<_> =
        imports.iter().map(|span| attributes(&span.attributes)["addressbook.import.step"].clone()).collect();
    steps.sort();
    assert_eq!(steps, ["committing", "planning"]);
    for import in imports {
        assert!(import.parent_span_id.is_empty() && parts(import).contains(&"transaction"), "{spans:#?}");
    }
    // A part belongs to something that was exported; what is exported begins with a request or a job.
    for span in &spans {
        let parent = spans.iter().find(|parent| parent.span_id == span.parent_span_id);
        let is_root = span.parent_span_id.is_empty();
        assert!(is_root || parent.is_some_and(|parent| parent.trace_id == span.trace_id), "{span:?}");
        let begins = span.name == "import" || span.kind == 2;
        assert_eq!(is_root, begins, "{span:?}");
    }
}

#[test]
fn parts_on_sqlite() {
    parts_say_where_time_has_gone(Backend::Sqlite);
}

#[test]
fn parts_on_postgres() {
    parts_say_where_time_has_gone(Backend::Postgres);
}

/// Each way not to take spans: the service works, says so once, and stops.
#[test]
fn a_collector_that_takes_nothing_delays_nobody() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("--otlp-endpoint=http://{}", closed.local_addr().unwrap());
    drop(closed);
    for behaviour in
        [None, Some(Behaviour::Hang), Some(Behaviour::Respond(500)), Some(Behaviour::Respond(503))]
    {
        let collector = behaviour.clone().map(Collector::start);
        let flag = collector.as_ref().map_or_else(|| nobody.clone(), Collector::flag);
        // (A line for each request would fill the pipe that nobody reads meanwhile.)
        let traced = Traced::start(&[&flag, "--log=warn"]);
        // More than the queue has room for, beside what is being sent.
        let connection = raw::connect(traced.server.address());
        let mut responses = BufReader::new(&connection);
        let request = raw::request("none", "GET", "/healthz", &[], "");
        for _ in 0..6_000 {
            (&connection).write_all(&request).unwrap();
            assert_eq!(raw::response(&mut responses).unwrap().0, 200, "{behaviour:?}");
        }
        let began = Instant::now();
        let metrics = loop {
            let metrics = traced.metrics();
            // Either the queue is full, or what was in it is rejected, batch by batch.
            let gone = metrics.count(&dropped("queue_full")) + metrics.count(&dropped("collector"));
            if gone >= 1_000.0 {
                break metrics;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{behaviour:?}: {}", metrics.text);
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(metrics.count("addressbook_trace_spans_exported_total"), 0.0, "{behaviour:?}");
        let is_rejected = matches!(behaviour, Some(Behaviour::Respond(500)));
        assert_eq!(
            metrics.count(&dropped("queue_full")) == 0.0,
            is_rejected,
            "{behaviour:?}: {}",
            metrics.text
        );
        traced.client.get("/v1/contacts").expect(200);
        if let (false, Some(collector)) = (is_rejected, &collector) {
            collector.wait_for("a second attempt", |collector| collector.requests() > 1);
        }
        let stopping = Instant::now();
        let events = traced.stop();
        assert!(stopping.elapsed() < LIMIT, "{behaviour:?}: {:?}", stopping.elapsed());
        let told = complaints(&events);
        assert_eq!((told.len(), &told[0]["level"]), (1, &json!("WARN")), "{behaviour:?}: {told:?}");
        assert!(!told[0]["reason"].as_str().unwrap().is_empty(), "{told:?}");
    }
}

#[test]
fn spans_are_sent_again_when_the_collector_is_back() {
    let collector = Collector::start(Behaviour::Respond(503));
    let traced = Traced::start(&[&collector.flag()]);
    assert_eq!(traced.get("/healthz", "early", None), 200);
    collector.wait_for("the first attempt", |collector| collector.requests() == 1);
    collector.behave(Behaviour::Accept);
    collector.wait_for("the second attempt", |collector| collector.requests() == 2);
    collector.behave(Behaviour::Reject(1));
    assert_eq!(traced.get("/healthz", "late", None), 200);
    collector.wait_for("the next spans", |collector| collector.requests() == 3);
    // A response without an end is one all the same.
    collector.behave(Behaviour::NeverEnd);
    assert_eq!(traced.get("/healthz", "last", None), 200);
    collector.wait_for("the last spans", |collector| collector.requests() == 4);
    let began = Instant::now();
    let metrics = loop {
        let metrics = traced.metrics();
        if metrics.count("addressbook_trace_spans_exported_total") >= 2.0 {
            break metrics;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{}", metrics.text);
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(metrics.count("addressbook_trace_spans_exported_total"), 2.0);
    assert_eq!(
        metrics.count(&dropped("collector")),
        1.0,
        "of which the collector said that it has not taken it"
    );
    assert_eq!(metrics.count(&dropped("queue_full")), 0.0);
    let events = traced.stop();
    let taken = collector.endless_bytes();
    assert!(taken < ENDLESS, "{taken} bytes of a response");
    let messages: Vec<_> = events.iter().filter_map(|event| event["message"].as_str()).collect();
    let told = |message: &str| messages.iter().filter(|told| **told == message).count();
    assert_eq!((told("spans cannot be exported"), told("spans are exported again")), (1, 1), "{messages:?}");
}
