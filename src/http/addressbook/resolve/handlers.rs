//! The operation of `/addressbook/resolve`.

use actix_web::HttpResponse;

use super::dto::{ResolveAnswer, ResolveRequest};
use crate::domain::audience::Caller;
use crate::domain::permission::granted::ReadContacts;
use crate::http::audience::{ResponseFormat, whole};
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::Body;

/// Resolve aliases
///
/// Determines exactly who gets which text, who does not, and why, for up to 1,000 aliases. By default,
/// numbers that have opted out and numbers that already get a message are excluded. Nothing is sent. With
/// `dry_run`, the response contains only counts and problems.
#[utoipa::path(
    post,
    path = "/addressbook/resolve",
    operation_id = "resolveAddressBookAliases",
    request_body = ResolveRequest,
    responses((status = 200, description = "The messages and the exclusions.", body = ResolveAnswer)),
)]
pub(super) async fn resolve(
    allowed: Authorized<ReadContacts>,
    manner: ResponseFormat,
    body: Body<ResolveRequest>,
) -> Result<HttpResponse, ApiError> {
    let plan = body.command;
    let dry_run = plan.dry_run;
    // Its work ends with this function, and so with its client.
    let wanted = plan.request(&allowed, manner.budget(&Caller::default(), false)).await?;
    let audience = whole(allowed.audiences(), wanted, dry_run, manner.answer_limit).await?;
    Ok(HttpResponse::Ok().json(ResolveAnswer::from(audience)))
}
