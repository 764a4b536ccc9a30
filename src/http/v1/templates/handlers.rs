//! The operations of `/v1/templates`.

use actix_web::http::header::{ETag, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use utoipa::openapi::schema::Object;

use super::dto::{CreateTemplate, MessageTemplate, TemplateList, UpdateTemplate, UpdatedMessageTemplate};
use super::list::{ListTemplates, links};
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateTemplates, DeleteTemplates, ReadTemplates, UpdateTemplates};
use crate::domain::{Permission, SavedTemplate, TemplateId, TemplateKey, Violation};
use crate::http::auth::access::Visibility;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::{Body, IfMatch, IfNoneMatch, PathParam, PathValue, Query, entity_tag};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::{IdempotencyKeyHeader, IfMatchHeader, IfNoneMatchHeader};
use crate::http::response::{self, HandlerResult};

const PATH: &str = "/v1/templates";
const CREATE: &str = "createTemplate";

impl PathValue for TemplateId {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text).ok_or(Violation::NotUuid)
    }

    fn schema() -> Object {
        fields::template::id()
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
    authorized: Authorized<CreateTemplates>,
    prefix: Prefix,
    body: Body<CreateTemplate>,
) -> HandlerResult {
    let (new, idempotent) = body.into_idempotent(CREATE);
    let may_read = authorized.may(Permission::ReadTemplates);
    let Created { made: template, replayed } =
        authorized.templates().create(new, idempotent, may_read).await?;
    let mut response = response::created(HttpResponse::Created(), replayed);
    response.insert_header((LOCATION, prefix.prepend_to(format_args!("{PATH}/{}", template.id))));
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
    authorized: Authorized<ReadTemplates>,
    prefix: Prefix,
    Query(query): Query<ListTemplates>,
) -> HandlerResult {
    let page = authorized.templates().cursor_page(query.clone()).await?;
    let mut response = response::page(links(&prefix.prepend_to(PATH), &query, &page));
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
    params(PathParam<TemplateId>, IfNoneMatchHeader),
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
    authorized: Authorized<ReadTemplates>,
    PathParam(id): PathParam<TemplateId>,
    if_none_match: IfNoneMatch,
) -> HandlerResult {
    let template = authorized.templates().get(TemplateKey::Id(id)).await?;
    let tag = entity_tag(template.version);
    if if_none_match.has(&tag) {
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
    params(PathParam<TemplateId>, IfMatchHeader),
    request_body = UpdateTemplate,
    responses((
        status = 200,
        description = "The template after the change.",
        body = UpdatedMessageTemplate,
        headers(("ETag" = String, description = "The version of the template.")),
    )),
)]
pub(super) async fn update_template(
    authorized: Authorized<UpdateTemplates>,
    visibility: Visibility<ReadTemplates>,
    PathParam(id): PathParam<TemplateId>,
    IfMatch(precondition): IfMatch,
    body: Body<UpdateTemplate>,
) -> HandlerResult {
    let template = authorized.templates().update(TemplateKey::Id(id), body.command, precondition).await?;
    let (updated_at, tag) = (template.updated_at, entity_tag(template.version));
    let updated = UpdatedMessageTemplate::new(&visibility, template.id.as_uuid(), updated_at, template);
    Ok(HttpResponse::Ok().insert_header(ETag(tag)).json(updated))
}

/// Delete a template
///
/// Deletes the template permanently. Its name can be reused.
#[utoipa::path(
    delete,
    path = "/v1/templates/{id}",
    operation_id = "deleteTemplate",
    params(PathParam<TemplateId>, IfMatchHeader),
    responses((status = 204, description = "The template was deleted.")),
)]
pub(super) async fn delete_template(
    authorized: Authorized<DeleteTemplates>,
    PathParam(id): PathParam<TemplateId>,
    IfMatch(precondition): IfMatch,
) -> HandlerResult {
    authorized.templates().delete(TemplateKey::Id(id), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}
