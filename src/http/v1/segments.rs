//! `/v1/segments`

use utoipa::openapi::schema::Object;

use super::dialect::DIALECT;
use super::names::PROPERTIES;
use super::operations::{self, created, found, invalid_cursor, invalid_id, tagged};
use super::pagination::{Listed, cursor_params, respond};
use super::tags;
use super::updated::Updated;
use crate::domain::filter::Filter;
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateSegments, DeleteSegments, ReadSegments, UpdateSegments};
use crate::domain::segment::{
    self, NewSegment, Segment, SegmentId, SegmentKey, SegmentName, SegmentPatch, SegmentQuery,
};
use crate::http::auth::access::CountOfStoredFilter;
use crate::http::extract::entity_tag;
use crate::http::openapi::examples::segment as example;
use crate::http::openapi::fields;
use crate::http::prelude::*;

pub(super) const PATH: &str = "/v1/segments";
const CREATE: &str = "createSegment";

pub(super) static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::SEGMENTS), noun: "segment", argument: "segment", versioned: true };

fn filter() -> Object {
    fields::segment::filter(&PROPERTIES)
}

fn parse(text: &str) -> Result<Filter, Violation> {
    segment::parse_filter(text, &PROPERTIES)
}

/// A new segment. `name` and `filter` are required.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSegment {
    #[validate(required)]
    name: Required<SegmentName>,
    #[validate(required)]
    #[schema(schema_with = filter, required)]
    filter: Option<String>,
}

impl Payload for CreateSegment {
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
pub struct UpdateSegment {
    name: Optional<SegmentName>,
    #[schema(schema_with = filter, required = false)]
    filter: Option<String>,
}

impl Payload for UpdateSegment {
    type Command = SegmentPatch;

    fn into_command(self, violations: &mut Violations) -> Option<SegmentPatch> {
        Some(SegmentPatch {
            name: violations.read("name", self.name),
            filter: violations.parse("filter", self.filter, parse),
        })
    }
}

/// A filter that is saved under a name. Its contacts are determined by each request.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactSegment {
    id: SegmentId,
    name: SegmentName,
    /// The filter, written in one way: two equal filters have equal texts.
    #[schema(example = "display_name = \"John*\"")]
    filter: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::segment::count, required = false)]
    count: Option<u64>,
    /// The time at which the segment was created, in UTC with millisecond precision.
    created_at: Timestamp,
    /// The time at which the segment was last changed, in UTC with millisecond precision.
    updated_at: Timestamp,
}

impl From<Segment> for ContactSegment {
    fn from(segment: Segment) -> Self {
        // The version is the entity tag.
        let Segment { id, name, filter, created_at, updated_at, version: _ } = segment;
        let filter = filter.in_dialect(&PROPERTIES).to_string();
        Self { id, name, filter, count: None, created_at, updated_at }
    }
}

impl Listed for ContactSegment {
    const PAGE: &'static str = "ContactSegmentList";
    const PLURAL: &'static str = "segments";
}

impl Parameters for SegmentQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let page = cursor_params(query);
        let name = query.text_filter("name", "Only the segment with this name.");
        Some(Self { page: page?, name })
    }
}

/// Create a segment
///
/// Saves a filter under a name, which must not be in use. The keys of `meta` that the filter names must be declared as
/// fields; they cannot be deleted as long as the segment needs them.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
async fn create_segment(
    authorized: Authorized<CreateSegments>,
    prefix: Prefix,
    body: IdempotentBody<CreateSegment>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let may_read = authorized.may(Permission::ReadSegments);
    let Created { resource: segment, replayed } =
        authorized.segments().create(new, idempotent, may_read).await?;
    let response = created(&prefix, PATH, segment.id, replayed);
    Ok(tagged(response, segment.version, ContactSegment::from(segment)))
}

/// List segments
///
/// Returns a page of the segments, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page.
#[utoipa::path(get, path = PATH, operation_id = "listSegments")]
async fn list_segments(
    authorized: Authorized<ReadSegments>,
    prefix: Prefix,
    Query { command: query, filters }: Query<SegmentQuery>,
) -> HandlerResult {
    let params = query.page;
    let page = authorized.segments().cursor_page(query).await?;
    let path = prefix.prepend_to(PATH);
    Ok(respond::<ContactSegment, _, _>(&path, &params, &filters, page, |segment| segment.id))
}

/// Get a segment
///
/// Returns the segment with this id, and how many contacts are in it at this moment. The entity tag is the version of name
/// and filter, and does not cover `count`: without `If-None-Match`, the response always has it.
#[utoipa::path(get, path = "/v1/segments/{id}", operation_id = "getSegment")]
async fn get_segment(
    authorized: Authorized<ReadSegments>,
    PathParam(id): PathParam<SegmentId>,
    if_none_match: IfNoneMatch,
    _: CountOfStoredFilter,
) -> HandlerResult {
    let segment = authorized.segments().get(SegmentKey::Id(id)).await?;
    let version = segment.version;
    if if_none_match.has(&entity_tag(version)) {
        return Ok(found(&if_none_match, version, || ()));
    }
    let count = authorized.count_stored(&segment.filter).await?;
    Ok(found(&if_none_match, version, || ContactSegment { count, ..segment.into() }))
}

/// Update a segment
///
/// Changes the members in the body; an absent member keeps its value. A new filter is checked as on creation.
#[utoipa::path(patch, path = "/v1/segments/{id}", operation_id = "updateSegment")]
async fn update_segment(
    authorized: Authorized<UpdateSegments>,
    visibility: Visibility<ReadSegments>,
    PathParam(id): PathParam<SegmentId>,
    IfMatch(precondition): IfMatch,
    body: Body<UpdateSegment>,
) -> HandlerResult {
    let segment = authorized.segments().update(SegmentKey::Id(id), body.command, precondition).await?;
    let (updated_at, version) = (segment.updated_at, segment.version);
    let updated = Updated::<ContactSegment>::new(&visibility, id.as_uuid(), updated_at, segment);
    Ok(tagged(HttpResponse::Ok(), version, updated))
}

/// Delete a segment
///
/// Deletes the segment permanently. Its name can be reused.
#[utoipa::path(delete, path = "/v1/segments/{id}", operation_id = "deleteSegment")]
async fn delete_segment(
    authorized: Authorized<DeleteSegments>,
    PathParam(id): PathParam<SegmentId>,
    IfMatch(precondition): IfMatch,
) -> HandlerResult {
    authorized.segments().delete(SegmentKey::Id(id), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let segment = || ContactSegment::from(example::segment());
    let new = json!({"name": example::NAME, "filter": example::FILTER});
    let changes = json!({"filter": example::OTHER_FILTER});
    let create = operations::creates(&RESOURCE, segment())
        .request_example("named", "Contacts whose name begins so", new)
        .errors(fields::segment::ERRORS)
        .example_violation(fields::segment::invalid(&PROPERTIES));
    let list = operations::lists(&RESOURCE, segment()).example_violation(invalid_cursor());
    let counted = ContactSegment { count: Some(1), ..segment() };
    let get = operations::gets(&RESOURCE, counted).example_violation(invalid_id());
    let update = operations::updates(&RESOURCE, segment())
        .request_example("filter", "A new filter", changes)
        .errors(fields::segment::ERRORS)
        .example_violation(fields::segment::invalid(&PROPERTIES));
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_id());
    table
        .protected(&DIALECT, __path_create_segment, create_segment, create)
        .protected(&DIALECT, __path_list_segments, list_segments, list)
        .protected(&DIALECT, __path_get_segment, get_segment, get)
        .protected(&DIALECT, __path_update_segment, update_segment, update)
        .protected(&DIALECT, __path_delete_segment, delete_segment, delete)
}
