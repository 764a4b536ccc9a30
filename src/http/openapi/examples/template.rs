//! The one example template.

use crate::domain::template::saved::{TemplateName, TemplateText};
use crate::domain::{SavedTemplate, TemplateId, Timestamp};

/// Its name.
pub const NAME: &str = "welcome";
/// Its text.
pub const TEXT: &str = "Hello {{ NAME | default(\"friend\") }}, see you in {{ CITY }}!";
/// Another text.
pub const OTHER_TEXT: &str = "Hello {{ contact.alias }}, see you in {{ CITY }}!";

/// The template.
///
/// # Panics
/// The constants are not what the domain takes: seen by every test that makes the document.
#[must_use]
pub fn template() -> SavedTemplate {
    let made = Timestamp::parse(super::CREATED_AT).expect("a moment");
    SavedTemplate {
        id: TemplateId::parse(super::ID).expect("an id"),
        name: TemplateName::parse(NAME).expect("a name"),
        text: TemplateText::parse(TEXT).expect("a template"),
        created_at: made,
        updated_at: made,
        version: 1,
    }
}
