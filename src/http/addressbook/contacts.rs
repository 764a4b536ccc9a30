//! `/addressbook/contacts`, and the same under `/contacts`.

use utoipa::openapi::schema::Object;

use super::dialect::DIALECT;
use super::envelope::Deleted;
use super::names::PROPERTIES;
use super::operations::{self, invalid_direction};
use super::pagination::{offset, sort_direction, sort_field};
use super::records::{RecordDoc, RecordPage, RecordResponse, RecordUpdated, UpdatableDoc};
use crate::domain::contact::fields::{Handle, Meta};
use crate::domain::contact::{ContactFilter, ContactOffsetQuery, ContactSort, OrderedOffsetQuery};
use crate::domain::filter::{ContactOrder, Filter};
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateContacts, DeleteContacts, ReadContacts, UpdateContacts};
use crate::domain::precondition::Precondition;
use crate::domain::search::{Found, MatchType};
use crate::domain::{Contact, ContactId, ContactKey, ContactPatch, Field, NewContact};
use crate::http::extract::meta::{MetaObject, changed_meta, new_meta};
use crate::http::openapi::fields::contact::Msisdn;
use crate::http::openapi::fields::filter::{self, HasFilter};
use crate::http::openapi::{examples, fields};
use crate::http::order;
use crate::http::prelude::*;
use crate::http::response;
use crate::http::search::Search;

const CREATE: &str = "createAddressBookContact";

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: None, noun: "contact", argument: "contact", versioned: false };

/// A new contact. `alias` and `msisdn` are required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAddressBookRecord)]
pub struct CreateRecord {
    #[validate(required)]
    alias: Required<Handle>,
    #[validate(required)]
    msisdn: Required<Msisdn>,
    #[schema(schema_with = fields::meta, required = false)]
    meta: Option<MetaObject>,
}

impl Payload for CreateRecord {
    type Command = NewContact;

    fn into_command(self, violations: &mut Violations) -> Option<NewContact> {
        let handle = violations.read("alias", self.alias);
        let msisdn = violations.read("msisdn", self.msisdn);
        let meta = new_meta(self.meta, violations);
        let (handle, Msisdn(phone), meta) = (handle?, msisdn?, meta?);
        Some(NewContact { handle, phone, display_name: None, avatar_url: None, meta })
    }
}

/// The changes to a contact. An absent member keeps its value, a value sets it. Null clears `meta`; `alias`
/// and `msisdn` cannot be cleared, and null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateAddressBookRecord)]
pub struct UpdateRecord {
    pub(super) alias: Optional<Handle>,
    pub(super) msisdn: Optional<Msisdn>,
    #[serde(default)]
    #[schema(schema_with = fields::meta_patch, required = false)]
    pub(super) meta: Patch<MetaObject>,
}

impl Payload for UpdateRecord {
    type Command = ContactPatch;

    fn into_command(self, violations: &mut Violations) -> Option<ContactPatch> {
        Some(ContactPatch {
            handle: violations.read("alias", self.alias),
            phone: violations.read("msisdn", self.msisdn).map(|Msisdn(phone)| phone),
            display_name: None,
            avatar_url: None,
            meta: changed_meta(self.meta, violations),
        })
    }
}

/// A contact in the address book dialect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookRecord)]
pub struct Record {
    id: ContactId,
    alias: Handle,
    msisdn: Msisdn,
    #[schema(schema_with = fields::meta)]
    meta: Meta,
    /// The time at which the contact was created, in UTC with millisecond precision.
    created_on: Timestamp,
    /// The time at which the contact was last changed, in UTC with millisecond precision.
    updated_on: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    match_type: Option<MatchType>,
}

impl From<Contact> for Record {
    fn from(contact: Contact) -> Self {
        let Contact {
            id,
            handle,
            phone,
            display_name: _, // of v1 alone
            avatar_url: _,   // of v1 alone
            meta,
            created_at,
            updated_at,
            version: _, // of v1 alone
        } = contact;
        Self {
            id,
            alias: handle,
            msisdn: Msisdn(phone),
            meta,
            created_on: created_at,
            updated_on: updated_at,
            match_type: None,
        }
    }
}

impl From<Found> for Record {
    fn from(found: Found) -> Self {
        let Found { contact, match_type } = found;
        Self { match_type: Some(match_type), ..contact.into() }
    }
}

impl RecordDoc for Record {
    const NOUN: &'static str = "contact";
    const RESPONSE: &'static str = "AddressBookRecordAnswer";
    const PAGE: &'static str = "AddressBookRecordList";
    const TOTAL: &'static str = ", on all pages of the list; with `search`, only the last page has it, and any other one more than \
                                 the contacts up to its end";
}

impl UpdatableDoc for Record {
    const UPDATED: &'static str = "AddressBookRecordUpdated";
}

pub struct ListRecords {
    query: ContactOffsetQuery,
    filter: Option<Filter>,
    search: Option<Search>,
    order: Option<ContactOrder>,
}

const SEARCH: &str = "Only contacts that have each of these words, in any order: as a part of the alias or of a text in `meta`, \
                      or, of digits, as the beginning or the end of the msisdn. Case and marks do not matter (`jose` finds \
                      José, `lukasz` finds Łukasz); words of one or two characters match beginnings of words. The best \
                      matches come first, among equals the newest, whatever `sortField` and `sortDir` say. `offset` and \
                      `limit` together may then be at most 1000.";

const ORDER: &str =
    "It takes the place of `sortField` and `sortDir`, whatever they say. Not together with `search`.";

impl HasFilter for ListRecords {
    fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }
}

impl Parameters for ListRecords {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] =
        &[Self::GROUPS, Self::OPT_OUTS, Self::SEGMENTS];

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let field = sort_field(query, "SortField", "created_on, alias, msisdn", |text| match text {
            "created_on" => Some(ContactSort::CreatedOn),
            "alias" => Some(ContactSort::Handle),
            "msisdn" => Some(ContactSort::Phone),
            _ => None,
        });
        let direction = sort_direction(query);
        let offset = offset(query, "contacts");
        let limit = query.limit();
        let filter = filter::parameter(query, &PROPERTIES);
        let search = Search::read(query, SEARCH, None);
        let order = order::read(query, &PROPERTIES, ORDER, search.as_ref().map(|_| "search"));
        let query =
            ContactOffsetQuery { field: field?, direction: direction?, offset: offset?, limit: limit? };
        Some(Self { query, filter, search, order })
    }
}

impl PathValue for ContactKey {
    const NAME: &'static str = "contact";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text)
    }

    fn schema() -> Object {
        fields::id_or_phone("The id or the msisdn of the contact.")
    }
}

/// Create a contact
///
/// Creates a contact. Contacts can be referenced later when sending messages using aliases, batch campaigns,
/// or templates. The alias must not be in use; several contacts may share an msisdn.
#[utoipa::path(post, path = "/addressbook/contacts", operation_id = CREATE)]
async fn create_record(
    authorized: Authorized<CreateContacts>,
    body: IdempotentBody<CreateRecord>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let may_read = authorized.may(Permission::ReadContacts);
    let Created { resource: contact, replayed } =
        authorized.contacts().create(new, idempotent, may_read).await?;
    Ok(response::idempotent(HttpResponse::Ok(), replayed).json(RecordResponse::<Record>::new(contact)))
}

/// List contacts
///
/// Returns a page of the contacts, newest first by default, and the total number of contacts. With `filter`, both are of
/// those that match.
///
/// With `search`, the best matches come first, and each contact has a `match_type`. A search finds whatever was acknowledged
/// before it.
#[utoipa::path(get, path = "/addressbook/contacts", operation_id = "listAddressBookContacts")]
async fn list_records(
    authorized: Authorized<ReadContacts>,
    Query { command: ListRecords { query, filter, search, order }, .. }: Query<ListRecords>,
) -> HandlerResult {
    if let Some(order) = order {
        let filter = filter.map(ContactFilter::from).unwrap_or_default();
        let ContactOffsetQuery { field: _, direction: _, offset, limit } = query;
        let query = OrderedOffsetQuery { order, filter, offset, limit };
        let page = authorized.contacts().ordered_offset_page(query).await?;
        return Ok(HttpResponse::Ok().json(RecordPage::<Record>::new(page, offset, limit)));
    }
    if let Some(Search { term, fuzzy }) = search {
        let filter = filter.map(ContactFilter::from).unwrap_or_default();
        let ContactOffsetQuery { field: _, direction: _, offset, limit } = query;
        let page = authorized.contacts().search_offset(term, fuzzy, filter, offset, limit).await?;
        return Ok(HttpResponse::Ok().json(RecordPage::<Record>::new(page, offset, limit)));
    }
    let page = authorized.contacts().offset_page(query, filter).await?;
    Ok(HttpResponse::Ok().json(RecordPage::<Record>::new(page, query.offset, query.limit)))
}

/// The contacts that are counted.
pub struct CountRecords(Option<Filter>);

impl HasFilter for CountRecords {
    fn filter(&self) -> Option<&Filter> {
        self.0.as_ref()
    }
}

impl Parameters for CountRecords {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] =
        &[Self::GROUPS, Self::OPT_OUTS, Self::SEGMENTS];

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        Some(Self(filter::parameter(query, &PROPERTIES)))
    }
}

/// The number of contacts that match.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookRecordCount)]
pub struct RecordCount {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    #[schema(schema_with = filter::count)]
    count: u64,
}

/// Count contacts
///
/// Returns the number of contacts, or of those that match.
#[utoipa::path(get, path = "/addressbook/contacts/count", operation_id = "countAddressBookContacts")]
async fn count_records(
    authorized: Authorized<ReadContacts>,
    Query { command: CountRecords(filter), .. }: Query<CountRecords>,
) -> HandlerResult {
    let count = authorized.contacts().count(filter.map(ContactFilter::from).unwrap_or_default()).await?;
    Ok(HttpResponse::Ok().json(RecordCount { success: true, count }))
}

/// Get a contact
///
/// Returns the contact with this id or this msisdn. If several contacts share the msisdn, use the id.
#[utoipa::path(get, path = "/addressbook/contacts/{contact}", operation_id = "getAddressBookContact")]
async fn get_record(
    authorized: Authorized<ReadContacts>,
    PathParam(key): PathParam<ContactKey>,
) -> HandlerResult {
    let contact = authorized.contacts().get(key).await?;
    Ok(HttpResponse::Ok().json(RecordResponse::<Record>::new(contact)))
}

/// Update a contact
///
/// Changes the members in the body; every member is optional. `meta` is merged key by key: a key that is null
/// is removed.
#[utoipa::path(post, path = "/addressbook/contacts/{contact}", operation_id = "updateAddressBookContact")]
async fn update_record(
    authorized: Authorized<UpdateContacts>,
    visibility: Visibility<ReadContacts>,
    PathParam(key): PathParam<ContactKey>,
    body: Body<UpdateRecord>,
) -> HandlerResult {
    let contact = authorized.contacts().update(key, body.command, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(RecordUpdated::<Record>::new(visibility.filter(contact.into()))))
}

/// Delete a contact
///
/// Deletes the contact permanently.
#[utoipa::path(delete, path = "/addressbook/contacts/{contact}", operation_id = "deleteAddressBookContact")]
async fn delete_record(
    authorized: Authorized<DeleteContacts>,
    PathParam(key): PathParam<ContactKey>,
) -> HandlerResult {
    authorized.contacts().delete(key, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let record = || Record::from(examples::contact());
    let invalid_key = || FieldViolation::at("contact", Violation::NotContactKey);
    let too_long = Violation::TooLong { max: Handle::MAX_CHARS };
    let new = json!({"alias": examples::HANDLE, "msisdn": examples::MSISDN, "meta": examples::meta()});
    let changes = json!({"alias": "johnny", "meta": {"CITY": "Paris"}});
    let create = operations::creates(&RESOURCE, record())
        .request_example("contact", "With data for templates", new)
        .errors(&[ErrorCode::HandleTaken, ErrorCode::ContactQuota])
        .example_violation(FieldViolation::of(Field::Handle, Violation::Required));
    let list = operations::lists(&RESOURCE, record())
        .errors(filter::ERRORS)
        .example_violation(invalid_direction())
        .example_violation(filter::invalid());
    let count = OperationDoc::of(&RESOURCE)
        .responds::<RecordCount>(200, "The number of contacts.", RecordCount { success: true, count: 1 })
        .errors(filter::ERRORS)
        .example_violation(filter::invalid());
    let get = operations::gets(&RESOURCE, record())
        .errors(&[ErrorCode::PhoneAmbiguous])
        .example_violation(invalid_key());
    let update = operations::updates(&RESOURCE, record())
        .request_example("change", "A new alias, one key of meta changed", changes)
        .errors(&[ErrorCode::HandleTaken, ErrorCode::PhoneAmbiguous])
        .example_violation(FieldViolation::of(Field::Handle, too_long));
    let delete =
        operations::deletes(&RESOURCE).errors(&[ErrorCode::PhoneAmbiguous]).example_violation(invalid_key());
    table
        .protected(&DIALECT, __path_create_record, create_record, create)
        .protected(&DIALECT, __path_list_records, list_records, list)
        .protected(&DIALECT, __path_count_records, count_records, count)
        .protected(&DIALECT, __path_get_record, get_record, get)
        .protected(&DIALECT, __path_update_record, update_record, update)
        .protected(&DIALECT, __path_delete_record, delete_record, delete)
}
