//! Pages at large offsets are correct whatever seek points are cached.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::Client;

/// In the account under test.
const CONTACTS: usize = 2_400;
const LIMIT: usize = 20;

/// Numbers of concurrent creators and readers.
const CREATORS: usize = 8;
const READERS: usize = 4;

/// How many contacts are created and deleted while others read.
const ROUNDS: usize = 60;

#[derive(Clone, Debug, PartialEq)]
struct Record {
    id: String,
    alias: String,
    msisdn: String,
}

impl Record {
    fn of(json: &Value) -> Self {
        let text = |field: &str| json[field].as_str().unwrap().to_owned();
        Self { id: text("id"), alias: text("alias"), msisdn: text("msisdn") }
    }

    fn create(client: &Client, alias: &str, msisdn: &str) -> Self {
        let body = json!({"alias": alias, "msisdn": msisdn});
        Self::of(&client.post("/addressbook/contacts", &body).expect(200)["record"])
    }

    fn change(&mut self, client: &Client, change: &Value) {
        client.patch(&format!("/v1/contacts/{}", self.id), change).expect(200);
        let changed = client.get(&format!("/addressbook/contacts/{}", self.id)).expect(200);
        *self = Self::of(&changed["record"]);
    }

    fn delete(self, client: &Client) {
        client.delete(&format!("/v1/contacts/{}", self.id)).expect(204);
    }
}

/// Sort field and direction.
type Order = (&'static str, &'static str);

const ORDERS: [Order; 6] = [
    ("created_on", "ASC"),
    ("created_on", "DESC"),
    ("alias", "ASC"),
    ("alias", "DESC"),
    ("msisdn", "ASC"),
    ("msisdn", "DESC"),
];

/// The expected list.
fn sorted(records: &[Record], (field, direction): Order) -> Vec<Record> {
    let mut records = records.to_vec();
    match field {
        "created_on" => records.sort_by(|a, b| a.id.cmp(&b.id)),
        "alias" => records.sort_by(|a, b| a.alias.cmp(&b.alias)),
        _ => records.sort_by(|a, b| (&a.msisdn, &a.id).cmp(&(&b.msisdn, &b.id))),
    }
    if direction == "DESC" {
        records.reverse();
    }
    records
}

/// A page of the expected list.
fn slice(list: &[Record], offset: usize) -> &[Record] {
    let rest = &list[offset.min(list.len())..];
    &rest[..LIMIT.min(rest.len())]
}

/// A page as the service returns it.
fn page(client: &Client, (field, direction): Order, offset: usize) -> Vec<Record> {
    let query = format!("limit={LIMIT}&offset={offset}&sortField={field}&sortDir={direction}");
    let list = client.get(&format!("/addressbook/contacts?{query}")).expect(200);
    list["records"].as_array().unwrap().iter().map(Record::of).collect()
}

/// Reads pages in all orders, alternating between them.
fn check(client: &Client, records: &[Record], offsets: &[usize], why: &str) {
    let lists = ORDERS.map(|order| (order, sorted(records, order)));
    let mut pages: Vec<_> =
        lists.iter().flat_map(|list| offsets.iter().map(move |offset| (list, *offset))).collect();
    fastrand::shuffle(&mut pages);
    for ((order, list), offset) in pages {
        assert_eq!(page(client, *order, offset), slice(list, offset), "{why}: {order:?} {offset}");
    }
}

/// Names in random order; two contacts per number.
fn fill(client: &Client) -> Vec<Record> {
    let create = |i: usize| {
        Record::create(
            client,
            &format!("{:08x}-{i}", fastrand::u32(..)),
            &format!("4479{:08}", i % (CONTACTS / 2)),
        )
    };
    std::thread::scope(|scope| {
        let create = &create;
        let creators: Vec<_> = (0..CREATORS)
            .map(|first| {
                scope.spawn(move || (first..CONTACTS).step_by(CREATORS).map(create).collect::<Vec<_>>())
            })
            .collect();
        creators.into_iter().flat_map(|creator| creator.join().unwrap()).collect()
    })
}

on_both_databases! {
    fn deep_pages_equal_slices_of_the_list(service: &Service) {
        let (client, other) = (service.client(), service.client());
        let mut records = fill(&client);
        let offsets: Vec<usize> = (500..CONTACTS + 100).step_by(190).collect();
        check(&client, &records, &offsets, "at first");
        check(&client, &records, &offsets, "for the second time");

        let few = [600, 1_310, 2_390];
        Record::create(&other, "0", "14155550100");
        check(&client, &records, &few, "another account was written to");
        records.push(Record::create(&client, "!", "14155550100"));
        check(&client, &records, &few, "one more at the beginning");
        records.push(Record::create(&client, "~", "4915112345678"));
        check(&client, &records, &few, "one more at the end");
        for (order, at) in ORDERS.into_iter().zip([1_200, 600].into_iter().cycle()) {
            // Seek points refer to some of these contacts, too.
            let removed = sorted(&records, order).swap_remove(at);
            records.retain(|record| *record != removed);
            removed.delete(&client);
            check(&client, &records, &few, "one less");
        }
        let last = sorted(&records, ("alias", "DESC")).swap_remove(0);
        let renamed = records.iter_mut().find(|record| **record == last).unwrap();
        renamed.change(&client, &json!({"username": "0"}));
        check(&client, &records, &few, "the last one is among the first");
        let last = sorted(&records, ("msisdn", "DESC")).swap_remove(0);
        let moved = records.iter_mut().find(|record| **record == last).unwrap();
        moved.change(&client, &json!({"phone_number": "+14155550100"}));
        check(&client, &records, &few, "the last number is among the first");
    }

    /// Creates and deletes contacts before all deep pages and at the beginning of some: each page must belong to one
    /// version of the list.
    fn deep_pages_are_consistent_while_the_list_changes(service: &Service) {
        let client = service.client();
        let records = fill(&client);
        // The newest contact, hence the last one with its number.
        let guest = |alias: &str, msisdn: &str| {
            Record { id: "guest".to_owned(), alias: alias.to_owned(), msisdn: msisdn.to_owned() }
        };
        let before = |order| sorted(&records, order).swap_remove(999);
        let alias = before(("alias", "ASC")).alias + "!";
        let guests = [guest("!", "14155550100"), guest(&alias, &before(("msisdn", "ASC")).msisdn)];
        let mut pages = Vec::new();
        for order in [("alias", "ASC"), ("msisdn", "ASC"), ("created_on", "DESC")] {
            let [first, thousandth] = [0, 1].map(|guest| {
                sorted(&[&records[..], &guests[guest..=guest]].concat(), order)
            });
            assert!(order.0 == "created_on" || thousandth[1_000] == guests[1]);
            for offset in [1_000, 1_490, 2_000, 2_350] {
                let mut lists = [&sorted(&records, order), &first, &thousandth].map(|list| slice(list, offset).to_vec()).to_vec();
                // The ids of a page are read first: contacts deleted in between are missing.
                lists.push(lists[2].iter().filter(|record| record.id != "guest").cloned().collect());
                pages.push((order, offset, lists));
            }
        }
        let (done, read) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..READERS {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let (order, offset, lists) = &pages[fastrand::usize(..pages.len())];
                        let mut page = page(&client, *order, *offset);
                        for record in &mut page {
                            if guests.iter().any(|guest| guest.alias == record.alias) {
                                "guest".clone_into(&mut record.id);
                            }
                        }
                        assert!(lists.contains(&page), "{order:?} {offset}: {page:#?}");
                        read.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for round in 0..ROUNDS {
                let Record { id: _, alias, msisdn } = &guests[usize::from(round % 4 > 0)];
                let created = Record::create(&client, alias, msisdn);
                // Until some pages of this version have been read.
                std::thread::sleep(Duration::from_millis(fastrand::u64(10..40)));
                created.delete(&client);
                std::thread::sleep(Duration::from_millis(fastrand::u64(..20)));
            }
            done.store(true, Ordering::Relaxed);
        });
        println!("{} pages while {} contacts came and went", read.into_inner(), ROUNDS);
    }
}
