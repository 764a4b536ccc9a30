//! The example template.

use crate::domain::template::saved::{TemplateName, TemplateText};
use crate::domain::{SavedTemplate, TemplateId, Timestamp};

pub const NAME: &str = "welcome";
pub const TEXT: &str = "Hello {{ NAME | default(\"friend\") }}, see you in {{ CITY }}!";
pub const OTHER_TEXT: &str = "Hello {{ contact.alias }}, see you in {{ CITY }}!";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn template() -> SavedTemplate {
    let created_at = Timestamp::parse(super::CREATED_AT).expect("a timestamp");
    SavedTemplate {
        id: TemplateId::parse(super::ID).expect("an id"),
        name: TemplateName::parse(NAME).expect("a name"),
        text: TemplateText::parse(TEXT).expect("a template"),
        created_at,
        updated_at: created_at,
        version: 1,
    }
}
