//! A user of the client that progenitor makes: a builder an operation, and a type a member that has limits.

use std::fmt::Debug;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;
use types::{
    AddressBookError, ApplyContactBatch, AudienceItem, AudienceTemplate, BatchMode, ChangeMembers,
    CommitImport, ContactBatchCounts, ContactBatchItem, ContactImport, ContactList, ContactMatchBy, ContactMeta,
    CreateAddressBookRecord, CreateAudience, CreateContact, CreateGroup, CreateImport, CreateOptOut,
    CreateSegment, DeclareField, Expand,
    ResolveAddressBookAliases, SortDirection, SortField, UpdateAddressBookRecord, UpdateContact, V1Error,
};

progenitor::generate_api!(spec = "openapi.json", interface = Builder, derives = [PartialEq]);

const NUMBER: &str = "4479000000002";

fn passed(step: &str) {
    println!("ok {step}");
}

/// The typed error of a call that fails.
fn problem<T: Debug, E: Debug>(status: u16, result: Result<T, Error<E>>) -> E {
    match result {
        Err(Error::ErrorResponse(response)) if response.status() == status => response.into_inner(),
        other => panic!("{other:?}"),
    }
}

fn meta(name: &str, value: &str) -> ContactMeta {
    json!({name: value}).as_object().expect("an object").clone().into()
}

fn contact(username: &str, number: &str) -> types::builder::CreateContact {
    CreateContact::builder().username(username).phone_number(number)
}

fn record(alias: &str) -> types::builder::CreateAddressBookRecord {
    CreateAddressBookRecord::builder().alias(alias).msisdn(NUMBER)
}

/// The import, as soon as it is in a state.
async fn reached(client: &Client, id: uuid::Uuid, state: &str) -> ContactImport {
    for _ in 0..200 {
        let current = client.get_import().id(id).send().await.expect("an import").into_inner();
        if current.state.as_str() == state {
            return current;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not {state}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the address");
    let key = format!("Bearer {}", arguments.next().expect("the key"));
    let headers = HeaderMap::from_iter([(AUTHORIZATION, key.parse().expect("a header"))]);
    let http = reqwest::Client::builder().default_headers(headers).build().expect("a client");
    let client = Client::new_with_client(&url, http);
    let stranger = Client::new(&url);

    let new = contact("ann", "+44 20 7946 0001").display_name(Some("Ann".parse().expect("a name")));
    let new = new.meta(Some(meta("CITY", "London")));
    let ann = client.create_contact().idempotency_key("ann-1").body(new.clone()).send().await;
    let ann = ann.expect("a contact").into_inner();
    assert_eq!((ann.username.as_str(), ann.phone_number.as_str()), ("ann", "+442079460001"));
    passed("create a contact");

    let ben = client.create_address_book_contact().body(record("ben")).send().await;
    let ben = ben.expect("a contact").into_inner().record;
    assert_eq!((ben.alias.as_str(), ben.msisdn.as_str()), ("ben", NUMBER));
    passed("create an address book contact");

    let read = client.get_contact().id(ann.id).send().await.expect("a contact").into_inner();
    assert_eq!(read, ann);
    assert_eq!((&ann.meta["CITY"], &ann.avatar_url), (&json!("London"), &None));
    passed("read the contact");

    let read =
        client.get_address_book_contact().contact(NUMBER).send().await.expect("a contact").into_inner();
    assert_eq!(read.record, ben);
    passed("read the address book contact by its number");

    let page = client.list_contacts().limit(1).send().await.expect("a page").into_inner();
    assert!(page.has_more && page.data.len() == 1 && page.data[0].id == ben.id, "{page:?}");
    passed("list the first page");

    let page =
        client.list_contacts().limit(1).starting_after(ben.id).send().await.expect("a page").into_inner();
    assert_eq!((page.has_more, &*page.data), (false, &[ann.clone()][..]));
    passed("list the second page");

    let list = client.list_address_book_contacts();
    let list = list.sort_field(SortField::Alias).sort_dir(SortDirection::Asc).limit(1).send().await;
    let list = list.expect("a page").into_inner();
    assert!(list.total == 2 && list.records.len() == 1 && *list.records[0].alias == "ann", "{list:?}");
    passed("list the address book");

    // What may be null has no type of its own in the OpenAPI 3.0 document.
    let changes = UpdateContact::builder()
        .display_name(Some("Annie".parse().expect("a name")))
        .meta(meta("CITY", "Paris").0);
    let changed = client.update_contact().id(ann.id).if_match("*").body(changes).send().await;
    let changed = changed.expect("the contact").into_inner();
    assert_eq!((changed.display_name.as_deref().map(String::as_str), &changed.meta.expect("meta")["CITY"]), (Some("Annie"), &json!("Paris")));
    passed("update the contact");

    println!("cannot clear a member with null: the generated types omit null members");

    let rename = UpdateAddressBookRecord::builder().alias(Some("benny".parse().expect("a name")));
    let renamed = client.update_address_book_contact().contact(NUMBER).body(rename).send().await;
    assert_eq!(&*renamed.expect("an answer").into_inner().record.expect("the contact").alias, "benny");
    passed("update the address book contact");

    // With a name of nothing but blanks.
    let violation: V1Error = problem(400, client.create_contact().body(contact(" ", NUMBER)).send().await);
    assert_eq!(violation.error.code, "validation_failed");
    assert_eq!(
        (violation.error.details[0].field.as_str(), violation.error.details[0].code.as_str()),
        ("username", "blank")
    );
    let violation: AddressBookError =
        problem(400, client.create_address_book_contact().body(record(" ")).send().await);
    assert_eq!(violation.error.name, "ValidationError");
    passed("get a typed validation error");

    let violation = problem(409, client.create_contact().body(new).send().await);
    assert_eq!(violation.error.code, "username_taken");
    let violation = problem(409, client.create_address_book_contact().body(record("ann")).send().await);
    assert_eq!(violation.error.name, "ConflictError");
    passed("get a typed conflict");

    client.delete_contact().id(ann.id).send().await.expect("deleted");
    let violation = problem(404, client.get_contact().id(ann.id).send().await);
    assert_eq!(violation.error.code, "not_found");
    let deleted = client.delete_address_book_contact().contact(NUMBER).send().await.expect("deleted");
    assert!(deleted.success);
    passed("delete both");

    let violation = problem(401, stranger.list_contacts().send().await);
    assert_eq!(violation.error.code, "unauthorized");
    let violation = problem(401, stranger.list_address_book_contacts().send().await);
    assert_eq!(violation.error.name, "UnauthorizedError");
    passed("get a typed error without a key");

    let new = contact("cat", "+44 7900 000003").meta(Some(meta("NAME", "Cat")));
    let cat = client.create_contact().body(new).send().await.expect("a contact").into_inner();
    let group = client.create_group().body(CreateGroup::builder().name("friends")).send().await;
    let group = group.expect("a group").into_inner();
    let joining = ChangeMembers::builder().add(vec![cat.id]);
    let members = client.change_group_members().id(group.id).body(joining).send().await.expect("members");
    assert_eq!((members.member_count, members.data[0].outcome.as_str()), (Some(1), "added"));
    let expanded = client.get_contact().id(cat.id).expand(Expand::Groups).send().await.expect("a contact");
    assert_eq!(expanded.groups[0].name.as_str(), "friends");
    let grouped = client.list_address_book_group_contacts().group("friends").send().await.expect("a page");
    assert_eq!(grouped.records[0].alias.as_str(), "cat");
    let number = CreateOptOut::builder().phone_number("0044 7900 000003");
    let opt_out = client.create_opt_out().body(number).send().await.expect("an opt-out").into_inner();
    assert_eq!(opt_out.phone_number.as_str(), cat.phone_number.as_str());
    passed("group a contact and opt its number out");

    let friends: AudienceItem =
        AudienceItem::builder().group(Some("friends".parse().expect("a name"))).try_into().expect("an item");
    let greeting: AudienceTemplate = AudienceTemplate::builder()
        .text(Some("Hello {{NAME}}!".parse().expect("a text")))
        .try_into()
        .expect("a text");
    let wanted = CreateAudience::builder().recipients(vec![friends]).template(Some(greeting));
    let audience = client.create_audience().body(wanted.clone()).send().await.expect("an audience");
    assert_eq!((audience.counts.excluded, audience.exclusions[0].reason.as_str()), (1, "opted_out"));
    client.delete_opt_out().opt_out(opt_out.phone_number.as_str()).send().await.expect("taken back");
    let audience = client.create_audience().body(wanted.clone()).send().await.expect("an audience");
    assert_eq!((audience.id, audience.recipients[0].text.as_deref()), (None, Some("Hello Cat!")));
    let kept = client.create_audience().body(wanted.keep(true)).send().await.expect("an audience");
    let recipients =
        client.list_audience_recipients().id(kept.id.expect("an id")).send().await.expect("a page");
    assert_eq!(recipients.data[0].text.as_deref(), Some("Hello Cat!"));
    passed("resolve an audience");

    let fields = [("cat".to_owned(), meta("NAME", "Kitty"))];
    let aliases = ResolveAddressBookAliases::builder()
        .aliases(vec!["cat".parse().expect("a name")])
        .template(Some("Hello {{NAME}}!".parse().expect("a text")))
        .fields(std::collections::HashMap::from(fields));
    let resolved = client.resolve_address_book_aliases().body(aliases).send().await.expect("an answer");
    assert_eq!(resolved.records[0].text.as_deref(), Some("Hello Kitty!"));
    passed("resolve aliases with fields of their own");

    // Eve is new, Dan is there already, and Fay lacks a phone number.
    let dan = client.create_contact().body(contact("dan", "+44 7900 000004")).send().await.expect("a contact");
    let item = |username: &str| ContactBatchItem::builder().username(Some(username.parse().expect("a name")));
    let eve = item("eve").phone_number(Some("+44 7900 000005".parse().expect("a number")));
    let daniel = item("dan").display_name(Some("Daniel".parse().expect("a name")));
    let items = [eve, daniel, item("fay")].map(|item| item.try_into().expect("an item"));
    let batch = ApplyContactBatch::builder()
        .mode(BatchMode::Upsert)
        .match_by(ContactMatchBy::Username)
        .contacts(Vec::from(items));
    let applied = client.apply_contact_batch().body(batch).send().await.expect("results");
    assert_eq!(applied.counts, ContactBatchCounts { created: 1, updated: 1, unchanged: 0, failed: 1 });
    let results: Vec<_> = applied.results.iter().map(|result| (result.index, &**result.status)).collect();
    assert_eq!(results, [(0, "created"), (1, "updated"), (2, "failed")]);
    let failed = applied.results[2].error.as_ref().expect("an error");
    assert_eq!((&*failed.code, &*failed.details[0].field), ("validation_failed", "phone_number"));
    let changed = client.get_contact().id(dan.id).send().await.expect("a contact");
    assert_eq!(changed.display_name.as_str(), "Daniel");
    passed("apply a batch");

    let ids = |page: &ContactList| page.data.iter().map(|contact| contact.id).collect::<Vec<_>>();
    let key = DeclareField::builder().key("NAME").type_("text");
    let mut field = client.declare_field().body(key).send().await.expect("a field").into_inner();
    while field.state.as_str() != "ready" {
        tokio::time::sleep(Duration::from_millis(50)).await;
        field = client.get_field().id(field.id).send().await.expect("a field").into_inner();
    }
    let page = client.list_contacts().search("ani").send().await.expect("a page").into_inner();
    assert_eq!(ids(&page), [dan.id]);
    assert_eq!(page.data[0].match_type.as_deref().map(String::as_str), Some("part"));
    // Dan has no NAME, and so comes last.
    let filter = "meta.NAME = \"Cat\" OR username = \"dan\"";
    let page = client.list_contacts().filter(filter).order_by("meta.NAME").send().await.expect("a page");
    assert_eq!(ids(&page), [cat.id, dan.id]);
    assert_eq!(client.count_contacts().filter(filter).send().await.expect("a number").count, 2);
    let chosen = CreateSegment::builder().name("chosen").filter(filter);
    let segment = client.create_segment().body(chosen).send().await.expect("a segment");
    let page = client.list_segment_members().id(segment.id).send().await.expect("a page");
    assert_eq!(ids(&page), [dan.id, cat.id]);
    passed("find contacts");

    let upsert = CreateImport::builder().mode(Some("upsert".parse().expect("a mode")));
    let id = client.create_import().body(upsert).send().await.expect("an import").id;
    let file = "username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n";
    client.put_import_file().id(id).body(file).send().await.expect("received");
    let planned = reached(&client, id, "planned").await;
    assert_eq!((planned.counts.rows, planned.counts.create, planned.counts.reject), (3, 2, 1));
    let plan = CommitImport::builder().digest(planned.digest.expect("a digest").as_str());
    client.commit_import().id(id).body(plan).send().await.expect("begun");
    assert_eq!(reached(&client, id, "committed").await.counts.applied, 2);
    let page = client.list_contacts().username("gil").send().await.expect("a page");
    assert_eq!(page.data[0].phone_number.as_str(), "+447900000006");
    client.undo_import().id(id).send().await.expect("begun");
    assert_eq!(reached(&client, id, "undone").await.counts.undone, 2);
    let violation = problem(404, client.get_contact().id(page.data[0].id).send().await);
    assert_eq!(violation.error.code, "not_found");
    passed("import a file");
}
