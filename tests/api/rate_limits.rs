//! Rate limits by key and by account. Quotas refill by a unit a second, so that few come back during a test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use addressbook::config::Settings;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audiences::wait_until;
use crate::harness::{Backend, Client, Reply, Service, new_account};

fn service(backend: Backend, by_key: u32, by_account: u32, quota: u64) -> Option<Service> {
    Service::start(backend, |Settings { limits, .. }| {
        limits.key_rate_limit = by_key;
        limits.account_rate_limit = by_account;
        limits.rate_limit_window = Duration::from_secs(quota);
    })
}

/// Sends requests until one is refused; returns those that were not, and the refusal.
fn until_refused(client: &Client) -> (Vec<Reply>, Reply) {
    let mut accepted = Vec::new();
    loop {
        let reply = client.get("/v1/contacts/count");
        if reply.status == 429 {
            return (accepted, reply);
        }
        assert_eq!(reply.status, 200);
        accepted.push(reply);
        assert!(accepted.len() < 1_000);
    }
}

/// How much is left, as a response says.
fn left(reply: &Reply) -> Option<u32> {
    let field = reply.headers.get("RateLimit")?.to_str().unwrap();
    let parameters = field.split_once(";r=").unwrap().1;
    Some(parameters.split_once(';').unwrap().0.parse().unwrap())
}

fn wait(refusal: &Reply) -> u64 {
    refusal.header("Retry-After").parse().unwrap()
}

fn a_key_may_send_its_quota_at_once(backend: Backend) {
    let Some(service) = service(backend, 1, 0, 20) else { return };
    let account = new_account();
    let client = service.client_of(&account, &[]);
    let began = Instant::now();
    let (accepted, refusal) = until_refused(&client);
    let refilled = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((20..=20 + refilled).contains(&accepted.len()), "{}", accepted.len());

    // The fields appear when less than half is left.
    let fields: Vec<Option<u32>> = accepted.iter().map(left).collect();
    assert!(fields[..10].iter().all(Option::is_none), "{fields:?}");
    assert!(fields[10..19].iter().all(Option::is_some), "{fields:?}");
    assert!(fields[10..20].windows(2).all(|pair| pair[1] <= pair[0]), "{fields:?}");

    assert_eq!(refusal.json()["error"]["code"], "rate_limited");
    let message = refusal.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "Too many requests with this API key; try again in 1 second");
    assert_eq!((wait(&refusal), left(&refusal)), (1, Some(0)));
    assert_eq!(refusal.header("RateLimit-Policy"), "\"key\";q=20;w=20");
    assert!(refusal.header("RateLimit").starts_with("\"key\";r=0;t="), "{}", refusal.header("RateLimit"));

    // In the other dialect, too; and nothing is changed.
    let body = json!({"alias": "refused", "msisdn": "4479000000001"});
    let mut refusals = 0;
    for _ in 0..3 {
        let reply = client.post("/addressbook/contacts", &body);
        if reply.status == 429 {
            refusals += 1;
            assert_eq!(reply.json()["success"], false);
            assert_eq!(reply.json()["error"]["name"], "TooManyRequestsError");
        }
    }
    assert!(refusals > 0);
    // Another key of the account, and another account, have quotas of their own.
    let other = service.client_of(&account, &[]);
    let created = other.get("/v1/contacts/count").expect(200);
    assert_eq!(created, json!({"count": 3 - refusals}));
    assert_eq!(service.client().get("/v1/contacts").status, 200);
    // Who waits as long as the refusal says is served.
    let (_, refusal) = until_refused(&client);
    std::thread::sleep(Duration::from_secs(wait(&refusal)));
    assert_eq!(client.get("/v1/contacts").status, 200);
}

fn the_keys_of_an_account_share_its_quota(backend: Backend) {
    let Some(service) = service(backend, 0, 1, 20) else { return };
    let account = new_account();
    let [first, second] = [0, 1].map(|_| service.client_of(&account, &[]));
    for _ in 0..12 {
        assert_eq!(first.get("/v1/contacts").status, 200);
    }
    let (accepted, refusal) = until_refused(&second);
    assert!(accepted.len() < 12, "{}", accepted.len());
    assert_eq!(refusal.header("RateLimit-Policy"), "\"account\";q=20;w=20");
    let message = refusal.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "Too many requests with this account; try again in 1 second");
    assert_eq!(service.client().get("/v1/contacts").status, 200);
    // A key that is not valid is told so, and spends nothing.
    assert_eq!(service.anonymous().get("/v1/contacts").status, 401);
}

fn what_is_refused_to_a_key_costs_its_account_nothing(backend: Backend) {
    let Some(service) = service(backend, 1, 2, 20) else { return };
    let account = new_account();
    let [flooding, other] = [0, 1].map(|_| service.client_of(&account, &[]));
    let statuses: Vec<u16> = (0..200).map(|_| flooding.get("/v1/contacts").status).collect();
    assert!(statuses.iter().filter(|status| **status == 429).count() > 100);
    let (accepted, _) = until_refused(&other);
    assert!(accepted.len() >= 20, "{}", accepted.len());
}

fn ten_items_cost_as_much_as_a_request(backend: Backend) {
    let Some(service) = service(backend, 1, 0, 100) else { return };
    let account = new_account();
    let client = service.client_of(&account, &[]);
    let batch = |client: &Client, prefix: &str, size: usize| {
        let contact = |i| json!({"username": format!("{prefix}{i}"), "phone_number": "+4479000000001"});
        let contacts: Vec<Value> = (0..size).map(contact).collect();
        client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts}))
    };
    let first = batch(&client, "a", 600);
    assert_eq!(first.status, 200);
    let spent = 100 - left(&first).unwrap();
    assert!((55..=61).contains(&spent), "{spent}");
    let refusal = batch(&client, "b", 600);
    assert_eq!(refusal.status, 429);
    // The refused request itself has cost a unit: 38 are left of the 60 that the items cost.
    assert!((15..=22).contains(&wait(&refusal)), "{}", wait(&refusal));
    let other = service.client_of(&account, &[]);
    assert_eq!(other.get("/v1/contacts/count").expect(200), json!({"count": 600}), "nothing of it is done");
    assert_eq!(client.get("/v1/contacts").status, 200, "a small request still fits");
    let ids: Vec<Uuid> = (0..1_000).map(Uuid::from_u128).collect();
    assert_eq!(client.post("/addressbook/contacts/batch/get", &json!({"ids": ids})).status, 429);

    // What would cost more than a quota costs all of it.
    let rested = service.client_of(&account, &[]);
    let reply = batch(&rested, "c", 1_000);
    assert_eq!(reply.status, 200);
    assert!(left(&reply).unwrap() <= 2, "{:?}", left(&reply));
}

fn the_document_has_the_policies(backend: Backend) {
    let Some(service) = service(backend, 7, 0, 3) else { return };
    let document = service.anonymous().get("/openapi.json").expect(200);
    assert_eq!(document["x-rate-limits"], json!([{"name": "key", "quota": 21, "window": 3}]));
    let batch = document["paths"]["/v1/contacts/batch"]["post"]["description"].as_str().unwrap();
    assert!(batch.contains("one more for every 10 items"), "{batch}");
}

/// What a connection receives for a request; empty if it was closed.
fn answer(from: &str, service: &Service, open: &mut Vec<TcpStream>) -> String {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&format!("{from}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&service.address.parse::<SocketAddr>().unwrap().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let mut answer = [0; 12];
    let answered = stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .and_then(|()| stream.read_exact(&mut answer));
    if answered.is_err() {
        return String::new();
    }
    open.push(stream);
    String::from_utf8(answer.to_vec()).unwrap()
}

fn an_address_has_so_many_connections(backend: Backend) {
    let limited = |settings: &mut Settings| settings.limits.address_connections = 3;
    let Some(service) = Service::start(backend, limited) else { return };
    let mut open = Vec::new();
    for _ in 0..3 {
        assert_eq!(answer("127.0.0.1", &service, &mut open), "HTTP/1.1 200");
    }
    assert_eq!(answer("127.0.0.1", &service, &mut open), "");
    assert_eq!(answer("127.0.0.2", &service, &mut open), "HTTP/1.1 200", "another address");
    open.clear();
    wait_until("closed connections do not count", || {
        !answer("127.0.0.1", &service, &mut Vec::new()).is_empty()
    });
    drop(service);

    let trusting = Service::start(backend, |settings| {
        limited(settings);
        settings.trust_proxy = true;
    });
    let (trusting, mut open) = (trusting.unwrap(), Vec::new());
    for _ in 0..5 {
        assert_eq!(answer("127.0.0.1", &trusting, &mut open), "HTTP/1.1 200");
    }
}

on_each! {
    an_address_has_so_many_connections
    a_key_may_send_its_quota_at_once
    the_keys_of_an_account_share_its_quota
    what_is_refused_to_a_key_costs_its_account_nothing
    ten_items_cost_as_much_as_a_request
    the_document_has_the_policies
}
