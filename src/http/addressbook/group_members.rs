//! The operations of `/addressbook/groups/{group}/contacts`, with their bodies.

use utoipa::openapi::schema::Array;

use super::contacts::Record;
use super::dialect::DIALECT;
use super::envelope::Deleted;
use super::groups::{self, invalid_name};
use super::operations;
use super::pagination::ContactWindow;
use super::records::RecordPage;
use crate::config::Limits;
use crate::domain::contact::fields::Handle;
use crate::domain::group::{GroupKey, MemberChange, MemberOp, MemberOutcome, MembersChanged};
use crate::domain::permission::granted::{ReadContacts, ReadGroups, UpdateGroups};
use crate::domain::{ContactKey, Error};
use crate::http::extract::Items;
use crate::http::extract::batch::{BatchItem, BatchList, parse_lists};
use crate::http::openapi::{examples, fields};
use crate::http::prelude::*;

/// The body is a list of changes.
static RESOURCE: ResourceDoc = ResourceDoc { argument: "changes", ..groups::RESOURCE };

/// The contacts to add to a group: 1 to 1,000 in all. A list that is null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddAddressBookGroupContacts)]
pub struct AddContacts {
    #[schema(schema_with = contacts, required = false)]
    contacts: Option<Items<String>>,
    #[schema(schema_with = aliases, required = false)]
    aliases: Option<Items<String>>,
}

fn contacts() -> Array {
    fields::group::batch(
        fields::id_or_phone("The id or the msisdn of a contact."),
        "The contacts to add, by id or msisdn.",
    )
}

fn aliases() -> Array {
    fields::group::batch(Handle::doc().accepted(), "The contacts to add, by alias.")
}

/// A contact, with the identifier as in the request.
pub struct RequestedContact {
    by_alias: bool,
    text: String,
    key: ContactKey,
}

impl Payload for AddContacts {
    type Command = Vec<RequestedContact>;

    const ITEMS: Option<fn(&Self::Command) -> usize> = Some(Vec::len);

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<Vec<RequestedContact>> {
        let Self { contacts, aliases } = self;
        let lists = [
            BatchList { name: "contacts", items: contacts, parse: ContactKey::parse },
            BatchList {
                name: "aliases",
                items: aliases,
                parse: |text| Handle::parse(text).map(ContactKey::Handle),
            },
        ];
        let requested = |item: BatchItem<ContactKey>| {
            let BatchItem { list, text, value } = item;
            RequestedContact { by_alias: list == "aliases", text, key: value }
        };
        Some(parse_lists("contacts and aliases", lists, violations)?.into_iter().map(requested).collect())
    }
}

/// The results of adding contacts to a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookGroupContactsAdded)]
pub struct ContactsAdded {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::group::shown_member_count, required = false)]
    member_count: Option<u64>,
    /// The result for each contact: first those of `contacts`, then those of `aliases`, each in the order of
    /// its list.
    results: Vec<ContactResult>,
}

/// The result for one contact, identified as in the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookGroupContactResult)]
pub struct ContactResult {
    /// The id or the msisdn, as in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "4479000000001")]
    contact: Option<String>,
    /// The alias, as in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "john")]
    alias: Option<String>,
    #[schema(schema_with = fields::group::outcome_of_adding)]
    outcome: MemberOutcome,
}

struct ListMembers(ContactWindow);

impl Parameters for ListMembers {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        ContactWindow::read(query).map(Self)
    }
}

/// Add contacts to a group
///
/// Adds up to 1,000 contacts to the group in one step. Each contact has its own result: a contact that does
/// not exist, or an msisdn that several contacts share, is reported as such and does not affect the others.
#[utoipa::path(
    post,
    path = "/addressbook/groups/{group}/contacts",
    operation_id = "addAddressBookGroupContacts"
)]
async fn add_contacts(
    authorized: Authorized<UpdateGroups>,
    visibility: Visibility<ReadGroups>,
    PathParam(group): PathParam<GroupKey>,
    body: Body<AddContacts>,
) -> HandlerResult {
    let items = body
        .command
        .iter()
        .map(|requested| MemberChange { op: MemberOp::Add, contact: requested.key.clone() });
    let MembersChanged { member_count, outcomes } =
        authorized.groups().change_members(group, items.collect()).await?;
    let result = |(contact, outcome): (RequestedContact, MemberOutcome)| {
        let RequestedContact { by_alias, text, key: _ } = contact;
        let (contact, alias) = if by_alias { (None, Some(text)) } else { (Some(text), None) };
        ContactResult { contact, alias, outcome }
    };
    let results = body.command.into_iter().zip(outcomes).map(result).collect();
    Ok(HttpResponse::Ok().json(ContactsAdded {
        success: true,
        member_count: visibility.filter(member_count),
        results,
    }))
}

/// List the contacts of a group
///
/// Returns a page of the contacts in the group, newest contact first, and their total number.
#[utoipa::path(
    get,
    path = "/addressbook/groups/{group}/contacts",
    operation_id = "listAddressBookGroupContacts"
)]
async fn list_contacts(
    authorized: Authorized<(ReadGroups, ReadContacts)>,
    PathParam(group): PathParam<GroupKey>,
    Query { command: ListMembers(ContactWindow { offset, limit }), .. }: Query<ListMembers>,
) -> HandlerResult {
    let page = authorized.groups().members(group, offset, limit).await?;
    Ok(HttpResponse::Ok().json(RecordPage::<Record>::new(page, offset, limit)))
}

/// Remove a contact from a group
///
/// Removes the contact from the group. The contact itself is not deleted.
#[utoipa::path(
    delete,
    path = "/addressbook/groups/{group}/contacts/{contact}",
    operation_id = "removeAddressBookGroupContact"
)]
async fn remove_contact(
    authorized: Authorized<UpdateGroups>,
    PathParam(group): PathParam<GroupKey>,
    PathParam(contact): PathParam<ContactKey>,
) -> HandlerResult {
    let items = vec![MemberChange { op: MemberOp::Remove, contact }];
    let changed = authorized.groups().change_members(group, items).await?;
    match changed.outcomes.first() {
        Some(MemberOutcome::Removed) => Ok(HttpResponse::Ok().json(Deleted { success: true })),
        Some(MemberOutcome::Ambiguous) => Err(ErrorCode::PhoneAmbiguous.into()),
        Some(MemberOutcome::NotMember) => Err(Error::no_such("contact in the group").into()),
        _ => Err(Error::no_such("contact").into()),
    }
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let result = |contact: Option<&str>, alias: Option<&str>, outcome| {
        let (contact, alias) = (contact.map(str::to_owned), alias.map(str::to_owned));
        ContactResult { contact, alias, outcome }
    };
    let added = ContactsAdded {
        success: true,
        member_count: Some(1),
        results: vec![
            result(Some(examples::MSISDN), None, MemberOutcome::Added),
            result(None, Some(examples::HANDLE), MemberOutcome::AlreadyMember),
        ],
    };
    let add = OperationDoc::of(&RESOURCE)
        .responds::<ContactsAdded>(200, "The result for each contact.", added)
        .request_example(
            "contacts",
            "The same contact twice: by its number and by its alias",
            json!({"contacts": [examples::MSISDN], "aliases": [examples::HANDLE]}),
        )
        .example_violation(FieldViolation::at("contacts.0", Violation::NotContactKey));
    let list = operations::lists(&groups::RESOURCE, Record::from(examples::contact()))
        .example_violation(invalid_name());
    let remove = operations::deletes(&groups::RESOURCE)
        .describe(200, "The contact was removed from the group.")
        .errors(&[ErrorCode::PhoneAmbiguous])
        .example_violation(FieldViolation::at("contact", Violation::NotContactKey));
    table
        .protected(&DIALECT, __path_add_contacts, add_contacts, add)
        .protected(&DIALECT, __path_list_contacts, list_contacts, list)
        .protected(&DIALECT, __path_remove_contact, remove_contact, remove)
}
