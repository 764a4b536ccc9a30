//! `/v1/groups`

use super::dialect::DIALECT;
use super::operations::{self, created, invalid_cursor, invalid_id};
use super::pagination::{Listed, cursor_params, respond};
use super::tags;
use super::updated::Updated;
use crate::domain::group::{
    self, GroupDescription, GroupId, GroupKey, GroupName, GroupPatch, GroupQuery, NewGroup,
};
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateGroups, DeleteGroups, ReadGroups, UpdateGroups};
use crate::domain::precondition::Precondition;
use crate::http::openapi::examples::group as example;
use crate::http::openapi::fields;
use crate::http::prelude::*;

pub(super) const PATH: &str = "/v1/groups";
const CREATE: &str = "createGroup";

pub(super) static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::GROUPS), noun: "group", argument: "group", versioned: false };

/// A new group. `name` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    #[validate(required)]
    name: Required<GroupName>,
    description: Optional<GroupDescription>,
}

impl Payload for CreateGroup {
    type Command = NewGroup;

    fn into_command(self, violations: &mut Violations) -> Option<NewGroup> {
        let name = violations.read("name", self.name);
        let description = violations.read("description", self.description);
        Some(NewGroup { name: name?, description })
    }
}

/// The changes to a group. An absent member keeps its value, a value sets it. Null clears `description`;
/// `name` cannot be cleared, and null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateGroup {
    name: Optional<GroupName>,
    #[serde(default)]
    description: Clearable<GroupDescription>,
}

impl Payload for UpdateGroup {
    type Command = GroupPatch;

    fn into_command(self, violations: &mut Violations) -> Option<GroupPatch> {
        Some(GroupPatch {
            name: violations.read("name", self.name),
            description: violations.read_patch("description", self.description),
        })
    }
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub struct Group {
    id: GroupId,
    name: GroupName,
    description: Nullable<GroupDescription>,
    #[schema(schema_with = fields::group::member_count)]
    member_count: u64,
    /// The time at which the group was created, in UTC with millisecond precision.
    created_at: Timestamp,
    #[schema(schema_with = fields::group::updated)]
    updated_at: Timestamp,
}

impl From<group::Group> for Group {
    fn from(group: group::Group) -> Self {
        let group::Group { id, name, description, member_count, created_at, updated_at, version: _ } = group;
        Self { id, name, description: Nullable(description), member_count, created_at, updated_at }
    }
}

impl Listed for Group {
    const PAGE: &'static str = "GroupList";
    const PLURAL: &'static str = "groups";
}

impl Parameters for GroupQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let page = cursor_params(query);
        let name = query.text_filter("name", "Only the group with this name.");
        Some(Self { page: page?, name })
    }
}

/// Create a group
///
/// Creates a group without contacts. The name must not be in use.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
async fn create_group(
    authorized: Authorized<CreateGroups>,
    prefix: Prefix,
    body: IdempotentBody<CreateGroup>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let may_read = authorized.may(Permission::ReadGroups);
    let Created { resource: group, replayed } = authorized.groups().create(new, idempotent, may_read).await?;
    Ok(created(&prefix, PATH, group.id, replayed).json(Group::from(group)))
}

/// List groups
///
/// Returns a page of the groups, newest first. `has_more` indicates whether there are more; the `Link` header
/// contains the URLs of the next and the previous page.
#[utoipa::path(get, path = PATH, operation_id = "listGroups")]
async fn list_groups(
    authorized: Authorized<ReadGroups>,
    prefix: Prefix,
    Query { command: query, filters }: Query<GroupQuery>,
) -> HandlerResult {
    let params = query.page;
    let page = authorized.groups().cursor_page(query).await?;
    Ok(respond::<Group, _, _>(&prefix.prepend_to(PATH), &params, &filters, page, |group| group.id))
}

/// Get a group
///
/// Returns the group with this id, and the number of contacts in it.
#[utoipa::path(get, path = "/v1/groups/{id}", operation_id = "getGroup")]
async fn get_group(authorized: Authorized<ReadGroups>, PathParam(id): PathParam<GroupId>) -> HandlerResult {
    let group = authorized.groups().get(GroupKey::Id(id)).await?;
    Ok(HttpResponse::Ok().json(Group::from(group)))
}

/// Update a group
///
/// Changes the members in the body: an absent member keeps its value, null removes the description. The
/// contacts in the group are not affected.
#[utoipa::path(patch, path = "/v1/groups/{id}", operation_id = "updateGroup")]
async fn update_group(
    authorized: Authorized<UpdateGroups>,
    visibility: Visibility<ReadGroups>,
    PathParam(id): PathParam<GroupId>,
    body: Body<UpdateGroup>,
) -> HandlerResult {
    let group = authorized.groups().update(GroupKey::Id(id), body.command, Precondition::None).await?;
    let updated = Updated::<Group>::new(&visibility, id.as_uuid(), group.updated_at, group);
    Ok(HttpResponse::Ok().json(updated))
}

/// Delete a group
///
/// Deletes the group permanently. The contacts in it are not deleted. The name can be reused immediately,
/// regardless of the size of the group.
#[utoipa::path(delete, path = "/v1/groups/{id}", operation_id = "deleteGroup")]
async fn delete_group(
    authorized: Authorized<DeleteGroups>,
    PathParam(id): PathParam<GroupId>,
) -> HandlerResult {
    authorized.groups().delete(GroupKey::Id(id), Precondition::None).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let group = || Group::from(example::group());
    let create = operations::creates(&RESOURCE, Group::from(example::new_group()))
        .request_example(
            "full",
            "All members",
            json!({"name": example::NAME, "description": example::DESCRIPTION}),
        )
        .request_example("minimal", "Only the required members", json!({"name": example::NAME}))
        .errors(&[ErrorCode::NameTaken])
        .example_violation(FieldViolation::at("name", Violation::Required));
    let list = operations::lists(&RESOURCE, group()).example_violation(invalid_cursor());
    let get = operations::gets(&RESOURCE, group()).example_violation(invalid_id());
    let update = operations::updates(&RESOURCE, group())
        .request_example(
            "change",
            "A new name, and the description removed",
            json!({"name": "greater london", "description": null}),
        )
        .errors(&[ErrorCode::NameTaken])
        .example_violation(FieldViolation::at("name", Violation::TooLong { max: GroupName::MAX_CHARS }));
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_id());
    table
        .protected(&DIALECT, __path_create_group, create_group, create)
        .protected(&DIALECT, __path_list_groups, list_groups, list)
        .protected(&DIALECT, __path_get_group, get_group, get)
        .protected(&DIALECT, __path_update_group, update_group, update)
        .protected(&DIALECT, __path_delete_group, delete_group, delete)
}
