//! The members of a template.

use super::value::texts;
use crate::domain::template::saved::{TemplateName, TemplateText};
use crate::domain::text;
use crate::http::field::{TextDoc, WireText};
use crate::http::openapi::examples::template as examples;

texts!(TemplateName, TemplateText);

impl WireText for TemplateName {
    fn doc() -> TextDoc {
        TextDoc::unique_name("The name of the template.", Self::MAX_CHARS, examples::NAME)
    }
}

impl WireText for TemplateText {
    fn doc() -> TextDoc {
        TextDoc::new("The text, exactly as it was submitted.", Self::MAX_CHARS, examples::TEXT)
            .in_requests(
                "The text, stored unchanged. `{{ NAME }}` inserts a member of the recipient's `meta`, \
                 `{{ contact.alias }}` a member of the contact itself, and `{{ NAME | default(\"friend\") }}` \
                 has a fallback.",
            )
            .pattern("^[^\\x00]*$", Some(text::blank_pattern()))
    }
}
