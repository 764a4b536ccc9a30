//! `/addressbook/groups`

use utoipa::openapi::schema::Object;

use super::dialect::DIALECT;
use super::envelope::Deleted;
use super::operations::{self, invalid_direction};
use super::pagination::named_offset_query;
use super::records::{RecordDoc, RecordPage, RecordResponse, RecordUpdated, UpdatableDoc};
use super::tags;
use crate::domain::group::{Group, GroupDescription, GroupId, GroupKey, GroupName, GroupPatch, NewGroup};
use crate::domain::idempotency::Created;
use crate::domain::named::NamedOffsetQuery;
use crate::domain::permission::granted::{CreateGroups, DeleteGroups, ReadGroups, UpdateGroups};
use crate::domain::precondition::Precondition;
use crate::http::openapi::examples::group as example;
use crate::http::openapi::fields;
use crate::http::prelude::*;
use crate::http::response;

const CREATE: &str = "createAddressBookGroup";

pub(super) static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::GROUPS), noun: "group", argument: "group", versioned: false };

/// A new group. `name` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAddressBookGroup)]
pub struct CreateRecord {
    #[validate(required)]
    name: Required<GroupName>,
    description: Optional<GroupDescription>,
}

impl Payload for CreateRecord {
    type Command = NewGroup;

    fn into_command(self, violations: &mut Violations) -> Option<NewGroup> {
        let name = violations.read("name", self.name);
        let description = violations.read("description", self.description);
        Some(NewGroup { name: name?, description })
    }
}

/// The changes to a group. An absent member keeps its value; null clears `description`. `name` cannot be cleared, and
/// null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateAddressBookGroup)]
pub struct UpdateRecord {
    name: Optional<GroupName>,
    #[serde(default)]
    description: Clearable<GroupDescription>,
}

impl Payload for UpdateRecord {
    type Command = GroupPatch;

    fn into_command(self, violations: &mut Violations) -> Option<GroupPatch> {
        let name = violations.read("name", self.name);
        let description = violations.read_patch("description", self.description);
        Some(GroupPatch { name, description })
    }
}

/// A group in the address book dialect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookGroup)]
pub struct Record {
    id: GroupId,
    name: GroupName,
    description: Nullable<GroupDescription>,
    #[schema(schema_with = fields::group::member_count)]
    member_count: u64,
    /// The time at which the group was created, in UTC with millisecond precision.
    created_on: Timestamp,
    #[schema(schema_with = fields::group::updated)]
    updated_on: Timestamp,
}

impl From<Group> for Record {
    fn from(group: Group) -> Self {
        let Group { id, name, description, member_count, created_at, updated_at, version: _ } = group;
        let description = Nullable(description);
        Self { id, name, description, member_count, created_on: created_at, updated_on: updated_at }
    }
}

impl RecordDoc for Record {
    const NOUN: &'static str = "group";
    const RESPONSE: &'static str = "AddressBookGroupAnswer";
    const PAGE: &'static str = "AddressBookGroupList";
}

impl UpdatableDoc for Record {
    const UPDATED: &'static str = "AddressBookGroupUpdated";
}

pub struct ListRecords(NamedOffsetQuery);

impl Parameters for ListRecords {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        named_offset_query(query, "GroupSortField", "groups").map(Self)
    }
}

impl PathValue for GroupKey {
    const NAME: &'static str = "group";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text)
    }

    fn schema() -> Object {
        fields::group::key()
    }
}

/// Create a group
///
/// Creates a group without contacts. The name must not be in use.
#[utoipa::path(post, path = "/addressbook/groups", operation_id = CREATE)]
async fn create_record(
    authorized: Authorized<CreateGroups>,
    body: IdempotentBody<CreateRecord>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let may_read = authorized.may(Permission::ReadGroups);
    let Created { resource: group, replayed } = authorized.groups().create(new, idempotent, may_read).await?;
    Ok(response::idempotent(HttpResponse::Ok(), replayed).json(RecordResponse::<Record>::new(group)))
}

/// List groups
///
/// Returns a page of the groups, newest first by default, and the total number of groups.
#[utoipa::path(get, path = "/addressbook/groups", operation_id = "listAddressBookGroups")]
async fn list_records(
    authorized: Authorized<ReadGroups>,
    Query { command: ListRecords(query), .. }: Query<ListRecords>,
) -> HandlerResult {
    let page = authorized.groups().offset_page(query).await?;
    Ok(HttpResponse::Ok().json(RecordPage::<Record>::new(page, query.page.offset, query.page.limit)))
}

/// Get a group
///
/// Returns the group with this id or this name, and the number of contacts in it.
#[utoipa::path(get, path = "/addressbook/groups/{group}", operation_id = "getAddressBookGroup")]
async fn get_record(
    authorized: Authorized<ReadGroups>,
    PathParam(key): PathParam<GroupKey>,
) -> HandlerResult {
    let group = authorized.groups().get(key).await?;
    Ok(HttpResponse::Ok().json(RecordResponse::<Record>::new(group)))
}

/// Update a group
///
/// Changes the members in the body: an absent member keeps its value, and null removes the description. The
/// contacts in the group do not change.
#[utoipa::path(post, path = "/addressbook/groups/{group}", operation_id = "updateAddressBookGroup")]
async fn update_record(
    authorized: Authorized<UpdateGroups>,
    visibility: Visibility<ReadGroups>,
    PathParam(key): PathParam<GroupKey>,
    body: Body<UpdateRecord>,
) -> HandlerResult {
    let group = authorized.groups().update(key, body.command, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(RecordUpdated::<Record>::new(visibility.filter(group.into()))))
}

/// Delete a group
///
/// Deletes the group permanently. The contacts in it are not deleted. The name can be reused immediately,
/// regardless of the size of the group.
#[utoipa::path(delete, path = "/addressbook/groups/{group}", operation_id = "deleteAddressBookGroup")]
async fn delete_record(
    authorized: Authorized<DeleteGroups>,
    PathParam(key): PathParam<GroupKey>,
) -> HandlerResult {
    authorized.groups().delete(key, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}

pub(super) fn invalid_name() -> FieldViolation {
    FieldViolation::at("group", Violation::TooLong { max: GroupName::MAX_CHARS })
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let record = || Record::from(example::group());
    let new = json!({"name": example::NAME, "description": example::DESCRIPTION});
    let changes = json!({"name": "subscribers", "description": null});
    let create = operations::creates(&RESOURCE, Record::from(example::new_group()))
        .request_example("group", "All members", new)
        .errors(&[ErrorCode::NameTaken])
        .example_violation(FieldViolation::at("name", Violation::Required));
    let list = operations::lists(&RESOURCE, record()).example_violation(invalid_direction());
    let get = operations::gets(&RESOURCE, record()).example_violation(invalid_name());
    let update = operations::updates(&RESOURCE, record())
        .request_example("change", "A new name, and the description removed", changes)
        .errors(&[ErrorCode::NameTaken])
        .example_violation(FieldViolation::at("name", Violation::TooLong { max: GroupName::MAX_CHARS }));
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_name());
    table
        .protected(&DIALECT, __path_create_record, create_record, create)
        .protected(&DIALECT, __path_list_records, list_records, list)
        .protected(&DIALECT, __path_get_record, get_record, get)
        .protected(&DIALECT, __path_update_record, update_record, update)
        .protected(&DIALECT, __path_delete_record, delete_record, delete)
}
