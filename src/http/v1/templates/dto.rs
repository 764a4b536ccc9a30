//! Bodies of `/v1/templates`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::template::engine::Variable;
use crate::domain::template::saved::{NewTemplate, TemplateName, TemplatePatch, TemplateText};
use crate::domain::{SavedTemplate, TemplateId, Timestamp};
use crate::http::extract::{Payload, Violations};
use crate::http::openapi::examples::template as examples;
use crate::http::openapi::fields::template as fields;
use crate::http::v1::updated::Updated;

/// A new template. `name` and `text` are required.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTemplate {
    #[validate(required)]
    #[schema(schema_with = fields::name, required)]
    name: Option<String>,
    #[validate(required)]
    #[schema(schema_with = fields::source, required)]
    text: Option<String>,
}

impl CreateTemplate {
    pub(super) fn example() -> Value {
        json!({"name": examples::NAME, "text": examples::TEXT})
    }
}

impl Payload for CreateTemplate {
    type Command = NewTemplate;

    fn into_command(self, violations: &mut Violations) -> Option<NewTemplate> {
        let Self { name, text } = self;
        let name = violations.parse("name", name, TemplateName::parse);
        let text = violations.parse("text", text, TemplateText::parse);
        Some(NewTemplate { name: name?, text: text? })
    }
}

/// The changes to a template. A member that is absent or null keeps its value.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTemplate {
    #[schema(schema_with = fields::name, required = false)]
    name: Option<String>,
    #[schema(schema_with = fields::source, required = false)]
    text: Option<String>,
}

impl UpdateTemplate {
    pub(super) fn example() -> Value {
        json!({"text": examples::OTHER_TEXT})
    }
}

impl Payload for UpdateTemplate {
    type Command = TemplatePatch;

    fn into_command(self, violations: &mut Violations) -> Option<TemplatePatch> {
        let Self { name, text } = self;
        Some(TemplatePatch {
            name: violations.parse("name", name, TemplateName::parse),
            text: violations.parse("text", text, TemplateText::parse),
        })
    }
}

/// A template. (`Template` would be no name for a type in the C client.)
#[derive(Debug, Serialize, ToSchema)]
#[schema(description = "A template.")]
pub struct MessageTemplate {
    #[schema(schema_with = fields::id)]
    id: TemplateId,
    #[schema(schema_with = fields::stored_name)]
    name: String,
    #[schema(schema_with = fields::stored_source)]
    text: String,
    /// The variables of the template, in the order of the text.
    variables: Vec<TemplateVariable>,
    #[schema(schema_with = fields::created)]
    created_at: Timestamp,
    #[schema(schema_with = fields::updated)]
    updated_at: Timestamp,
}

/// A template after an update.
pub type UpdatedMessageTemplate = Updated<MessageTemplate>;

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

impl From<Variable> for TemplateVariable {
    fn from(variable: Variable) -> Self {
        let Variable { name, required } = variable;
        Self { name, required }
    }
}

impl From<SavedTemplate> for MessageTemplate {
    fn from(template: SavedTemplate) -> Self {
        let SavedTemplate {
            id,
            name,
            text,
            created_at,
            updated_at,
            version: _, // the entity tag
        } = template;
        Self {
            id,
            name: name.into_string(),
            variables: text.variables().into_iter().map(TemplateVariable::from).collect(),
            text: text.into_string(),
            created_at,
            updated_at,
        }
    }
}

/// A page of templates.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateList {
    /// Whether there are more templates in the direction of the cursor.
    pub has_more: bool,
    /// The templates, newest first.
    pub data: Vec<MessageTemplate>,
}
