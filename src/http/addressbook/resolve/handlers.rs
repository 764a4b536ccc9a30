//! The operation of `/addressbook/resolve`.

use actix_web::HttpResponse;

use super::dto::{ResolveRequest, ResolveResponse};
use crate::domain::audience::RequestedSegments;
use crate::domain::permission::granted::ReadContacts;
use crate::http::audience::ResponseFormat;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::Body;
use crate::http::response::HandlerResult;

/// Resolve aliases
///
/// Determines exactly who gets which text, who does not, and why, for up to 1,000 aliases. By default,
/// numbers that have opted out and numbers that already get a message are excluded. Nothing is sent. With
/// `dry_run`, the response contains only counts and problems.
#[utoipa::path(post, path = "/addressbook/resolve", operation_id = "resolveAddressBookAliases")]
pub(super) async fn resolve(
    authorized: Authorized<ReadContacts>,
    format: ResponseFormat,
    body: Body<ResolveRequest>,
) -> HandlerResult {
    let (audiences, no_segments) = (authorized.audiences(), RequestedSegments::default());
    let audience = audiences.resolve(body.command, no_segments, format.deadline).await?;
    Ok(HttpResponse::Ok().json(ResolveResponse::from(audience)))
}
