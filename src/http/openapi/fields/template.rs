//! Schemas of the members of a template.

use utoipa::openapi::schema::Object;

use super::{id_of, reject_matches, text, timestamp};
use crate::domain::template::saved::{TemplateName, TemplateText};
use crate::domain::text as rules;
use crate::http::openapi::examples::template as examples;

#[must_use]
pub fn id() -> Object {
    id_of("template")
}

#[must_use]
pub fn name() -> Object {
    text()
        .description(Some(
            "The name of the template. Unique within the account and compared exactly; leading and trailing \
             whitespace is removed.",
        ))
        .min_length(Some(1))
        .max_length(Some(TemplateName::MAX_CHARS))
        .pattern(Some(rules::PATTERN))
        .extensions(Some(reject_matches(&rules::forbidden_pattern(true))))
        .examples([examples::NAME])
        .build()
}

#[must_use]
pub fn stored_name() -> Object {
    let about = "The name of the template.";
    text()
        .description(Some(about))
        .max_length(Some(TemplateName::MAX_CHARS))
        .examples([examples::NAME])
        .build()
}

#[must_use]
pub fn source() -> Object {
    text()
        .description(Some(
            "The text, stored unchanged. `{{ NAME }}` inserts a member of the recipient's `meta`, \
             `{{ contact.alias }}` a member of the contact itself, and `{{ NAME | default(\"friend\") }}` \
             has a fallback.",
        ))
        .min_length(Some(1))
        .max_length(Some(TemplateText::MAX_CHARS))
        .pattern(Some("^[^\\x00]*$"))
        .extensions(Some(reject_matches(&rules::blank_pattern())))
        .examples([examples::TEXT])
        .build()
}

#[must_use]
pub fn stored_source() -> Object {
    let about = "The text, exactly as it was submitted.";
    text()
        .description(Some(about))
        .max_length(Some(TemplateText::MAX_CHARS))
        .examples([examples::TEXT])
        .build()
}

#[must_use]
pub fn created() -> Object {
    timestamp("The time at which the template was created, in UTC with millisecond precision.")
}

#[must_use]
pub fn updated() -> Object {
    timestamp("The time at which the template was last changed, in UTC with millisecond precision.")
}
