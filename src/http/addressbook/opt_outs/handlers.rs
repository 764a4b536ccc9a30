//! The operations of `/addressbook/optouts`.

use actix_web::HttpResponse;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use super::dto::{CreateRecord, Record, RecordAnswer, RecordList};
use super::list::ListRecords;
use crate::domain::idempotency::Created;
use crate::domain::opt_out::OptOutResult;
use crate::domain::permission::granted::{CreateOptOuts, DeleteOptOuts, ReadOptOuts};
use crate::domain::{OptOut, OptOutKey, Violation};
use crate::http::addressbook::envelope::Deleted;
use crate::http::auth::access::Sees;
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, Query, Segment, Segments};
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response;

const CREATE: &str = "createAddressBookOptOut";

type Answer = Result<HttpResponse, ApiError>;

/// `{optout}`: an id or a phone number.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct Key {
    #[param(schema_with = key, value_type = String)]
    optout: OptOutKey,
}

impl Segment for Key {
    const NAME: &'static str = "optout";

    fn parse(text: &str) -> Result<Self, Violation> {
        Ok(Self { optout: OptOutKey::parse(text)? })
    }
}

fn key() -> Object {
    fields::id_or_phone("The id of the opt-out, or its msisdn in any accepted spelling.")
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
        body = RecordAnswer,
        headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` opted the number out.")),
    )),
)]
pub(super) async fn create_record(
    allowed: Authorized<CreateOptOuts>,
    sees: Sees<ReadOptOuts>,
    body: Body<CreateRecord>,
) -> Answer {
    let (new, attempt) = body.attempt(CREATE);
    let Created { made: OptOutResult { opt_out, is_new }, replayed } =
        allowed.opt_outs().create(OptOut::new(new), attempt).await?;
    let opt_out = if is_new || sees.all() { opt_out } else { opt_out.without_remarks() };
    Ok(response::made(HttpResponse::Ok(), replayed).json(RecordAnswer::from(opt_out)))
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
    allowed: Authorized<ReadOptOuts>,
    Query(query): Query<ListRecords>,
) -> Answer {
    let page = allowed.opt_outs().offset_page(query).await?;
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
    params(Key),
    responses((status = 200, description = "The opt-out.", body = RecordAnswer)),
)]
pub(super) async fn get_record(
    allowed: Authorized<ReadOptOuts>,
    Segments(Key { optout }): Segments<Key>,
) -> Answer {
    let opt_out = allowed.opt_outs().get(optout).await?;
    Ok(HttpResponse::Ok().json(RecordAnswer::from(opt_out)))
}

/// Delete an opt-out
///
/// Deletes the opt-out permanently: the number is no longer opted out.
#[utoipa::path(
    delete,
    path = "/addressbook/optouts/{optout}",
    operation_id = "deleteAddressBookOptOut",
    params(Key),
    responses((status = 200, description = "The opt-out was deleted.", body = Deleted)),
)]
pub(super) async fn delete_record(
    allowed: Authorized<DeleteOptOuts>,
    Segments(Key { optout }): Segments<Key>,
) -> Answer {
    allowed.opt_outs().delete(optout).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}
