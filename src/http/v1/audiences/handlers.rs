//! The operations of `/v1/audiences`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use utoipa::IntoParams;

use super::answer::{
    Audience, AudienceExclusion, AudienceExclusionPage, AudienceLine, AudienceList, AudienceRecipient,
    AudienceRecipientPage, KeptAudience,
};
use super::list::{ListAudiences, ListEntries, PageOf, link, links};
use super::request::CreateAudience;
use crate::domain::audience::{AudienceId, Caller, Entry, EntryPage, Kind, Resolver, keep};
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{DeleteAudiences, ReadAudiences, ReadContacts};
use crate::domain::{Code, Error, Fault};
use crate::http::audience::{Manner, NDJSON, lines, whole};
use crate::http::auth::authorized::Allowed;
use crate::http::error::api_error::Problem;
use crate::http::extract::{Body, Query, Segment, Segments};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::parameters::AttemptHeader;
use crate::http::response;

type Answer = Result<HttpResponse, Problem>;

const PATH: &str = "/v1/audiences";
const CREATE: &str = "createAudience";

/// `{id}`
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct Id {
    #[param(schema_with = super::id, value_type = String)]
    id: AudienceId,
}

impl Segment for Id {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Fault> {
        AudienceId::parse(text).map(|id| Self { id }).ok_or(Fault::NotUuid)
    }
}

/// Resolve an audience
///
/// Answers who exactly gets what text, who does not, and why. Recipients are named in any mix; those who
/// have opted out and numbers that get a message already are left out, and every one who is left out is
/// told with a reason. Nothing is sent.
///
/// With `dry_run` the answer has counts and problems alone. With `keep` the audience is kept as it is found,
/// however its contacts change; it is read page by page and gone after a day, or once it is deleted. What it
/// says of a contact is gone when the contact is deleted: its place stays, as an exclusion with the reason
/// `deleted`.
///
/// With `Accept: application/x-ndjson` the answer is streamed, however long it is: a JSON object a line,
/// each with one member. `recipient` and `exclusion` are as in the lists of the JSON answer, in the order of
/// the request. The last line has `summary`, with `counts` and `problems`; without it the answer is
/// incomplete. Where the audience breaks off, the last line has `error` instead, as in the envelope.
///
/// `recipients` names at most 1,000, and groups may bring in more: {answer_limit} contacts in one JSON
/// document, {kept_limit} in an audience that is kept, any number in a stream and in a dry run. An audience
/// that is larger is refused with 422.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = CREATE,
    params(AttemptHeader),
    request_body = CreateAudience,
    responses(
        (
            status = 200,
            description = "The audience.",
            body = Audience,
        ),
        (
            status = 201,
            description = "The audience is kept.",
            body = Audience,
            headers(
                ("Location" = String, description = "The path of the audience."),
                ("Idempotent-Replayed" = String, description = "`true` where an earlier request with the same `Idempotency-Key` made the audience."),
            ),
        ),
    ),
)]
pub(super) async fn create_audience(
    allowed: Allowed<ReadContacts>,
    manner: Manner,
    body: Body<CreateAudience>,
) -> Answer {
    let (plan, attempt) = body.attempt(CREATE);
    let (dry_run, kept) = (plan.dry_run, plan.keep);
    let source = allowed.audiences();
    let caller = Caller::default();
    let streams = manner.as_lines && !dry_run && !kept;
    let wanted = plan.request(&allowed, manner.budget(&caller, streams)).await?;
    if kept && !dry_run {
        let turn = manner.keeping.begin(allowed.account()).ok_or(Code::AudienceInProgress)?;
        let presence = caller.presence();
        // In a task of its own, since this one ends with its client: what is begun has to be taken back then.
        let work = actix_web::rt::spawn(async move {
            let done = keep(source, wanted, attempt, manner.keep_limits).await;
            drop(turn);
            done
        });
        let done = work.await.map_err(|error| Error::caused_by(Code::Internal, error))?;
        drop(presence);
        let Created { made, replayed } = done?;
        let mut response = response::made(HttpResponse::Created(), replayed);
        response.insert_header((LOCATION, manner.prefix.before(format_args!("{PATH}/{}", made.id))));
        return Ok(response.json(Audience::from(made)));
    }
    if streams {
        let resolver = Resolver::begin(source, wanted).await?;
        let lines = lines::<AudienceLine>(resolver, manner.origin(&allowed));
        return Ok(HttpResponse::Ok().content_type(NDJSON).streaming(lines));
    }
    let audience = whole(source, wanted, dry_run, manner.answer_limit).await?;
    Ok(HttpResponse::Ok().json(Audience::from(audience)))
}

/// List audiences
///
/// A page of the audiences that are kept, the newest first.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listAudiences",
    params(ListAudiences),
    responses((
        status = 200,
        description = "A page of audiences.",
        body = AudienceList,
        headers(("Link" = String, description = "The next and the previous page (RFC 8288), where there are such.")),
    )),
)]
pub(super) async fn list_audiences(
    allowed: Allowed<ReadAudiences>,
    prefix: Prefix,
    Query(query): Query<ListAudiences>,
) -> Answer {
    let page = allowed.audiences().list(query).await?;
    let mut response = response::page(links(&prefix.before(PATH), &query, &page));
    let data = page.items.into_iter().map(KeptAudience::from).collect();
    Ok(response.json(AudienceList { has_more: page.has_more, data }))
}

/// Get an audience
///
/// An audience that is kept: its counts, and why some get no message.
#[utoipa::path(
    get,
    path = "/v1/audiences/{id}",
    operation_id = "getAudience",
    params(Id),
    responses((status = 200, description = "The audience.", body = KeptAudience)),
)]
pub(super) async fn get_audience(
    allowed: Allowed<ReadAudiences>,
    Segments(Id { id }): Segments<Id>,
) -> Answer {
    let kept = allowed.audiences().kept(id).await?;
    Ok(HttpResponse::Ok().json(KeptAudience::from(kept)))
}

/// Delete an audience
///
/// The audience is gone at once, and no longer counts against what the account may keep.
#[utoipa::path(
    delete,
    path = "/v1/audiences/{id}",
    operation_id = "deleteAudience",
    params(Id),
    responses((status = 204, description = "The audience is gone.")),
)]
pub(super) async fn delete_audience(
    allowed: Allowed<DeleteAudiences>,
    Segments(Id { id }): Segments<Id>,
) -> Answer {
    allowed.audiences().delete(id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List the recipients of an audience
///
/// A page of those who get a message, in the order of the audience.
#[utoipa::path(
    get,
    path = "/v1/audiences/{id}/recipients",
    operation_id = "listAudienceRecipients",
    params(Id, ListEntries),
    responses((
        status = 200,
        description = "A page of recipients.",
        body = AudienceRecipientPage,
        headers(("Link" = String, description = "The next page (RFC 8288), where there is one.")),
    )),
)]
pub(super) async fn list_recipients(
    allowed: Allowed<ReadAudiences>,
    prefix: Prefix,
    Segments(Id { id }): Segments<Id>,
    Query(of): Query<ListEntries>,
) -> Answer {
    let page = page(&allowed, id, Kind::Recipients, of).await?;
    let mut response =
        response::page(link(&prefix.before(format_args!("{PATH}/{id}/recipients")), of, &page));
    let has_more = page.has_more;
    let data = page.entries.into_iter().filter_map(|(position, entry)| match entry {
        Entry::Included(included) => Some(AudienceRecipient::at(Some(position), included)),
        Entry::Excluded(_) => None,
    });
    Ok(response.json(AudienceRecipientPage { has_more, data: data.collect() }))
}

/// List the exclusions of an audience
///
/// A page of those who get no message, and why, in the order of the audience.
#[utoipa::path(
    get,
    path = "/v1/audiences/{id}/exclusions",
    operation_id = "listAudienceExclusions",
    params(Id, ListEntries),
    responses((
        status = 200,
        description = "A page of exclusions.",
        body = AudienceExclusionPage,
        headers(("Link" = String, description = "The next page (RFC 8288), where there is one.")),
    )),
)]
pub(super) async fn list_exclusions(
    allowed: Allowed<ReadAudiences>,
    prefix: Prefix,
    Segments(Id { id }): Segments<Id>,
    Query(of): Query<ListEntries>,
) -> Answer {
    let page = page(&allowed, id, Kind::Exclusions, of).await?;
    let mut response =
        response::page(link(&prefix.before(format_args!("{PATH}/{id}/exclusions")), of, &page));
    let has_more = page.has_more;
    let data = page.entries.into_iter().filter_map(|(position, entry)| match entry {
        Entry::Excluded(exclusion) => Some(AudienceExclusion::at(Some(position), exclusion)),
        Entry::Included(_) => None,
    });
    Ok(response.json(AudienceExclusionPage { has_more, data: data.collect() }))
}

async fn page(
    allowed: &Allowed<ReadAudiences>,
    id: AudienceId,
    kind: Kind,
    PageOf { after, limit }: PageOf,
) -> Result<EntryPage, Problem> {
    Ok(allowed.audiences().page(id, kind, after, limit).await?)
}
