//! The operations of `/v1/templates`.

use actix_web::http::header::{ETag, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use utoipa::IntoParams;

use super::dto::{CreateTemplate, MessageTemplate, TemplateList, UpdateTemplate, UpdatedMessageTemplate};
use super::list::{ListTemplates, links};
use crate::domain::idempotency::{self, Created};
use crate::domain::permission::granted::{CreateTemplates, DeleteTemplates, ReadTemplates, UpdateTemplates};
use crate::domain::{Permission, SavedTemplate, TemplateId, TemplateKey, Timestamp, Violation};
use crate::http::auth::access::Sees;
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, IfMatch, IfNoneMatch, Query, Segment, Segments, entity_tag};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::{IdempotencyKeyHeader, IfMatchHeader, IfNoneMatchHeader};
use crate::http::response;

type Answer = Result<HttpResponse, ApiError>;

const PATH: &str = "/v1/templates";
const CREATE: &str = "createTemplate";

/// `{id}`
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct Id {
    #[param(schema_with = fields::template::id)]
    id: TemplateId,
}

impl Segment for Id {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        TemplateId::parse(text).map(|id| Self { id }).ok_or(Violation::NotUuid)
    }
}

/// Create a template
///
/// Saves a text under a name, which must not be in use. An invalid text is rejected with the line and the
/// column of the error; the response lists the variables that the text takes from each recipient.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateTemplate,
    responses((
        status = 201,
        description = "The template was created.",
        body = MessageTemplate,
        headers(
            ("Location" = String, description = "The path of the template."),
            ("ETag" = String, description = "The version of the template."),
            ("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` created the template."),
        ),
    )),
)]
pub(super) async fn create_template(
    allowed: Authorized<CreateTemplates>,
    prefix: Prefix,
    body: Body<CreateTemplate>,
) -> Answer {
    let (new, attempt) = body.attempt(CREATE);
    let may_read = allowed.may(Permission::ReadTemplates);
    let insert = async |template, attempt| allowed.templates().insert(template, attempt).await;
    let Created { made: template, replayed } =
        idempotency::create(SavedTemplate::new(new), attempt, may_read, insert).await?;
    let mut response = response::made(HttpResponse::Created(), replayed);
    response.insert_header((LOCATION, prefix.before(format_args!("{PATH}/{}", template.id))));
    Ok(with_tag(response, template))
}

/// A response with one template, and its entity tag.
fn with_tag(mut response: HttpResponseBuilder, template: SavedTemplate) -> HttpResponse {
    response.insert_header(ETag(entity_tag(template.version))).json(MessageTemplate::from(template))
}

/// List templates
///
/// Returns a page of the templates, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listTemplates",
    params(ListTemplates),
    responses((
        status = 200,
        description = "A page of templates.",
        body = TemplateList,
        headers(("Link" = String, description = "The links to the next and the previous page, if they exist (RFC 8288).")),
    )),
)]
pub(super) async fn list_templates(
    allowed: Authorized<ReadTemplates>,
    prefix: Prefix,
    Query(query): Query<ListTemplates>,
) -> Answer {
    let page = allowed.templates().cursor_page(query.clone()).await?;
    let mut response = response::page(links(&prefix.before(PATH), &query, &page));
    let data = page.items.into_iter().map(MessageTemplate::from).collect();
    Ok(response.json(TemplateList { has_more: page.has_more, data }))
}

/// Get a template
///
/// Returns the template with this id, and the variables that it takes from each recipient.
#[utoipa::path(
    get,
    path = "/v1/templates/{id}",
    operation_id = "getTemplate",
    params(Id, IfNoneMatchHeader),
    responses(
        (
            status = 200,
            description = "The template.",
            body = MessageTemplate,
            headers(("ETag" = String, description = "The version of the template.")),
        ),
        (
            status = 304,
            description = "The template has not changed since the version that the client has.",
            headers(("ETag" = String, description = "The version of the template.")),
        ),
    ),
)]
pub(super) async fn get_template(
    allowed: Authorized<ReadTemplates>,
    Segments(Id { id }): Segments<Id>,
    cached: IfNoneMatch,
) -> Answer {
    let template = allowed.templates().find(TemplateKey::Id(id)).await?;
    let tag = entity_tag(template.version);
    if cached.has(&tag) {
        return Ok(HttpResponse::NotModified().insert_header(ETag(tag)).finish());
    }
    Ok(with_tag(HttpResponse::Ok(), template))
}

/// Update a template
///
/// Changes the members in the body; an absent member keeps its value. A new text is validated as on creation.
#[utoipa::path(
    patch,
    path = "/v1/templates/{id}",
    operation_id = "updateTemplate",
    params(Id, IfMatchHeader),
    request_body = UpdateTemplate,
    responses((
        status = 200,
        description = "The template after the change.",
        body = UpdatedMessageTemplate,
        headers(("ETag" = String, description = "The version of the template.")),
    )),
)]
pub(super) async fn update_template(
    allowed: Authorized<UpdateTemplates>,
    sees: Sees<ReadTemplates>,
    Segments(Id { id }): Segments<Id>,
    IfMatch(precondition): IfMatch,
    body: Body<UpdateTemplate>,
) -> Answer {
    let template =
        allowed.templates().update(TemplateKey::Id(id), body.command, precondition, Timestamp::now()).await?;
    let (updated_at, tag) = (template.updated_at, entity_tag(template.version));
    let updated = UpdatedMessageTemplate::new(&sees, template.id.as_uuid(), updated_at, template);
    Ok(HttpResponse::Ok().insert_header(ETag(tag)).json(updated))
}

/// Delete a template
///
/// Deletes the template permanently. Its name can be reused.
#[utoipa::path(
    delete,
    path = "/v1/templates/{id}",
    operation_id = "deleteTemplate",
    params(Id, IfMatchHeader),
    responses((status = 204, description = "The template was deleted.")),
)]
pub(super) async fn delete_template(
    allowed: Authorized<DeleteTemplates>,
    Segments(Id { id }): Segments<Id>,
    IfMatch(precondition): IfMatch,
) -> Answer {
    allowed.templates().delete(TemplateKey::Id(id), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}
