//! The operations of `/v1/groups`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use utoipa::IntoParams;

use super::dto::{CreateGroup, Group, GroupList, UpdateGroup, UpdatedGroup};
use super::list::{ListGroups, links};
use crate::domain::group::{self, GroupId, GroupKey};
use crate::domain::idempotency::{self, Created};
use crate::domain::permission::granted::{CreateGroups, DeleteGroups, ReadGroups, UpdateGroups};
use crate::domain::precondition::Precondition;
use crate::domain::{Permission, Timestamp, Violation};
use crate::http::auth::access::Sees;
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, Query, Segment, Segments};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response;

pub(super) type Answer = Result<HttpResponse, ApiError>;

pub(super) const PATH: &str = "/v1/groups";
const CREATE: &str = "createGroup";

/// `{id}`
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct Id {
    #[param(schema_with = fields::group::id)]
    pub(super) id: GroupId,
}

impl Segment for Id {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        GroupId::parse(text).map(|id| Self { id }).ok_or(Violation::NotUuid)
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
    allowed: Authorized<CreateGroups>,
    prefix: Prefix,
    body: Body<CreateGroup>,
) -> Answer {
    let (new, attempt) = body.attempt(CREATE);
    let may_read = allowed.may(Permission::ReadGroups);
    let insert = async |group, attempt| allowed.groups().insert(group, attempt).await;
    let Created { made: group, replayed } =
        idempotency::create(group::Group::new(new), attempt, may_read, insert).await?;
    let mut response = response::made(HttpResponse::Created(), replayed);
    response.insert_header((LOCATION, prefix.before(format_args!("{PATH}/{}", group.id))));
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
    allowed: Authorized<ReadGroups>,
    prefix: Prefix,
    Query(query): Query<ListGroups>,
) -> Answer {
    let page = allowed.groups().cursor_page(query.clone()).await?;
    let mut response = response::page(links(&prefix.before(PATH), &query, &page));
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
    params(Id),
    responses((status = 200, description = "The group.", body = Group)),
)]
pub(super) async fn get_group(allowed: Authorized<ReadGroups>, Segments(Id { id }): Segments<Id>) -> Answer {
    let group = allowed.groups().find(GroupKey::Id(id)).await?;
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
    params(Id),
    request_body = UpdateGroup,
    responses((status = 200, description = "The group after the change.", body = UpdatedGroup)),
)]
pub(super) async fn update_group(
    allowed: Authorized<UpdateGroups>,
    sees: Sees<ReadGroups>,
    Segments(Id { id }): Segments<Id>,
    body: Body<UpdateGroup>,
) -> Answer {
    let group =
        allowed.groups().update(GroupKey::Id(id), body.command, Precondition::None, Timestamp::now()).await?;
    Ok(HttpResponse::Ok().json(UpdatedGroup::new(&sees, group.id.as_uuid(), group.updated_at, group)))
}

/// Delete a group
///
/// Deletes the group permanently. The contacts in it are not deleted. The name can be reused immediately,
/// regardless of the size of the group.
#[utoipa::path(
    delete,
    path = "/v1/groups/{id}",
    operation_id = "deleteGroup",
    params(Id),
    responses((status = 204, description = "The group was deleted.")),
)]
pub(super) async fn delete_group(
    allowed: Authorized<DeleteGroups>,
    Segments(Id { id }): Segments<Id>,
) -> Answer {
    allowed.groups().delete(GroupKey::Id(id), Precondition::None).await?;
    Ok(HttpResponse::NoContent().finish())
}
