//! Microbenchmarks without network and database: the cost of a request before it reaches the repository, and of its
//! response afterwards.
//!
//! `cargo bench`, or `cargo bench -- parse` for one group.

use std::hint::black_box;

use addressbook::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use addressbook::domain::{Contact, NewContact};
use addressbook::http::extract::{Payload, Violations};
use addressbook::http::{addressbook as address_book, v1};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, Value, json};
use validator::Validate;

/// The body of the benchmarks over the network.
const SMALL: &str =
    r#"{"username":"john","phone_number":"+4479000000001","meta":{"NAME":"John","CITY":"London"}}"#;

/// Every member, and a number with separators.
const FULL: &str = r#"{"username":"josé.núñez","phone_number":"+44 (0)20 7946-0000","display_name":"José Núñez","avatar_url":"https://images.example.com/a/b.png?size=64","meta":{"NAME":"José","CITY":"London","LANGUAGES":["es","en"],"ADDRESS":{"STREET":"Long Lane","NUMBER":7}}}"#;

/// Contacts per page.
const PAGE: usize = 50;

fn new_contact(body: &str) -> NewContact {
    let payload: v1::contacts::CreateContact = serde_json::from_str(body).expect("the body is JSON");
    payload.into_command(&mut Violations::default()).expect("the body has no fault")
}

/// The maximum number of members of a meta.
fn large_meta() -> Map<String, Value> {
    (0..Meta::MAX_KEYS).map(|n| (format!("VARIABLE_{n}"), json!("what stands in its place"))).collect()
}

/// Text to domain values.
fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.bench_function("handle, ascii", |b| b.iter(|| Handle::parse(black_box("john"))));
    group.bench_function("handle, not ascii", |b| b.iter(|| Handle::parse(black_box("josé.núñez"))));
    group.bench_function("phone, E.164", |b| b.iter(|| Phone::parse(black_box("+4479000000001"))));
    group.bench_function("phone, as people write", |b| {
        b.iter(|| Phone::parse(black_box("+44 (0)20 7946-0000")))
    });
    group.bench_function("display name", |b| b.iter(|| DisplayName::parse(black_box("José Núñez"))));
    group.bench_function("avatar URL", |b| {
        b.iter(|| AvatarUrl::parse(black_box("https://images.example.com/a/b.png?size=64")))
    });
    let large = large_meta();
    group.bench_function("meta, 50 keys", |b| b.iter(|| Meta::parse(black_box(&large))));
    group.finish();
}

/// From the bytes of a body to the domain command.
fn create(criterion: &mut Criterion) {
    use v1::contacts::CreateContact;

    let mut group = criterion.benchmark_group("create");
    for (size, body) in [("small", SMALL), ("full", FULL)] {
        let read = || serde_json::from_str::<CreateContact>(black_box(body)).expect("the body is JSON");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("{size}: read JSON"), |b| b.iter(read));
        let payload = read();
        group.bench_function(format!("{size}: validate"), |b| b.iter(|| black_box(&payload).validate()));
        group.bench_function(format!("{size}: to command"), |b| {
            b.iter_batched(
                read,
                |payload| payload.into_command(&mut Violations::default()),
                BatchSize::SmallInput,
            )
        });
        let new = new_contact(body);
        group.bench_function(format!("{size}: to contact"), |b| {
            b.iter_batched(|| new.clone(), Contact::new, BatchSize::SmallInput)
        });
    }
    let nothing: CreateContact = serde_json::from_str("{}").expect("the body is JSON");
    group.bench_function("empty: validate", |b| b.iter(|| black_box(&nothing).validate()));
    group.finish();
}

/// From contacts to the bytes of a response, in both dialects.
fn answer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    for (size, body) in [("small", SMALL), ("full", FULL)] {
        let contact = Contact::new(new_contact(body));
        group.bench_function(format!("v1, one {size}"), |b| {
            b.iter_batched(
                || contact.clone(),
                |contact| serde_json::to_vec(&v1::contacts::Contact::from(contact)),
                BatchSize::SmallInput,
            )
        });
        group.bench_function(format!("address book, one {size}"), |b| {
            b.iter_batched(
                || contact.clone(),
                |contact| {
                    serde_json::to_vec(
                        &address_book::records::RecordResponse::<address_book::contacts::Record>::new(
                            contact,
                        ),
                    )
                },
                BatchSize::SmallInput,
            )
        });
    }
    let page: Vec<Contact> = (0..PAGE).map(|_| Contact::new(new_contact(SMALL))).collect();
    group.throughput(Throughput::Elements(PAGE as u64));
    group.bench_function("v1, list of 50", |b| {
        b.iter_batched(
            || page.clone(),
            |page| {
                let data = page.into_iter().map(v1::contacts::Contact::from).collect();
                serde_json::to_vec(&v1::pagination::Page::new(true, data))
            },
            BatchSize::SmallInput,
        )
    });
    group.finish();
}

criterion_group!(benches, parse, create, answer);
criterion_main!(benches);
