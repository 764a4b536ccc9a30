//! Cost limits of audiences: data per recipient, processor time per request, and cancellation when the client
//! disconnects.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::contacts::create;
use crate::harness::{Backend, Client, TIMEOUT, folder, new_database, raw};

/// Just within one recipient's data budget, and therefore as slow as rendering can be.
const SLOW: &str = "{{ A | title | title | title | title | first }}";

/// The maximum number of recipients that a request can name individually.
const RECIPIENTS: usize = 1_000;

/// A long text for `meta` or `fields`.
fn data() -> Value {
    json!({"A": "a".repeat(15_000)})
}

/// A request of a few seconds, for the contact of [`slow_contact`].
fn slow(options: &Value) -> Value {
    let recipients = vec![json!({"username": "john"}); RECIPIENTS];
    let mut body = json!({"recipients": recipients, "template": {"text": SLOW}, "repeat_numbers": true});
    body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    body
}

fn slow_contact(client: &Client) {
    let body = json!({"username": "john", "phone_number": "+4479000000001", "meta": data()});
    client.post("/v1/contacts", &body).expect(201);
}

/// Processor time used by a process.
fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Clock ticks of 10 ms, user and system.
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Waits until a process has used `more` processor time since `since`.
fn wait_for_cpu_time(process: u32, since: Duration, more: Duration) {
    let deadline = Instant::now() + TIMEOUT;
    while cpu_time(process) < since + more {
        assert!(Instant::now() < deadline, "it does not work");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a process is idle; returns the processor time used.
fn wait_until_idle(process: u32) -> Duration {
    let mut last = cpu_time(process);
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = cpu_time(process);
        if now.saturating_sub(last) <= Duration::from_millis(20) {
            return now;
        }
        last = now;
    }
}

/// A separate process, so that its processor time is not mixed with that of the tests.
fn serve(backend: Backend, settings: &[&str]) -> Option<(ServerProcess, Client, String)> {
    let url = new_database(backend)?;
    let mut serving = ServerProcess::start(
        addressbook(&folder(), &["--bind=127.0.0.1:0", "--log=off"])
            .args(["--database-url", &url])
            .args(settings),
    );
    let (address, key) = (serving.address().to_owned(), serving.first_key());
    let client = Client::new(&address, Some(key.clone()));
    slow_contact(&client);
    Some((serving, client, key))
}

fn code(response: &Value) -> &str {
    response["error"]["code"].as_str().unwrap_or_default()
}

on_both_databases! {
    fn a_template_beyond_one_recipients_budget_is_rejected(service: &Service) {
        let client = service.client();
        create(&client, "john", "+4479000000001");
        let costly = format!("{{{{ A{} | first }}}}", " | title".repeat(20));
        let body = |options: Value| {
            let mut body = json!({
                "recipients": [{"username": "john", "fields": data()}],
                "template": {"text": costly},
            });
            body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
            body
        };
        for options in [json!({}), json!({"dry_run": true}), json!({"keep": true})] {
            let reply = client.post("/v1/audiences", &body(options));
            assert!(!reply.headers.contains_key("Retry-After"));
            assert_eq!(code(&reply.expect(422)), "template_too_costly");
        }
        // Nothing is stored: neither a snapshot nor the idempotency key.
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "key")];
        let keep = |body: Value| client.send("POST", "/v1/audiences", &headers, body.to_string().as_bytes());
        assert_eq!(code(&keep(body(json!({"keep": true}))).expect(422)), "template_too_costly");
        assert_eq!(client.get("/v1/audiences").expect(200)["data"], json!([]));
        keep(json!({"recipients": [{"username": "john"}], "keep": true})).expect(201);

        let headers = [("Content-Type", "application/json"), ("Accept", "application/x-ndjson")];
        let lines = client.send("POST", "/v1/audiences", &headers, body(json!({})).to_string().as_bytes());
        let lines = String::from_utf8(lines.body).unwrap();
        let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!(code(&last), "template_too_costly");

        let body = json!({"aliases": ["john"], "fields": {"john": data()}, "template": costly});
        let response = client.post("/addressbook/resolve", &body).expect(422);
        assert_eq!(response["error"]["name"], "UnprocessableEntityError");
    }
}

fn processor_time_is_limited_per_request(backend: Backend) {
    let Some((serving, client, _)) = serve(backend, &["--audience-cpu-limit=100ms"]) else { return };
    for options in [json!({}), json!({"dry_run": true}), json!({"keep": true})] {
        let before = cpu_time(serving.id());
        let response = client.post("/v1/audiences", &slow(&options)).expect(422);
        assert_eq!(code(&response), "template_too_costly");
        assert!(response["error"]["message"].as_str().unwrap().contains("100ms"), "{response}");
        let more = cpu_time(serving.id()) - before;
        assert!(more < Duration::from_secs(1), "{options}: {more:?}");
    }
}

fn work_stops_when_the_client_disconnects(backend: Backend) {
    let Some((serving, client, key)) = serve(backend, &[]) else { return };
    let keep = json!({"keep": true});
    for (reset, options) in
        [(true, &keep), (false, &keep), (true, &json!({"dry_run": true})), (false, &json!({}))]
    {
        let before = wait_until_idle(serving.id());
        let headers = [("Idempotency-Key", "key")];
        let request = raw::request(&key, "POST", "/v1/audiences", &headers, &slow(options).to_string());
        let mut stream: TcpStream = raw::connect(serving.address());
        stream.write_all(&request).unwrap();
        wait_for_cpu_time(serving.id(), before, Duration::from_millis(300));
        if options["keep"] == true {
            // One snapshot in flight per account.
            let another = json!({"recipients": [{"username": "john"}], "keep": true});
            assert_eq!(code(&client.post("/v1/audiences", &another).expect(409)), "audience_in_progress");
        }
        if reset {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        let cpu_at_disconnect = cpu_time(serving.id());
        drop(stream);
        let more = wait_until_idle(serving.id()) - cpu_at_disconnect;
        assert!(
            more < Duration::from_millis(500),
            "{options}, reset {reset}: {more:?} after the client has gone"
        );
        assert_eq!(client.get("/v1/audiences").expect(200)["data"], json!([]), "half an audience");
    }
    // The idempotency key is available again.
    let body = json!({"recipients": [{"username": "john"}], "keep": true}).to_string();
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "key")];
    client.send("POST", "/v1/audiences", &headers, body.as_bytes()).expect(201);
}

fn a_dry_run_that_exhausts_its_budget_does_not_suggest_a_retry(backend: Backend) {
    let settings = ["--request-timeout=2s", "--audience-cpu-limit=1h"];
    let Some((_serving, client, _)) = serve(backend, &settings) else { return };
    let reply = client.post("/v1/audiences", &slow(&json!({"dry_run": true})));
    assert!(!reply.headers.contains_key("Retry-After"));
    let response = reply.expect(422);
    assert_eq!(code(&response), "template_too_costly");
    assert!(response["error"]["message"].as_str().unwrap().contains("time limit of a request"), "{response}");
}

on_each! {
    processor_time_is_limited_per_request
    work_stops_when_the_client_disconnects
    a_dry_run_that_exhausts_its_budget_does_not_suggest_a_retry
}
