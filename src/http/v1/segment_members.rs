//! `/v1/segments/{id}/members` and `/v1/segments/{id}/explain`

use super::contacts::{Contact, Expand, list_page};
use super::dialect::DIALECT;
use super::names::PROPERTIES;
use super::operations::{self, invalid_id};
use super::pagination::cursor_params;
use super::segments::{PATH, RESOURCE};
use crate::domain::ContactId;
use crate::domain::contact::{ContactFilter, ContactQuery};
use crate::domain::pagination::CursorParams;
use crate::domain::permission::granted::{ReadContacts, ReadSegments};
use crate::domain::segment::{SegmentId, SegmentKey};
use crate::http::openapi::examples::{self, segment};
use crate::http::openapi::fields;
use crate::http::openapi::fields::filter::{of_stored, opt_outs_of_stored};
use crate::http::prelude::*;

pub struct ListMembers {
    params: CursorParams<ContactId>,
    expand: Expand,
}

impl Parameters for ListMembers {
    /// Those of the filter are required by the handler, which reads it.
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[
        ConditionalPermission {
            permission: Permission::ReadGroups,
            when: "`expand` is given, or the filter of the segment has a condition on `group`",
            applies: |Self { expand, .. }| expand.0,
        },
        opt_outs_of_stored(),
    ];

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let params = cursor_params(query);
        let expand = Expand::read(query);
        Some(Self { params: params?, expand: expand? })
    }
}

/// List the contacts of a segment
///
/// Returns a page of the contacts that are in the segment at this moment, newest first. `has_more` indicates whether there are
/// more; the `Link` header contains the URLs of the next and the previous page. With a filter that few contacts match and that
/// no index answers, a page can have fewer contacts than `limit`, or none, although `has_more` is true: follow the link to
/// the next one. A segment whose filter names a group that does not exist any more is answered with 404.
#[utoipa::path(get, path = "/v1/segments/{id}/members", operation_id = "listSegmentMembers")]
async fn list_segment_members(
    authorized: Authorized<(ReadSegments, ReadContacts)>,
    PathParam(id): PathParam<SegmentId>,
    prefix: Prefix,
    Query { command, filters }: Query<ListMembers>,
) -> HandlerResult {
    let ListMembers { params, expand: Expand(expand) } = command;
    let segment = authorized.segments().get(SegmentKey::Id(id)).await?;
    authorized.require(segment.filter.permissions())?;
    let CursorParams { cursor, limit } = params;
    let filter = ContactFilter::from(segment.filter);
    let path = prefix.prepend_to(format_args!("{PATH}/{id}/members"));
    list_page(&authorized, &path, ContactQuery { cursor, limit, filter }, &filters, expand).await
}

/// What reading by a stored filter requires; it has no parameters of its own.
pub struct StoredFilter;

impl Parameters for StoredFilter {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &of_stored();

    fn read(_: &mut QueryReader<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// How many contacts the filter of a segment matches, and each of its conditions alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct SegmentExplanation {
    #[schema(schema_with = fields::filter::count)]
    count: u64,
    /// The conditions of the filter, from left to right.
    conditions: Vec<SegmentCondition>,
}

/// A condition of a filter.
#[derive(Debug, Serialize, ToSchema)]
pub struct SegmentCondition {
    /// The condition as it stands in the filter, without a `NOT` before it.
    #[schema(example = "display_name = \"John*\"")]
    condition: String,
    #[schema(schema_with = fields::segment::matches)]
    count: u64,
}

/// Explain a segment
///
/// Returns the number of contacts in the segment, and the number that match each condition of its filter alone: if the segment is
/// empty, they show which condition excludes the contacts. The conditions are counted one after the other, so contacts that change
/// meanwhile can be in one count and not in the next.
#[utoipa::path(get, path = "/v1/segments/{id}/explain", operation_id = "explainSegment")]
async fn explain_segment(
    authorized: Authorized<(ReadSegments, ReadContacts)>,
    PathParam(id): PathParam<SegmentId>,
    _: Query<StoredFilter>,
) -> HandlerResult {
    let filter = authorized.segments().get(SegmentKey::Id(id)).await?.filter;
    authorized.require(filter.permissions())?;
    let contacts = authorized.contacts();
    let mut conditions = Vec::new();
    for condition in filter.conditions() {
        let text = condition.in_dialect(&PROPERTIES).to_string();
        let count = contacts.count(condition.into()).await?;
        conditions.push(SegmentCondition { condition: text, count });
    }
    let count = contacts.count(filter.into()).await?;
    Ok(HttpResponse::Ok().json(SegmentExplanation { count, conditions }))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let list =
        operations::lists(&RESOURCE, Contact::from(examples::contact())).example_violation(invalid_id());
    let condition = SegmentCondition { condition: segment::FILTER.to_owned(), count: 1 };
    let explanation = SegmentExplanation { count: 1, conditions: vec![condition] };
    let explain = OperationDoc::of(&RESOURCE)
        .responds::<SegmentExplanation>(200, "The counts.", explanation)
        .example_violation(invalid_id());
    table.protected(&DIALECT, __path_list_segment_members, list_segment_members, list).protected(
        &DIALECT,
        __path_explain_segment,
        explain_segment,
        explain,
    )
}
