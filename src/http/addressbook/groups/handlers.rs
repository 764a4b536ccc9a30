//! The operations of `/addressbook/groups`.

use actix_web::HttpResponse;
use utoipa::IntoParams;

use super::dto::{CreateRecord, Record, RecordAnswer, RecordList};
use super::list::ListRecords;
use crate::domain::group::{Group, GroupKey};
use crate::domain::idempotency::{self, Created};
use crate::domain::permission::granted::{CreateGroups, DeleteGroups, ReadGroups};
use crate::domain::precondition::Precondition;
use crate::domain::{Permission, Violation};
use crate::http::addressbook::envelope::Deleted;
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, Query, Segment, Segments};
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response;

pub(super) type Answer = Result<HttpResponse, ApiError>;

const CREATE: &str = "createAddressBookGroup";

/// `{group}`: an id or a name.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct InPath {
    #[param(schema_with = fields::group::key, value_type = String)]
    pub(super) group: GroupKey,
}

impl Segment for InPath {
    const NAME: &'static str = "group";

    fn parse(text: &str) -> Result<Self, Violation> {
        Ok(Self { group: GroupKey::parse(text)? })
    }
}

/// Create a group
///
/// Creates a group without contacts. The name must not be in use.
#[utoipa::path(
    post,
    path = "/addressbook/groups",
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateRecord,
    responses((
        status = 200,
        description = "The group was created.",
        body = RecordAnswer,
        headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` created the group.")),
    )),
)]
pub(super) async fn create_record(allowed: Authorized<CreateGroups>, body: Body<CreateRecord>) -> Answer {
    let (new, attempt) = body.attempt(CREATE);
    let may_read = allowed.may(Permission::ReadGroups);
    let insert = async |group, attempt| allowed.groups().insert(group, attempt).await;
    let Created { made: group, replayed } =
        idempotency::create(Group::new(new), attempt, may_read, insert).await?;
    Ok(response::made(HttpResponse::Ok(), replayed).json(RecordAnswer::from(group)))
}

/// List groups
///
/// Returns a page of the groups, newest first by default, and the total number of groups.
#[utoipa::path(
    get,
    path = "/addressbook/groups",
    operation_id = "listAddressBookGroups",
    params(ListRecords),
    responses((status = 200, description = "A page of groups.", body = RecordList)),
)]
pub(super) async fn list_records(
    allowed: Authorized<ReadGroups>,
    Query(query): Query<ListRecords>,
) -> Answer {
    let page = allowed.groups().offset_page(query).await?;
    Ok(HttpResponse::Ok().json(RecordList {
        success: true,
        records: page.items.into_iter().map(Record::from).collect(),
        offset: query.page.offset,
        limit: query.page.limit,
        total: page.total,
    }))
}

/// Get a group
///
/// Returns the group with this id or this name, and the number of contacts in it.
#[utoipa::path(
    get,
    path = "/addressbook/groups/{group}",
    operation_id = "getAddressBookGroup",
    params(InPath),
    responses((status = 200, description = "The group.", body = RecordAnswer)),
)]
pub(super) async fn get_record(
    allowed: Authorized<ReadGroups>,
    Segments(InPath { group }): Segments<InPath>,
) -> Answer {
    let group = allowed.groups().find(group).await?;
    Ok(HttpResponse::Ok().json(RecordAnswer::from(group)))
}

/// Delete a group
///
/// Deletes the group permanently. The contacts in it are not deleted. The name can be reused immediately,
/// regardless of the size of the group.
#[utoipa::path(
    delete,
    path = "/addressbook/groups/{group}",
    operation_id = "deleteAddressBookGroup",
    params(InPath),
    responses((status = 200, description = "The group was deleted.", body = Deleted)),
)]
pub(super) async fn delete_record(
    allowed: Authorized<DeleteGroups>,
    Segments(InPath { group }): Segments<InPath>,
) -> Answer {
    allowed.groups().delete(group, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}
