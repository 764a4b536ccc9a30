//! The operations of `/v1/audiences`.

use actix_web::HttpResponse;
use tokio_util::sync::CancellationToken;

use super::list::{EntryQuery, next_link};
use super::request::CreateAudience;
use super::response::{Audience, AudienceExclusion, AudienceLine, AudienceRecipient, KeptAudience};
use crate::domain::audience::{AudienceId, Entry, EntryPage, Kind};
use crate::domain::idempotency::Created;
use crate::domain::pagination::CursorParams;
use crate::domain::permission::granted::{DeleteAudiences, ReadAudiences, ReadContacts};
use crate::domain::{Error, ErrorCode};
use crate::http::audience::ResponseFormat;
use crate::http::audience::stream::stream;
use crate::http::auth::authorized::Authorized;
use crate::http::auth::caller::Caller;
use crate::http::error::api_error::ApiError;
use crate::http::error::table::with_alternatives;
use crate::http::extract::{IdempotentBody, PathParam, Query};
use crate::http::forwarded_prefix::Prefix;
use crate::http::media_type::NDJSON;
use crate::http::response::HandlerResult;
use crate::http::v1::operations;
use crate::http::v1::pagination::{self, Page, respond_with_links};

const PATH: &str = "/v1/audiences";
const CREATE: &str = "createAudience";

/// Resolve an audience
///
/// Determines exactly who gets which text, who does not, and why. Recipients can be specified in any mix. By
/// default, numbers that have opted out and numbers that already get a message are excluded; each exclusion
/// has a reason. Nothing is sent.
///
/// With `dry_run`, the response contains only counts and problems. With `keep`, the audience is stored as it
/// was resolved, even if its contacts change later. A kept audience is read page by page; it expires after a
/// day, unless it is deleted earlier. When a contact is deleted, its data is removed from the audience: its
/// position remains, as an exclusion with the reason `deleted`.
///
/// With `Accept: application/x-ndjson`, the response is streamed, regardless of its length: one JSON object
/// per line, each with one member. `recipient` and `exclusion` are the same as in the lists of the JSON
/// response, in the order of the request. The last line has `summary`, with `counts` and `problems`; without
/// it, the response is incomplete. If the stream is aborted by an error, the last line has `error` instead,
/// as in the error envelope.
///
/// `recipients` has at most 1,000 items, 10 of them with `segment` or `filter`, but groups, segments and filters
/// can add more contacts: {answer_limit} contacts in one JSON response, {kept_limit} in a kept audience, any
/// number in a stream and in a dry run. A larger audience is rejected with 422.
///
/// A filter, and that of a segment, is evaluated while the contacts are read: each contact that exists and matches
/// all the time is in the audience. What it names must exist: an unknown group or segment in a filter is answered
/// with 404. An unknown segment as a recipient is an exclusion.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
pub(super) async fn create_audience(
    authorized: Authorized<ReadContacts>,
    format: ResponseFormat,
    body: IdempotentBody<CreateAudience>,
) -> HandlerResult {
    let (command, idempotent) = body.into_parts(CREATE);
    let audiences = authorized.audiences();
    let segments = audiences.segments(&command).await?;
    authorized.require(segments.permissions())?;
    if command.keep && !command.dry_run {
        let cancelled = CancellationToken::new();
        // Dropped when the client disconnects: the framework then drops this future.
        let _cancel_on_drop = cancelled.clone().drop_guard();
        let pending = audiences.keep(command, segments, idempotent, format.deadline, cancelled).await?;
        let created = actix_web::rt::spawn(pending.create()).await;
        let Created { resource, replayed } =
            created.map_err(|error| Error::caused_by(ErrorCode::Internal, error))??;
        let mut response = operations::created(&format.prefix, PATH, resource.id, replayed);
        return Ok(response.json(Audience::from(resource)));
    }
    if format.ndjson && !command.dry_run {
        let lines = stream::<AudienceLine>(audiences.stream(command, segments).await?, format.origin);
        return Ok(HttpResponse::Ok().content_type(NDJSON).streaming(lines));
    }
    let audience = audiences.resolve(command, segments, format.deadline).await.map_err(suggest_stream)?;
    Ok(HttpResponse::Ok().json(Audience::from(audience)))
}

/// The domain does not know that a response can be streamed.
fn suggest_stream(error: Error) -> Error {
    if error.code() == ErrorCode::AudienceTooLarge {
        return Error::with_message(error.code(), with_alternatives(&error));
    }
    error
}

/// List audiences
///
/// Returns a page of the kept audiences, newest first.
#[utoipa::path(get, path = PATH, operation_id = "listAudiences")]
pub(super) async fn list_audiences(
    authorized: Authorized<ReadAudiences>,
    prefix: Prefix,
    Query { command: query, .. }: Query<CursorParams<AudienceId>>,
) -> HandlerResult {
    let page = authorized.audiences().list(query).await?;
    let path = prefix.prepend_to(PATH);
    Ok(pagination::respond::<KeptAudience, _, _>(&path, &query, &[], page, |audience| audience.id))
}

/// Get an audience
///
/// Returns a kept audience: its counts, and the reasons why some recipients get no message.
#[utoipa::path(get, path = "/v1/audiences/{id}", operation_id = "getAudience")]
pub(super) async fn get_audience(
    authorized: Authorized<ReadAudiences>,
    PathParam(id): PathParam<AudienceId>,
) -> HandlerResult {
    let kept = authorized.audiences().get(id).await?;
    Ok(HttpResponse::Ok().json(KeptAudience::from(kept)))
}

/// Delete an audience
///
/// Deletes the audience immediately. It no longer counts towards the account's limit.
#[utoipa::path(delete, path = "/v1/audiences/{id}", operation_id = "deleteAudience")]
pub(super) async fn delete_audience(
    authorized: Authorized<DeleteAudiences>,
    PathParam(id): PathParam<AudienceId>,
) -> HandlerResult {
    authorized.audiences().delete(id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List the recipients of an audience
///
/// Returns a page of the recipients that get a message, in the order of the audience.
#[utoipa::path(get, path = "/v1/audiences/{id}/recipients", operation_id = "listAudienceRecipients")]
pub(super) async fn list_recipients(
    authorized: Authorized<ReadAudiences>,
    prefix: Prefix,
    PathParam(id): PathParam<AudienceId>,
    Query { command: query, .. }: Query<EntryQuery>,
) -> HandlerResult {
    let page = page(&authorized, id, Kind::Recipients, query).await?;
    let links = next_link(&prefix.prepend_to(format_args!("{PATH}/{id}/recipients")), query, &page);
    let has_more = page.has_more;
    let data = page.entries.into_iter().filter_map(|(position, entry)| match entry {
        Entry::Included(included) => Some(AudienceRecipient::at(Some(position), included)),
        Entry::Excluded(_) => None,
    });
    Ok(respond_with_links(links, Page::new(has_more, data.collect())))
}

/// List the exclusions of an audience
///
/// Returns a page of the recipients that get no message, and the reasons, in the order of the audience.
#[utoipa::path(get, path = "/v1/audiences/{id}/exclusions", operation_id = "listAudienceExclusions")]
pub(super) async fn list_exclusions(
    authorized: Authorized<ReadAudiences>,
    prefix: Prefix,
    PathParam(id): PathParam<AudienceId>,
    Query { command: query, .. }: Query<EntryQuery>,
) -> HandlerResult {
    let page = page(&authorized, id, Kind::Exclusions, query).await?;
    let links = next_link(&prefix.prepend_to(format_args!("{PATH}/{id}/exclusions")), query, &page);
    let has_more = page.has_more;
    let data = page.entries.into_iter().filter_map(|(position, entry)| match entry {
        Entry::Excluded(exclusion) => Some(AudienceExclusion::at(Some(position), exclusion)),
        Entry::Included(_) => None,
    });
    Ok(respond_with_links(links, Page::new(has_more, data.collect())))
}

async fn page(
    authorized: &Authorized<ReadAudiences>,
    id: AudienceId,
    kind: Kind,
    EntryQuery { after, limit }: EntryQuery,
) -> Result<EntryPage, ApiError> {
    Ok(authorized.audiences().entries(id, kind, after, limit).await?)
}
