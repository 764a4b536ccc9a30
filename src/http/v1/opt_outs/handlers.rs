//! The operations of `/v1/opt_outs`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use utoipa::openapi::schema::Object;

use super::dto::{CreateOptOut, OptOut, OptOutList};
use super::list::{ListOptOuts, links};
use crate::domain::idempotency::Created;
use crate::domain::opt_out::OptOutResult;
use crate::domain::permission::granted::{CreateOptOuts, DeleteOptOuts, ReadOptOuts};
use crate::domain::{OptOutKey, Violation};
use crate::http::auth::access::Visibility;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::{Body, PathParam, PathValue, Query};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response::{self, HandlerResult};

const PATH: &str = "/v1/opt_outs";
const CREATE: &str = "createOptOut";

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
#[utoipa::path(
    post,
    path = PATH,
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateOptOut,
    responses(
        (
            status = 201,
            description = "The number was opted out.",
            body = OptOut,
            headers(
                ("Location" = String, description = "The path of the opt-out."),
                ("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` opted the number out."),
            ),
        ),
        (
            status = 200,
            description = "The number had already opted out; the response is the existing opt-out.",
            body = OptOut,
            headers(
                ("Location" = String, description = "The path of the opt-out."),
                ("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` got this response."),
            ),
        ),
    ),
)]
pub(super) async fn create_opt_out(
    authorized: Authorized<CreateOptOuts>,
    visibility: Visibility<ReadOptOuts>,
    prefix: Prefix,
    body: Body<CreateOptOut>,
) -> HandlerResult {
    let (new, idempotent) = body.into_idempotent(CREATE);
    let Created { made: OptOutResult { opt_out, is_new }, replayed } =
        authorized.opt_outs().create(new, idempotent).await?;
    let opt_out = if is_new || visibility.is_full() { opt_out } else { opt_out.without_remarks() };
    let mut response =
        response::created(if is_new { HttpResponse::Created() } else { HttpResponse::Ok() }, replayed);
    response.insert_header((LOCATION, prefix.prepend_to(format_args!("{PATH}/{}", opt_out.id))));
    Ok(response.json(OptOut::from(opt_out)))
}

/// List opt-outs
///
/// Returns a page of the opt-outs, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listOptOuts",
    params(ListOptOuts),
    responses((
        status = 200,
        description = "A page of opt-outs.",
        body = OptOutList,
        headers(("Link" = String, description = "The links to the next and the previous page, if they exist (RFC 8288).")),
    )),
)]
pub(super) async fn list_opt_outs(
    authorized: Authorized<ReadOptOuts>,
    prefix: Prefix,
    Query(query): Query<ListOptOuts>,
) -> HandlerResult {
    let page = authorized.opt_outs().cursor_page(query.clone()).await?;
    let mut response = response::page(links(&prefix.prepend_to(PATH), &query, &page));
    let data = page.items.into_iter().map(OptOut::from).collect();
    Ok(response.json(OptOutList { has_more: page.has_more, data }))
}

/// Get an opt-out
///
/// Returns the opt-out with this id or of this phone number. Use it to check whether a number has opted out.
#[utoipa::path(
    get,
    path = "/v1/opt_outs/{opt_out}",
    operation_id = "getOptOut",
    params(PathParam<OptOutKey>),
    responses((status = 200, description = "The opt-out.", body = OptOut)),
)]
pub(super) async fn get_opt_out(
    authorized: Authorized<ReadOptOuts>,
    PathParam(key): PathParam<OptOutKey>,
) -> HandlerResult {
    let opt_out = authorized.opt_outs().get(key).await?;
    Ok(HttpResponse::Ok().json(OptOut::from(opt_out)))
}

/// Delete an opt-out
///
/// Deletes the opt-out permanently: the number is no longer opted out.
#[utoipa::path(
    delete,
    path = "/v1/opt_outs/{opt_out}",
    operation_id = "deleteOptOut",
    params(PathParam<OptOutKey>),
    responses((status = 204, description = "The opt-out was deleted.")),
)]
pub(super) async fn delete_opt_out(
    authorized: Authorized<DeleteOptOuts>,
    PathParam(key): PathParam<OptOutKey>,
) -> HandlerResult {
    authorized.opt_outs().delete(key).await?;
    Ok(HttpResponse::NoContent().finish())
}
