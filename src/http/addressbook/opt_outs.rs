//! `/addressbook/optouts`

use utoipa::openapi::schema::Object;

use super::dialect::DIALECT;
use super::envelope::Deleted;
use super::operations::{self, invalid_direction};
use super::pagination::{offset, sort_direction};
use super::records::{RecordDoc, RecordPage, RecordResponse};
use super::tags;
use crate::domain::idempotency::Created;
use crate::domain::opt_out::{NewOptOut, Note, OptOutResult, Source};
use crate::domain::pagination::OffsetParams;
use crate::domain::permission::granted::{CreateOptOuts, DeleteOptOuts, ReadOptOuts};
use crate::domain::{Field, OptOut, OptOutId, OptOutKey};
use crate::http::headers::IDEMPOTENT_REPLAYED;
use crate::http::openapi::examples::opt_out as example;
use crate::http::openapi::fields::contact::Msisdn;
use crate::http::openapi::{examples, fields};
use crate::http::prelude::*;
use crate::http::response;

const CREATE: &str = "createAddressBookOptOut";

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::OPT_OUTS), noun: "opt-out", argument: "opt_out", versioned: false };

/// A number to opt out. `msisdn` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAddressBookOptOut)]
pub struct CreateRecord {
    #[validate(required)]
    msisdn: Required<Msisdn>,
    source: Optional<Source>,
    note: Optional<Note>,
}

impl Payload for CreateRecord {
    type Command = NewOptOut;

    fn into_command(self, violations: &mut Violations) -> Option<NewOptOut> {
        let msisdn = violations.read("msisdn", self.msisdn);
        let source = violations.read("source", self.source);
        let note = violations.read("note", self.note);
        let Msisdn(phone) = msisdn?;
        Some(NewOptOut { phone, source, note })
    }
}

/// A number that has opted out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookOptOut)]
pub struct Record {
    id: OptOutId,
    msisdn: Msisdn,
    source: Nullable<Source>,
    note: Nullable<Note>,
    /// The time at which the number was opted out, in UTC with millisecond precision.
    created_on: Timestamp,
}

impl From<OptOut> for Record {
    fn from(opt_out: OptOut) -> Self {
        let OptOut { id, phone, source, note, created_at } = opt_out;
        let (source, note) = (Nullable(source), Nullable(note));
        Self { id, msisdn: Msisdn(phone), source, note, created_on: created_at }
    }
}

impl RecordDoc for Record {
    const NOUN: &'static str = "opt-out";
    const RESPONSE: &'static str = "AddressBookOptOutAnswer";
    const PAGE: &'static str = "AddressBookOptOutList";
    const ORDER: &'static str = "sorted by time in the requested direction";
}

impl Parameters for OffsetParams {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let direction = sort_direction(query);
        let offset = offset(query, "opt-outs");
        let limit = query.limit();
        Some(Self { direction: direction?, offset: offset?, limit: limit? })
    }
}

/// `{optout}`: v1 has the same key under another name.
struct OptOutParam(OptOutKey);

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
#[utoipa::path(post, path = "/addressbook/optouts", operation_id = CREATE)]
async fn create_record(
    authorized: Authorized<CreateOptOuts>,
    visibility: Visibility<ReadOptOuts>,
    body: IdempotentBody<CreateRecord>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let Created { resource: OptOutResult { opt_out, is_new }, replayed } =
        authorized.opt_outs().create(new, idempotent).await?;
    let opt_out = if is_new || visibility.is_full() { opt_out } else { opt_out.without_remarks() };
    Ok(response::idempotent(HttpResponse::Ok(), replayed).json(RecordResponse::<Record>::new(opt_out)))
}

/// List opt-outs
///
/// Returns a page of the opt-outs, newest first by default, and the total number of opt-outs.
#[utoipa::path(get, path = "/addressbook/optouts", operation_id = "listAddressBookOptOuts")]
async fn list_records(
    authorized: Authorized<ReadOptOuts>,
    Query { command: query, .. }: Query<OffsetParams>,
) -> HandlerResult {
    let page = authorized.opt_outs().offset_page(query).await?;
    Ok(HttpResponse::Ok().json(RecordPage::<Record>::new(page, query.offset, query.limit)))
}

/// Get an opt-out
///
/// Returns the opt-out with this id or of this msisdn. Use it to check whether a number has opted out.
#[utoipa::path(get, path = "/addressbook/optouts/{optout}", operation_id = "getAddressBookOptOut")]
async fn get_record(
    authorized: Authorized<ReadOptOuts>,
    PathParam(OptOutParam(key)): PathParam<OptOutParam>,
) -> HandlerResult {
    let opt_out = authorized.opt_outs().get(key).await?;
    Ok(HttpResponse::Ok().json(RecordResponse::<Record>::new(opt_out)))
}

/// Delete an opt-out
///
/// Deletes the opt-out permanently: the number is no longer opted out.
#[utoipa::path(delete, path = "/addressbook/optouts/{optout}", operation_id = "deleteAddressBookOptOut")]
async fn delete_record(
    authorized: Authorized<DeleteOptOuts>,
    PathParam(OptOutParam(key)): PathParam<OptOutParam>,
) -> HandlerResult {
    authorized.opt_outs().delete(key).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let record = || Record::from(example::opt_out());
    let invalid_key = || FieldViolation::at("optout", Violation::NotContactKey);
    let new = json!({"msisdn": examples::MSISDN, "source": example::SOURCE, "note": example::NOTE});
    let replayed = "`true` if an earlier request with the same `Idempotency-Key` opted the number out.";
    let create = operations::creates(&RESOURCE, record())
        .describe(200, "The number has opted out.")
        .header(200, IDEMPOTENT_REPLAYED, replayed)
        .request_example("opt_out", "All members", new)
        .example_violation(FieldViolation::of(Field::Phone, Violation::Required));
    let list = operations::lists(&RESOURCE, record()).example_violation(invalid_direction());
    let get = operations::gets(&RESOURCE, record()).example_violation(invalid_key());
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_key());
    table
        .protected(&DIALECT, __path_create_record, create_record, create)
        .protected(&DIALECT, __path_list_records, list_records, list)
        .protected(&DIALECT, __path_get_record, get_record, get)
        .protected(&DIALECT, __path_delete_record, delete_record, delete)
}
