//! The operations of `/addressbook/groups`.

use actix_web::HttpResponse;
use utoipa::openapi::schema::Object;

use super::dto::{CreateRecord, Record, RecordList, RecordResponse};
use super::list::ListRecords;
use crate::domain::group::GroupKey;
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateGroups, DeleteGroups, ReadGroups};
use crate::domain::precondition::Precondition;
use crate::domain::{Permission, Violation};
use crate::http::addressbook::envelope::Deleted;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::{Body, PathParam, PathValue, Query};
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response::{self, HandlerResult};

const CREATE: &str = "createAddressBookGroup";

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
#[utoipa::path(
    post,
    path = "/addressbook/groups",
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateRecord,
    responses((
        status = 200,
        description = "The group was created.",
        body = RecordResponse,
        headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` created the group.")),
    )),
)]
pub(super) async fn create_record(
    authorized: Authorized<CreateGroups>,
    body: Body<CreateRecord>,
) -> HandlerResult {
    let (new, idempotent) = body.into_idempotent(CREATE);
    let may_read = authorized.may(Permission::ReadGroups);
    let Created { made: group, replayed } = authorized.groups().create(new, idempotent, may_read).await?;
    Ok(response::created(HttpResponse::Ok(), replayed).json(RecordResponse::from(group)))
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
    authorized: Authorized<ReadGroups>,
    Query(query): Query<ListRecords>,
) -> HandlerResult {
    let page = authorized.groups().offset_page(query).await?;
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
    params(PathParam<GroupKey>),
    responses((status = 200, description = "The group.", body = RecordResponse)),
)]
pub(super) async fn get_record(
    authorized: Authorized<ReadGroups>,
    PathParam(key): PathParam<GroupKey>,
) -> HandlerResult {
    let group = authorized.groups().get(key).await?;
    Ok(HttpResponse::Ok().json(RecordResponse::from(group)))
}

/// Delete a group
///
/// Deletes the group permanently. The contacts in it are not deleted. The name can be reused immediately,
/// regardless of the size of the group.
#[utoipa::path(
    delete,
    path = "/addressbook/groups/{group}",
    operation_id = "deleteAddressBookGroup",
    params(PathParam<GroupKey>),
    responses((status = 200, description = "The group was deleted.", body = Deleted)),
)]
pub(super) async fn delete_record(
    authorized: Authorized<DeleteGroups>,
    PathParam(key): PathParam<GroupKey>,
) -> HandlerResult {
    authorized.groups().delete(key, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}
