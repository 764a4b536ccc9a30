//! `/v1/opt_outs`

use actix_web::http::StatusCode;
use utoipa::openapi::schema::Object;

use super::dialect::DIALECT;
use super::operations::{self, created, invalid_cursor};
use super::pagination::{Listed, cursor_params, respond};
use super::tags;
use crate::domain::contact::fields::Phone;
use crate::domain::idempotency::Created;
use crate::domain::opt_out::{NewOptOut, Note, OptOutQuery, OptOutResult, Source};
use crate::domain::permission::granted::{CreateOptOuts, DeleteOptOuts, ReadOptOuts};
use crate::domain::{self, OptOutId, OptOutKey};
use crate::http::headers::IDEMPOTENT_REPLAYED;
use crate::http::openapi::examples::opt_out as example;
use crate::http::openapi::{examples, fields};
use crate::http::prelude::*;

const PATH: &str = "/v1/opt_outs";
const CREATE: &str = "createOptOut";

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::OPT_OUTS), noun: "opt-out", argument: "opt_out", versioned: false };

/// A number to opt out. `phone_number` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOptOut {
    #[validate(required)]
    phone_number: Required<Phone>,
    source: Optional<Source>,
    note: Optional<Note>,
}

impl Payload for CreateOptOut {
    type Command = NewOptOut;

    fn into_command(self, violations: &mut Violations) -> Option<NewOptOut> {
        let phone = violations.read("phone_number", self.phone_number);
        let source = violations.read("source", self.source);
        let note = violations.read("note", self.note);
        Some(NewOptOut { phone: phone?, source, note })
    }
}

/// A number that has opted out.
#[derive(Debug, Serialize, ToSchema)]
pub struct OptOut {
    id: OptOutId,
    phone_number: Phone,
    source: Nullable<Source>,
    note: Nullable<Note>,
    /// The time at which the number was opted out, in UTC with millisecond precision.
    created_at: Timestamp,
}

impl From<domain::OptOut> for OptOut {
    fn from(opt_out: domain::OptOut) -> Self {
        let domain::OptOut { id, phone, source, note, created_at } = opt_out;
        Self { id, phone_number: phone, source: Nullable(source), note: Nullable(note), created_at }
    }
}

impl Listed for OptOut {
    const PAGE: &'static str = "OptOutList";
    const PLURAL: &'static str = "opt-outs";
}

impl Parameters for OptOutQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let page = cursor_params(query);
        let about = "Only the opt-out of this phone number, in any accepted spelling.";
        let phone = query.text_filter("phone_number", about);
        Some(Self { page: page?, phone })
    }
}

impl PathValue for OptOutKey {
    const NAME: &'static str = "opt_out";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text)
    }

    fn schema() -> Object {
        fields::id_or_phone("The id of the opt-out, or its phone number in any accepted spelling.")
    }
}

/// Opt a number out
///
/// Opts the number out from now on, regardless of which contacts have it or will have it. If the number has
/// already opted out, the existing opt-out stays unchanged; its `source` and `note` are null in the response
/// if the key may not read opt-outs.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
async fn create_opt_out(
    authorized: Authorized<CreateOptOuts>,
    visibility: Visibility<ReadOptOuts>,
    prefix: Prefix,
    body: IdempotentBody<CreateOptOut>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let Created { resource: OptOutResult { opt_out, is_new }, replayed } =
        authorized.opt_outs().create(new, idempotent).await?;
    let opt_out = if is_new || visibility.is_full() { opt_out } else { opt_out.without_remarks() };
    let mut response = created(&prefix, PATH, opt_out.id, replayed);
    if !is_new {
        response.status(StatusCode::OK);
    }
    Ok(response.json(OptOut::from(opt_out)))
}

/// List opt-outs
///
/// Returns a page of the opt-outs, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page.
#[utoipa::path(get, path = PATH, operation_id = "listOptOuts")]
async fn list_opt_outs(
    authorized: Authorized<ReadOptOuts>,
    prefix: Prefix,
    Query { command: query, filters }: Query<OptOutQuery>,
) -> HandlerResult {
    let params = query.page;
    let page = authorized.opt_outs().cursor_page(query).await?;
    Ok(respond::<OptOut, _, _>(&prefix.prepend_to(PATH), &params, &filters, page, |opt_out| opt_out.id))
}

/// Get an opt-out
///
/// Returns the opt-out with this id or of this phone number. Use it to check whether a number has opted out.
#[utoipa::path(get, path = "/v1/opt_outs/{opt_out}", operation_id = "getOptOut")]
async fn get_opt_out(
    authorized: Authorized<ReadOptOuts>,
    PathParam(key): PathParam<OptOutKey>,
) -> HandlerResult {
    let opt_out = authorized.opt_outs().get(key).await?;
    Ok(HttpResponse::Ok().json(OptOut::from(opt_out)))
}

/// Delete an opt-out
///
/// Deletes the opt-out permanently: the number is no longer opted out.
#[utoipa::path(delete, path = "/v1/opt_outs/{opt_out}", operation_id = "deleteOptOut")]
async fn delete_opt_out(
    authorized: Authorized<DeleteOptOuts>,
    PathParam(key): PathParam<OptOutKey>,
) -> HandlerResult {
    authorized.opt_outs().delete(key).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let opt_out = || OptOut::from(example::opt_out());
    let invalid_key = || FieldViolation::at("opt_out", Violation::NotContactKey);
    let minimal = json!({"phone_number": examples::PHONE});
    let full = json!({"phone_number": examples::PHONE, "source": example::SOURCE, "note": example::NOTE});
    let created = "`true` if an earlier request with the same `Idempotency-Key` opted the number out.";
    let replayed = "`true` if an earlier request with the same `Idempotency-Key` got this response.";
    let create = operations::creates(&RESOURCE, opt_out())
        .describe(201, "The number was opted out.")
        .header(201, IDEMPOTENT_REPLAYED, created)
        .responds::<OptOut>(
            200,
            "The number had already opted out; the response is the existing opt-out.",
            opt_out(),
        )
        .header(200, "Location", "The path of the opt-out.")
        .header(200, IDEMPOTENT_REPLAYED, replayed)
        .request_example("full", "All members", full)
        .request_example("minimal", "Only the required members", minimal)
        .example_violation(FieldViolation::at("phone_number", Violation::Required));
    let list = operations::lists(&RESOURCE, opt_out()).example_violation(invalid_cursor());
    let get = operations::gets(&RESOURCE, opt_out()).example_violation(invalid_key());
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_key());
    table
        .protected(&DIALECT, __path_create_opt_out, create_opt_out, create)
        .protected(&DIALECT, __path_list_opt_outs, list_opt_outs, list)
        .protected(&DIALECT, __path_get_opt_out, get_opt_out, get)
        .protected(&DIALECT, __path_delete_opt_out, delete_opt_out, delete)
}
