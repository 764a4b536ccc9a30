//! A user of the generated Rust client.

use std::fmt::Debug;
use std::time::Duration;

use openapi::apis::address_book_api as book;
use openapi::apis::address_book_audiences_api as book_audiences;
use openapi::apis::address_book_groups_api as book_groups;
use openapi::apis::audiences_api as audiences;
use openapi::apis::configuration::Configuration;
use openapi::apis::contacts_api as contacts;
use openapi::apis::fields_api as fields;
use openapi::apis::groups_api as groups;
use openapi::apis::imports_api as imports;
use openapi::apis::opt_outs_api as opt_outs;
use openapi::apis::segments_api as segments;
use openapi::apis::{Error, ResponseContent};
use openapi::models::{
    AddressBookError, ApplyContactBatch, AudienceItem, AudienceTemplate, BatchMode, ChangeMembers,
    CommitImport, ContactBatchCounts, ContactBatchItem, ContactImport, ContactList, ContactMatchBy,
    CreateAddressBookRecord, CreateAudience, CreateContact, CreateGroup, CreateImport, CreateOptOut,
    CreateSegment, DeclareField, Expand,
    ResolveAddressBookAliases, SortDirection, SortField, UpdateAddressBookRecord, UpdateContact, V1Error,
};
use serde_json::json;

const NUMBER: &str = "4479000000002";

fn passed(step: &str) {
    println!("ok {step}");
}

/// The typed error of a call that fails. (The operation's own error is a choice of one type a status of
/// which the first fits all, whatever the status is; so the body is read again.)
fn problem<T: Debug, E: Debug, P: serde::de::DeserializeOwned>(
    status: u16,
    result: Result<T, Error<E>>,
) -> P {
    match result {
        Err(Error::ResponseError(ResponseContent { status: seen, content, entity: Some(_) }))
            if seen == status =>
        {
            serde_json::from_str(&content).expect("the typed error")
        }
        other => panic!("{other:?}"),
    }
}

/// The import, as soon as it is in a state.
async fn reached(client: &Configuration, id: &str, state: &str) -> ContactImport {
    for _ in 0..200 {
        let current = imports::get_import(client, id).await.expect("an import");
        if current.state == state {
            return current;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not {state}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let stranger = Configuration { base_path: arguments.next().expect("the address"), ..Default::default() };
    let client = &Configuration { bearer_access_token: arguments.next(), ..stranger.clone() };

    let mut contact = CreateContact::new("ann".into(), "+44 20 7946 0001".into());
    contact.display_name = Some("Ann".into());
    contact.meta = Some([("CITY".into(), json!("London"))].into());
    let ann = contacts::create_contact(client, contact.clone(), Some("ann-1")).await.expect("a contact");
    assert_eq!((&*ann.username, &*ann.phone_number), ("ann", "+442079460001"));
    let id = &ann.id.to_string();
    passed("create a contact");

    let record = CreateAddressBookRecord::new("ben".into(), NUMBER.into());
    let ben = book::create_address_book_contact(client, record, None).await.expect("a contact").record;
    assert_eq!((&*ben.alias, &*ben.msisdn), ("ben", NUMBER));
    passed("create an address book contact");

    assert_eq!(contacts::get_contact(client, id, None, None).await.expect("a contact"), ann);
    assert_eq!((&ann.meta["CITY"], &ann.avatar_url), (&json!("London"), &None));
    passed("read the contact");

    assert_eq!(book::get_address_book_contact(client, NUMBER).await.expect("a contact").record, ben);
    passed("read the address book contact by its number");

    let page = contacts::list_contacts(client, Some(1), None, None, None, None, None, None, None, None, None, None, None, None, None);
    let page = page.await.expect("a page");
    assert!(page.has_more && page.data.len() == 1 && page.data[0].id == ben.id, "{page:?}");
    passed("list the first page");

    let after = ben.id.to_string();
    let page = contacts::list_contacts(client, Some(1), Some(&after), None, None, None, None, None, None, None, None, None, None, None, None);
    let page = page.await.expect("a page");
    assert_eq!((page.has_more, &*page.data), (false, &[ann][..]));
    passed("list the second page");

    let (field, direction) = (SortField::Alias, SortDirection::Asc);
    let list = book::list_address_book_contacts(client, Some(field), Some(direction), None, Some(1), None, None, None, None);
    let list = list.await.expect("a page");
    assert!(list.total == 2 && list.records.len() == 1 && list.records[0].alias == "ann", "{list:?}");
    passed("list the address book");

    let changes = UpdateContact {
        display_name: Some(Some("Annie".into())),
        meta: Some(Some([("CITY".into(), json!("Paris"))].into())),
        ..Default::default()
    };
    let changed = contacts::update_contact(client, id, changes, Some("*")).await.expect("the contact");
    assert_eq!((changed.display_name.as_deref(), &changed.meta.expect("meta")["CITY"]), (Some("Annie"), &json!("Paris")));
    passed("update the contact");

    let changes = UpdateContact { display_name: Some(None), ..Default::default() };
    let changed = contacts::update_contact(client, id, changes, None).await.expect("the contact");
    assert_eq!(changed.display_name.as_deref(), Some("ann"));
    passed("clear a member with null");

    let rename = UpdateAddressBookRecord { alias: Some("benny".into()), ..Default::default() };
    let renamed = book::update_address_book_contact(client, NUMBER, rename).await.expect("the contact");
    assert_eq!(renamed.record.expect("the contact").alias, "benny");
    passed("update the address book contact");

    // With a name of nothing but blanks.
    let bad = CreateContact::new(" ".into(), NUMBER.into());
    let violation: V1Error = problem(400, contacts::create_contact(client, bad, None).await);
    assert_eq!(violation.error.code, "validation_failed");
    let details = violation.error.details.expect("details");
    assert_eq!((&*details[0].field, &*details[0].code), ("username", "blank"));
    let bad = CreateAddressBookRecord::new(" ".into(), NUMBER.into());
    let violation: AddressBookError = problem(400, book::create_address_book_contact(client, bad, None).await);
    assert_eq!(violation.error.name, "ValidationError");
    passed("get a typed validation error");

    let violation: V1Error = problem(409, contacts::create_contact(client, contact, None).await);
    assert_eq!(violation.error.code, "username_taken");
    let taken = CreateAddressBookRecord::new("ann".into(), NUMBER.into());
    let violation: AddressBookError = problem(409, book::create_address_book_contact(client, taken, None).await);
    assert_eq!(violation.error.name, "ConflictError");
    passed("get a typed conflict");

    contacts::delete_contact(client, id, None).await.expect("deleted");
    let violation: V1Error = problem(404, contacts::get_contact(client, id, None, None).await);
    assert_eq!(violation.error.code, "not_found");
    assert!(book::delete_address_book_contact(client, NUMBER).await.expect("deleted").success);
    passed("delete both");

    let refused = contacts::list_contacts(&stranger, None, None, None, None, None, None, None, None, None, None, None, None, None, None).await;
    assert_eq!(problem::<_, _, V1Error>(401, refused).error.code, "unauthorized");
    let refused = book::list_address_book_contacts(&stranger, None, None, None, None, None, None, None, None).await;
    assert_eq!(problem::<_, _, AddressBookError>(401, refused).error.name, "UnauthorizedError");
    passed("get a typed error without a key");

    let mut contact = CreateContact::new("cat".into(), "+44 7900 000003".into());
    contact.meta = Some([("NAME".into(), json!("Cat"))].into());
    let cat = contacts::create_contact(client, contact, None).await.expect("a contact");
    let group =
        groups::create_group(client, CreateGroup::new("friends".into()), None).await.expect("a group");
    let joining = ChangeMembers { add: Some(vec![cat.id]), ..Default::default() };
    let members =
        groups::change_group_members(client, &group.id.to_string(), joining).await.expect("members");
    assert_eq!((members.member_count, &*members.data[0].outcome), (Some(1), "added"));
    let expanded = contacts::get_contact(client, &cat.id.to_string(), Some(Expand::Groups), None).await;
    assert_eq!(expanded.expect("a contact").groups.expect("groups")[0].name, "friends");
    let grouped =
        book_groups::list_address_book_group_contacts(client, "friends", None, None).await.expect("a page");
    assert_eq!(grouped.records[0].alias, "cat");
    let number = CreateOptOut::new("0044 7900 000003".into());
    let opt_out = opt_outs::create_opt_out(client, number, None).await.expect("an opt-out");
    assert_eq!(opt_out.phone_number, cat.phone_number);
    passed("group a contact and opt its number out");

    let friends = AudienceItem { group: Some("friends".into()), ..Default::default() };
    let greeting = AudienceTemplate { text: Some("Hello {{NAME}}!".into()), ..Default::default() };
    let mut wanted = CreateAudience::new(vec![friends]);
    wanted.template = Some(Box::new(greeting));
    let audience = audiences::create_audience(client, wanted.clone(), None).await.expect("an audience");
    assert_eq!((audience.counts.excluded, &*audience.exclusions[0].reason), (1, "opted_out"));
    opt_outs::delete_opt_out(client, &opt_out.phone_number).await.expect("taken back");
    let audience = audiences::create_audience(client, wanted.clone(), None).await.expect("an audience");
    assert_eq!((audience.id, audience.recipients[0].text.as_deref()), (None, Some("Hello Cat!")));
    wanted.keep = Some(true);
    let kept = audiences::create_audience(client, wanted, None).await.expect("an audience");
    let id = kept.id.expect("an id").to_string();
    let recipients = audiences::list_audience_recipients(client, &id, None, None).await.expect("a page");
    assert_eq!(recipients.data[0].text.as_deref(), Some("Hello Cat!"));
    passed("resolve an audience");

    let mut aliases = ResolveAddressBookAliases::new(vec!["cat".into()]);
    aliases.template = Some("Hello {{NAME}}!".into());
    aliases.fields = Some([("cat".into(), [("NAME".into(), json!("Kitty"))].into())].into());
    let resolved = book_audiences::resolve_address_book_aliases(client, aliases).await.expect("an answer");
    assert_eq!(resolved.records[0].text.as_deref(), Some("Hello Kitty!"));
    passed("resolve aliases with fields of their own");

    // Eve is new, Dan is there already, and Fay lacks a phone number.
    let dan = CreateContact::new("dan".into(), "+44 7900 000004".into());
    let dan = contacts::create_contact(client, dan, None).await.expect("a contact");
    let item = |username: &str| ContactBatchItem { username: Some(username.into()), ..Default::default() };
    let items = vec![
        ContactBatchItem { phone_number: Some("+44 7900 000005".into()), ..item("eve") },
        ContactBatchItem { display_name: Some(Some("Daniel".into())), ..item("dan") },
        item("fay"),
    ];
    let mut batch = ApplyContactBatch::new(BatchMode::Upsert, items);
    batch.match_by = Some(ContactMatchBy::Username);
    let applied = contacts::apply_contact_batch(client, batch, None).await.expect("results");
    assert_eq!(*applied.counts, ContactBatchCounts { created: 1, updated: 1, unchanged: 0, failed: 1 });
    let results: Vec<_> = applied.results.iter().map(|result| (result.index, &*result.status)).collect();
    assert_eq!(results, [(0, "created"), (1, "updated"), (2, "failed")]);
    let failed = applied.results[2].error.as_ref().expect("an error");
    let details = failed.details.as_ref().expect("details");
    assert_eq!((&*failed.code, &*details[0].field), ("validation_failed", "phone_number"));
    let changed = contacts::get_contact(client, &dan.id.to_string(), None, None).await.expect("a contact");
    assert_eq!(changed.display_name, "Daniel");
    passed("apply a batch");

    let ids = |page: &ContactList| page.data.iter().map(|contact| contact.id).collect::<Vec<_>>();
    let key = DeclareField::new("NAME".into(), "text".into());
    let mut field = fields::declare_field(client, key, None).await.expect("a field");
    while field.state != "ready" {
        tokio::time::sleep(Duration::from_millis(50)).await;
        field = fields::get_field(client, &field.id.to_string()).await.expect("a field");
    }
    let page = contacts::list_contacts(
        client, None, None, None, None, None, None, None, None, Some("ani"), None, None, None, None, None,
    );
    let page = page.await.expect("a page");
    assert_eq!((&*ids(&page), page.data[0].match_type.as_deref()), (&[dan.id][..], Some("part")));
    // Dan has no NAME, and so comes last.
    let filter = "meta.NAME = \"Cat\" OR username = \"dan\"";
    let page = contacts::list_contacts(
        client, None, None, None, None, None, None, None, Some(filter), None, None, None, None, Some("meta.NAME"),
        None,
    );
    assert_eq!(ids(&page.await.expect("a page")), [cat.id, dan.id]);
    let matching = contacts::count_contacts(client, None, None, None, None, Some(filter));
    assert_eq!(matching.await.expect("a number").count, 2);
    let chosen = CreateSegment::new("chosen".into(), filter.into());
    let segment = segments::create_segment(client, chosen, None).await.expect("a segment");
    let id = segment.id.to_string();
    let members = segments::list_segment_members(client, &id, None, None, None, None);
    assert_eq!(ids(&members.await.expect("a page")), [dan.id, cat.id]);
    passed("find contacts");

    let upsert = CreateImport { mode: Some("upsert".into()), ..Default::default() };
    let id = &imports::create_import(client, upsert, None).await.expect("an import").id.to_string();
    let file = std::env::temp_dir().join(format!("{id}.csv"));
    let rows = "username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n";
    std::fs::write(&file, rows).expect("a file");
    imports::put_import_file(client, id, file.clone()).await.expect("received");
    std::fs::remove_file(file).expect("removed");
    let planned = reached(client, id, "planned").await;
    assert_eq!((planned.counts.rows, planned.counts.create, planned.counts.reject), (3, 2, 1));
    let plan = CommitImport::new(planned.digest.expect("a digest"));
    imports::commit_import(client, id, plan).await.expect("begun");
    assert_eq!(reached(client, id, "committed").await.counts.applied, 2);
    let page = contacts::list_contacts(client, None, None, None, Some("gil"), None, None, None, None, None, None, None, None, None, None);
    let gil = page.await.expect("a page").data.remove(0);
    assert_eq!(gil.phone_number, "+447900000006");
    imports::undo_import(client, id).await.expect("begun");
    assert_eq!(reached(client, id, "undone").await.counts.undone, 2);
    let gone = contacts::get_contact(client, &gil.id.to_string(), None, None).await;
    let violation: V1Error = problem(404, gone);
    assert_eq!(violation.error.code, "not_found");
    passed("import a file");
}
