//! `/v1/templates`

use super::dialect::DIALECT;
use super::operations::{self, created, found, invalid_cursor, invalid_id, tagged};
use super::pagination::{Listed, cursor_params, respond};
use super::tags;
use super::updated::Updated;
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateTemplates, DeleteTemplates, ReadTemplates, UpdateTemplates};
use crate::domain::template::engine::{Template, Variable};
use crate::domain::template::saved::{NewTemplate, TemplateName, TemplatePatch, TemplateQuery, TemplateText};
use crate::domain::{SavedTemplate, TemplateId, TemplateKey};
use crate::http::openapi::examples::template as examples;
use crate::http::prelude::*;

const PATH: &str = "/v1/templates";
const CREATE: &str = "createTemplate";

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::TEMPLATES), noun: "template", argument: "template", versioned: true };

/// A new template. `name` and `text` are required.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTemplate {
    #[validate(required)]
    name: Required<TemplateName>,
    #[validate(required)]
    text: Required<TemplateText>,
}

impl Payload for CreateTemplate {
    type Command = NewTemplate;

    fn into_command(self, violations: &mut Violations) -> Option<NewTemplate> {
        let name = violations.read("name", self.name);
        let text = violations.read("text", self.text);
        Some(NewTemplate { name: name?, text: text? })
    }
}

/// The changes to a template. A member that is absent or null keeps its value.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTemplate {
    name: Optional<TemplateName>,
    text: Optional<TemplateText>,
}

impl Payload for UpdateTemplate {
    type Command = TemplatePatch;

    fn into_command(self, violations: &mut Violations) -> Option<TemplatePatch> {
        Some(TemplatePatch {
            name: violations.read("name", self.name),
            text: violations.read("text", self.text),
        })
    }
}

/// A template. (`Template` would be no name for a type in the C client.)
#[derive(Debug, Serialize, ToSchema)]
#[schema(description = "A template.")]
pub struct MessageTemplate {
    id: TemplateId,
    name: TemplateName,
    text: TemplateText,
    /// The variables of the template, in the order of the text.
    variables: Vec<TemplateVariable>,
    /// The time at which the template was created, in UTC with millisecond precision.
    created_at: Timestamp,
    /// The time at which the template was last changed, in UTC with millisecond precision.
    updated_at: Timestamp,
}

/// A variable of a template.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateVariable {
    /// The name of the variable, as the template writes it.
    #[schema(example = "CITY")]
    name: String,
    /// Whether a recipient that lacks the variable gets no message. If false, the template has a fallback for
    /// it.
    #[schema(example = true)]
    required: bool,
}

impl From<SavedTemplate> for MessageTemplate {
    fn from(template: SavedTemplate) -> Self {
        let variable = |Variable { name, required }| TemplateVariable { name, required };
        let variables = template.text.variables().into_iter().map(variable).collect();
        // The version is the entity tag.
        let SavedTemplate { id, name, text, created_at, updated_at, version: _ } = template;
        Self { id, name, text, variables, created_at, updated_at }
    }
}

impl Listed for MessageTemplate {
    const PAGE: &'static str = "TemplateList";
    const PLURAL: &'static str = "templates";
}

impl Parameters for TemplateQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let page = cursor_params(query);
        let name = query.text_filter("name", "Only the template with this name.");
        Some(Self { page: page?, name })
    }
}

/// Create a template
///
/// Saves a text under a name, which must not be in use. An invalid text is rejected with the line and the
/// column of the error; the response lists the variables that the text takes from each recipient.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
async fn create_template(
    authorized: Authorized<CreateTemplates>,
    prefix: Prefix,
    body: IdempotentBody<CreateTemplate>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let may_read = authorized.may(Permission::ReadTemplates);
    let Created { resource: template, replayed } =
        authorized.templates().create(new, idempotent, may_read).await?;
    let response = created(&prefix, PATH, template.id, replayed);
    Ok(tagged(response, template.version, MessageTemplate::from(template)))
}

/// List templates
///
/// Returns a page of the templates, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page.
#[utoipa::path(get, path = PATH, operation_id = "listTemplates")]
async fn list_templates(
    authorized: Authorized<ReadTemplates>,
    prefix: Prefix,
    Query { command: query, filters }: Query<TemplateQuery>,
) -> HandlerResult {
    let params = query.page;
    let page = authorized.templates().cursor_page(query).await?;
    let path = prefix.prepend_to(PATH);
    Ok(respond::<MessageTemplate, _, _>(&path, &params, &filters, page, |template| template.id))
}

/// Get a template
///
/// Returns the template with this id, and the variables that it takes from each recipient.
#[utoipa::path(get, path = "/v1/templates/{id}", operation_id = "getTemplate")]
async fn get_template(
    authorized: Authorized<ReadTemplates>,
    PathParam(id): PathParam<TemplateId>,
    if_none_match: IfNoneMatch,
) -> HandlerResult {
    let template = authorized.templates().get(TemplateKey::Id(id)).await?;
    Ok(found(&if_none_match, template.version, || MessageTemplate::from(template)))
}

/// Update a template
///
/// Changes the members in the body; an absent member keeps its value. A new text is validated as on creation.
#[utoipa::path(patch, path = "/v1/templates/{id}", operation_id = "updateTemplate")]
async fn update_template(
    authorized: Authorized<UpdateTemplates>,
    visibility: Visibility<ReadTemplates>,
    PathParam(id): PathParam<TemplateId>,
    IfMatch(precondition): IfMatch,
    body: Body<UpdateTemplate>,
) -> HandlerResult {
    let template = authorized.templates().update(TemplateKey::Id(id), body.command, precondition).await?;
    let (updated_at, version) = (template.updated_at, template.version);
    let updated = Updated::<MessageTemplate>::new(&visibility, id.as_uuid(), updated_at, template);
    Ok(tagged(HttpResponse::Ok(), version, updated))
}

/// Delete a template
///
/// Deletes the template permanently. Its name can be reused.
#[utoipa::path(delete, path = "/v1/templates/{id}", operation_id = "deleteTemplate")]
async fn delete_template(
    authorized: Authorized<DeleteTemplates>,
    PathParam(id): PathParam<TemplateId>,
    IfMatch(precondition): IfMatch,
) -> HandlerResult {
    authorized.templates().delete(TemplateKey::Id(id), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let template = || MessageTemplate::from(examples::template());
    let unclosed = || {
        let violation = Template::parse("Hello {{ NAME").err();
        FieldViolation::at("text", violation.unwrap_or(Violation::Blank))
    };
    let new = json!({"name": examples::NAME, "text": examples::TEXT});
    let changes = json!({"text": examples::OTHER_TEXT});
    let create = operations::creates(&RESOURCE, template())
        .request_example("template", "With a fallback for one variable", new)
        .errors(&[ErrorCode::NameTaken])
        .example_violation(unclosed());
    let list = operations::lists(&RESOURCE, template()).example_violation(invalid_cursor());
    let get = operations::gets(&RESOURCE, template()).example_violation(invalid_id());
    let update = operations::updates(&RESOURCE, template())
        .request_example("text", "A new text", changes)
        .errors(&[ErrorCode::NameTaken])
        .example_violation(unclosed());
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_id());
    table
        .protected(&DIALECT, __path_create_template, create_template, create)
        .protected(&DIALECT, __path_list_templates, list_templates, list)
        .protected(&DIALECT, __path_get_template, get_template, get)
        .protected(&DIALECT, __path_update_template, update_template, update)
        .protected(&DIALECT, __path_delete_template, delete_template, delete)
}
