//! `/addressbook/segments`

use utoipa::openapi::schema::Object;

use super::contacts;
use super::dialect::DIALECT;
use super::envelope::Deleted;
use super::names::PROPERTIES;
use super::operations::{self, invalid_direction};
use super::pagination::{ContactWindow, named_offset_query};
use super::records::{RecordDoc, RecordPage, RecordResponse, RecordUpdated, UpdatableDoc};
use super::tags;
use crate::domain::contact::{ContactOffsetQuery, ContactSort};
use crate::domain::filter::Filter;
use crate::domain::idempotency::Created;
use crate::domain::named::NamedOffsetQuery;
use crate::domain::pagination::SortDirection;
use crate::domain::permission::granted::{
    CreateSegments, DeleteSegments, ReadContacts, ReadSegments, UpdateSegments,
};
use crate::domain::precondition::Precondition;
use crate::domain::segment::{self, NewSegment, Segment, SegmentId, SegmentKey, SegmentName, SegmentPatch};
use crate::http::auth::access::CountOfStoredFilter;
use crate::http::openapi::examples::segment as example;
use crate::http::openapi::fields::filter::of_stored;
use crate::http::openapi::{examples, fields};
use crate::http::prelude::*;
use crate::http::response;

const CREATE: &str = "createAddressBookSegment";

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::SEGMENTS), noun: "segment", argument: "segment", versioned: false };

fn filter() -> Object {
    fields::segment::filter(&PROPERTIES)
}

fn parse(text: &str) -> Result<Filter, Violation> {
    segment::parse_filter(text, &PROPERTIES)
}

/// A new segment. `name` and `filter` are required.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAddressBookSegment)]
pub struct CreateRecord {
    #[validate(required)]
    name: Required<SegmentName>,
    #[validate(required)]
    #[schema(schema_with = filter, required)]
    filter: Option<String>,
}

impl Payload for CreateRecord {
    type Command = NewSegment;

    fn into_command(self, violations: &mut Violations) -> Option<NewSegment> {
        let name = violations.read("name", self.name);
        let filter = violations.parse("filter", self.filter, parse);
        Some(NewSegment { name: name?, filter: filter? })
    }
}

/// The changes to a segment. A member that is absent or null keeps its value.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateAddressBookSegment)]
pub struct UpdateRecord {
    name: Optional<SegmentName>,
    #[schema(schema_with = filter, required = false)]
    filter: Option<String>,
}

impl Payload for UpdateRecord {
    type Command = SegmentPatch;

    fn into_command(self, violations: &mut Violations) -> Option<SegmentPatch> {
        Some(SegmentPatch {
            name: violations.read("name", self.name),
            filter: violations.parse("filter", self.filter, parse),
        })
    }
}

/// A segment in the address book dialect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookSegment)]
pub struct Record {
    id: SegmentId,
    name: SegmentName,
    /// The filter, written in one way: two equal filters have equal texts.
    #[schema(example = "display_name = \"John*\"")]
    filter: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::segment::count, required = false)]
    count: Option<u64>,
    /// The time at which the segment was created, in UTC with millisecond precision.
    created_on: Timestamp,
    /// The time at which the segment was last changed, in UTC with millisecond precision.
    updated_on: Timestamp,
}

impl From<Segment> for Record {
    fn from(segment: Segment) -> Self {
        // The version is of v1 alone.
        let Segment { id, name, filter, created_at, updated_at, version: _ } = segment;
        let filter = filter.in_dialect(&PROPERTIES).to_string();
        Self { id, name, filter, count: None, created_on: created_at, updated_on: updated_at }
    }
}

impl RecordDoc for Record {
    const NOUN: &'static str = "segment";
    const RESPONSE: &'static str = "AddressBookSegmentAnswer";
    const PAGE: &'static str = "AddressBookSegmentList";
}

impl UpdatableDoc for Record {
    const UPDATED: &'static str = "AddressBookSegmentUpdated";
}

pub struct ListRecords(NamedOffsetQuery);

impl Parameters for ListRecords {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        named_offset_query(query, "SegmentSortField", "segments").map(Self)
    }
}

impl PathValue for SegmentKey {
    const NAME: &'static str = "segment";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text)
    }

    fn schema() -> Object {
        fields::segment::key()
    }
}

/// Create a segment
///
/// Saves a filter under a name, which must not be in use. The keys of `meta` that the filter names must be declared as
/// fields; they cannot be deleted as long as the segment needs them.
#[utoipa::path(post, path = "/addressbook/segments", operation_id = CREATE)]
async fn create_record(
    authorized: Authorized<CreateSegments>,
    body: IdempotentBody<CreateRecord>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let may_read = authorized.may(Permission::ReadSegments);
    let Created { resource: segment, replayed } =
        authorized.segments().create(new, idempotent, may_read).await?;
    Ok(response::idempotent(HttpResponse::Ok(), replayed).json(RecordResponse::<Record>::new(segment)))
}

/// List segments
///
/// Returns a page of the segments, newest first by default, and the total number of segments.
#[utoipa::path(get, path = "/addressbook/segments", operation_id = "listAddressBookSegments")]
async fn list_records(
    authorized: Authorized<ReadSegments>,
    Query { command: ListRecords(query), .. }: Query<ListRecords>,
) -> HandlerResult {
    let page = authorized.segments().offset_page(query).await?;
    Ok(HttpResponse::Ok().json(RecordPage::<Record>::new(page, query.page.offset, query.page.limit)))
}

/// Get a segment
///
/// Returns the segment with this id or this name, and how many contacts are in it at this moment.
#[utoipa::path(get, path = "/addressbook/segments/{segment}", operation_id = "getAddressBookSegment")]
async fn get_record(
    authorized: Authorized<ReadSegments>,
    PathParam(key): PathParam<SegmentKey>,
    _: CountOfStoredFilter,
) -> HandlerResult {
    let segment = authorized.segments().get(key).await?;
    let count = authorized.count_stored(&segment.filter).await?;
    let record = Record { count, ..segment.into() };
    Ok(HttpResponse::Ok().json(RecordResponse::<Record>::new(record)))
}

/// Update a segment
///
/// Changes the members in the body: an absent member keeps its value. A new filter is checked as on creation.
#[utoipa::path(post, path = "/addressbook/segments/{segment}", operation_id = "updateAddressBookSegment")]
async fn update_record(
    authorized: Authorized<UpdateSegments>,
    visibility: Visibility<ReadSegments>,
    PathParam(key): PathParam<SegmentKey>,
    body: Body<UpdateRecord>,
) -> HandlerResult {
    let segment = authorized.segments().update(key, body.command, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(RecordUpdated::<Record>::new(visibility.filter(segment.into()))))
}

/// Delete a segment
///
/// Deletes the segment permanently. Its name can be reused.
#[utoipa::path(delete, path = "/addressbook/segments/{segment}", operation_id = "deleteAddressBookSegment")]
async fn delete_record(
    authorized: Authorized<DeleteSegments>,
    PathParam(key): PathParam<SegmentKey>,
) -> HandlerResult {
    authorized.segments().delete(key, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}

struct ListContacts(ContactWindow);

impl Parameters for ListContacts {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &of_stored();

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        ContactWindow::read(query).map(Self)
    }
}

/// List the contacts of a segment
///
/// Returns a page of the contacts that are in the segment at this moment, newest first, and their total number. A segment
/// whose filter names a group that does not exist any more is answered with 404.
#[utoipa::path(
    get,
    path = "/addressbook/segments/{segment}/contacts",
    operation_id = "listAddressBookSegmentContacts"
)]
async fn list_contacts(
    authorized: Authorized<(ReadSegments, ReadContacts)>,
    PathParam(key): PathParam<SegmentKey>,
    Query { command: ListContacts(ContactWindow { offset, limit }), .. }: Query<ListContacts>,
) -> HandlerResult {
    let segment = authorized.segments().get(key).await?;
    authorized.require(segment.filter.permissions())?;
    let (field, direction) = (ContactSort::CreatedOn, SortDirection::Descending);
    let query = ContactOffsetQuery { field, direction, offset, limit };
    let page = authorized.contacts().offset_page(query, Some(segment.filter)).await?;
    Ok(HttpResponse::Ok().json(RecordPage::<contacts::Record>::new(page, offset, limit)))
}

fn invalid_name() -> FieldViolation {
    FieldViolation::at("segment", Violation::TooLong { max: SegmentName::MAX_CHARS })
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let record = || Record::from(example::segment());
    let new = json!({"name": example::NAME, "filter": example::FILTER});
    let changes = json!({"filter": example::OTHER_FILTER});
    let create = operations::creates(&RESOURCE, record())
        .request_example("named", "Contacts whose name begins so", new)
        .errors(fields::segment::ERRORS)
        .example_violation(fields::segment::invalid(&PROPERTIES));
    let list = operations::lists(&RESOURCE, record()).example_violation(invalid_direction());
    let counted = Record { count: Some(1), ..record() };
    let get = operations::gets(&RESOURCE, counted).example_violation(invalid_name());
    let update = operations::updates(&RESOURCE, record())
        .request_example("filter", "A new filter", changes)
        .errors(fields::segment::ERRORS)
        .example_violation(fields::segment::invalid(&PROPERTIES));
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_name());
    let list_contacts_doc = operations::lists(&RESOURCE, contacts::Record::from(examples::contact()))
        .example_violation(invalid_name());
    table
        .protected(&DIALECT, __path_create_record, create_record, create)
        .protected(&DIALECT, __path_list_records, list_records, list)
        .protected(&DIALECT, __path_get_record, get_record, get)
        .protected(&DIALECT, __path_update_record, update_record, update)
        .protected(&DIALECT, __path_delete_record, delete_record, delete)
        .protected(&DIALECT, __path_list_contacts, list_contacts, list_contacts_doc)
}
