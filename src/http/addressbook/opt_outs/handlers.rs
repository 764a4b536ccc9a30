//! The operations of `/addressbook/optouts`.

use actix_web::HttpResponse;
use utoipa::openapi::schema::Object;

use super::dto::{CreateRecord, Record, RecordList, RecordResponse};
use super::list::ListRecords;
use crate::domain::idempotency::Created;
use crate::domain::opt_out::OptOutResult;
use crate::domain::permission::granted::{CreateOptOuts, DeleteOptOuts, ReadOptOuts};
use crate::domain::{OptOutKey, Violation};
use crate::http::addressbook::envelope::Deleted;
use crate::http::auth::access::Visibility;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::{Body, PathParam, PathValue, Query};
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response::{self, HandlerResult};

const CREATE: &str = "createAddressBookOptOut";

/// `{optout}`: v1 has the same key under another name.
pub(super) struct OptOutParam(OptOutKey);

impl PathValue for OptOutParam {
    const NAME: &'static str = "optout";

    fn parse(text: &str) -> Result<Self, Violation> {
        OptOutKey::parse(text).map(Self)
    }

    fn schema() -> Object {
        fields::id_or_phone("The id of the opt-out, or its msisdn in any accepted spelling.")
    }
}

/// Opt a number out
///
/// Opts the number out from now on, regardless of which contacts have it or will have it. If the number has
/// already opted out, the existing opt-out stays unchanged; its `source` and `note` are null in the response
/// if the key may not read opt-outs.
#[utoipa::path(
    post,
    path = "/addressbook/optouts",
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateRecord,
    responses((
        status = 200,
        description = "The number has opted out.",
        body = RecordResponse,
        headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` opted the number out.")),
    )),
)]
pub(super) async fn create_record(
    authorized: Authorized<CreateOptOuts>,
    visibility: Visibility<ReadOptOuts>,
    body: Body<CreateRecord>,
) -> HandlerResult {
    let (new, idempotent) = body.into_idempotent(CREATE);
    let Created { made: OptOutResult { opt_out, is_new }, replayed } =
        authorized.opt_outs().create(new, idempotent).await?;
    let opt_out = if is_new || visibility.is_full() { opt_out } else { opt_out.without_remarks() };
    Ok(response::created(HttpResponse::Ok(), replayed).json(RecordResponse::from(opt_out)))
}

/// List opt-outs
///
/// Returns a page of the opt-outs, newest first by default, and the total number of opt-outs.
#[utoipa::path(
    get,
    path = "/addressbook/optouts",
    operation_id = "listAddressBookOptOuts",
    params(ListRecords),
    responses((status = 200, description = "A page of opt-outs.", body = RecordList)),
)]
pub(super) async fn list_records(
    authorized: Authorized<ReadOptOuts>,
    Query(query): Query<ListRecords>,
) -> HandlerResult {
    let page = authorized.opt_outs().offset_page(query).await?;
    Ok(HttpResponse::Ok().json(RecordList {
        success: true,
        records: page.items.into_iter().map(Record::from).collect(),
        offset: query.offset,
        limit: query.limit,
        total: page.total,
    }))
}

/// Get an opt-out
///
/// Returns the opt-out with this id or of this msisdn. Use it to check whether a number has opted out.
#[utoipa::path(
    get,
    path = "/addressbook/optouts/{optout}",
    operation_id = "getAddressBookOptOut",
    params(PathParam<OptOutParam>),
    responses((status = 200, description = "The opt-out.", body = RecordResponse)),
)]
pub(super) async fn get_record(
    authorized: Authorized<ReadOptOuts>,
    PathParam(OptOutParam(key)): PathParam<OptOutParam>,
) -> HandlerResult {
    let opt_out = authorized.opt_outs().get(key).await?;
    Ok(HttpResponse::Ok().json(RecordResponse::from(opt_out)))
}

/// Delete an opt-out
///
/// Deletes the opt-out permanently: the number is no longer opted out.
#[utoipa::path(
    delete,
    path = "/addressbook/optouts/{optout}",
    operation_id = "deleteAddressBookOptOut",
    params(PathParam<OptOutParam>),
    responses((status = 200, description = "The opt-out was deleted.", body = Deleted)),
)]
pub(super) async fn delete_record(
    authorized: Authorized<DeleteOptOuts>,
    PathParam(OptOutParam(key)): PathParam<OptOutParam>,
) -> HandlerResult {
    authorized.opt_outs().delete(key).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}
