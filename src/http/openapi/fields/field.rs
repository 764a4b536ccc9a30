//! The members of a declared field.

use utoipa::openapi::schema::Object;

use super::value::{texts, word_of};
use crate::domain::field::{FieldKey, FieldState, FieldType};
use crate::http::field::{TextDoc, WireText};
use crate::http::openapi::examples::field as examples;

texts!(FieldKey);

impl WireText for FieldKey {
    fn doc() -> TextDoc {
        TextDoc::new("A key of `meta`, compared exactly.", Self::MAX_CHARS, examples::KEY)
            .pattern("^[^\\x00]*$", None)
    }
}

#[must_use]
pub fn field_type() -> Object {
    let names = FieldType::ALL.map(|field_type| (field_type.as_str(), field_type.about()));
    word_of("Which values are indexed, and in which order", &names)
}

#[must_use]
pub fn state() -> Object {
    let names = FieldState::ALL.map(|state| (state.as_str(), state.about()));
    word_of("Whether filters and orders can use the field", &names)
}
