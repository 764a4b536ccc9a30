//! The operations of `/v1/groups`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use utoipa::openapi::schema::Object;

use super::dto::{CreateGroup, Group, GroupList, UpdateGroup, UpdatedGroup};
use super::list::{ListGroups, links};
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateGroups, DeleteGroups, ReadGroups, UpdateGroups};
use crate::domain::precondition::Precondition;
use crate::domain::{Permission, Violation};
use crate::http::auth::access::Visibility;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::{Body, PathParam, PathValue, Query};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response::{self, HandlerResult};

pub(super) const PATH: &str = "/v1/groups";
const CREATE: &str = "createGroup";

impl PathValue for GroupId {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text).ok_or(Violation::NotUuid)
    }

    fn schema() -> Object {
        fields::group::id()
    }
}

/// Create a group
///
/// Creates a group without contacts. The name must not be in use.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateGroup,
    responses((
        status = 201,
        description = "The group was created.",
        body = Group,
        headers(
            ("Location" = String, description = "The path of the group."),
            ("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` created the group."),
        ),
    )),
)]
pub(super) async fn create_group(
    authorized: Authorized<CreateGroups>,
    prefix: Prefix,
    body: Body<CreateGroup>,
) -> HandlerResult {
    let (new, idempotent) = body.into_idempotent(CREATE);
    let may_read = authorized.may(Permission::ReadGroups);
    let Created { made: group, replayed } = authorized.groups().create(new, idempotent, may_read).await?;
    let mut response = response::created(HttpResponse::Created(), replayed);
    response.insert_header((LOCATION, prefix.prepend_to(format_args!("{PATH}/{}", group.id))));
    Ok(response.json(Group::from(group)))
}

/// List groups
///
/// Returns a page of the groups, newest first. `has_more` indicates whether there are more; the `Link` header
/// contains the URLs of the next and the previous page.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listGroups",
    params(ListGroups),
    responses((
        status = 200,
        description = "A page of groups.",
        body = GroupList,
        headers(("Link" = String, description = "The links to the next and the previous page, if they exist (RFC 8288).")),
    )),
)]
pub(super) async fn list_groups(
    authorized: Authorized<ReadGroups>,
    prefix: Prefix,
    Query(query): Query<ListGroups>,
) -> HandlerResult {
    let page = authorized.groups().cursor_page(query.clone()).await?;
    let mut response = response::page(links(&prefix.prepend_to(PATH), &query, &page));
    let data = page.items.into_iter().map(Group::from).collect();
    Ok(response.json(GroupList { has_more: page.has_more, data }))
}

/// Get a group
///
/// Returns the group with this id, and the number of contacts in it.
#[utoipa::path(
    get,
    path = "/v1/groups/{id}",
    operation_id = "getGroup",
    params(PathParam<GroupId>),
    responses((status = 200, description = "The group.", body = Group)),
)]
pub(super) async fn get_group(
    authorized: Authorized<ReadGroups>,
    PathParam(id): PathParam<GroupId>,
) -> HandlerResult {
    let group = authorized.groups().get(GroupKey::Id(id)).await?;
    Ok(HttpResponse::Ok().json(Group::from(group)))
}

/// Update a group
///
/// Changes the members in the body: an absent member keeps its value, null removes the description. The
/// contacts in the group are not affected.
#[utoipa::path(
    patch,
    path = "/v1/groups/{id}",
    operation_id = "updateGroup",
    params(PathParam<GroupId>),
    request_body = UpdateGroup,
    responses((status = 200, description = "The group after the change.", body = UpdatedGroup)),
)]
pub(super) async fn update_group(
    authorized: Authorized<UpdateGroups>,
    visibility: Visibility<ReadGroups>,
    PathParam(id): PathParam<GroupId>,
    body: Body<UpdateGroup>,
) -> HandlerResult {
    let group = authorized.groups().update(GroupKey::Id(id), body.command, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(UpdatedGroup::new(&visibility, group.id.as_uuid(), group.updated_at, group)))
}

/// Delete a group
///
/// Deletes the group permanently. The contacts in it are not deleted. The name can be reused immediately,
/// regardless of the size of the group.
#[utoipa::path(
    delete,
    path = "/v1/groups/{id}",
    operation_id = "deleteGroup",
    params(PathParam<GroupId>),
    responses((status = 204, description = "The group was deleted.")),
)]
pub(super) async fn delete_group(
    authorized: Authorized<DeleteGroups>,
    PathParam(id): PathParam<GroupId>,
) -> HandlerResult {
    authorized.groups().delete(GroupKey::Id(id), Precondition::None).await?;
    Ok(HttpResponse::NoContent().finish())
}
