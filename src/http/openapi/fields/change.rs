//! The members of a change.

use utoipa::openapi::schema::Object;

use super::value::{text, word_of};
use crate::domain::change::ChangeType;
use crate::http::openapi::examples;

/// A position in the change log.
#[must_use]
pub fn position(about: &str) -> Object {
    // The first byte is the version of the form.
    let pattern = "^A[Q-Za-f][A-Za-z0-9_-]{10}$";
    text()
        .description(Some(about))
        .pattern(Some(pattern))
        .examples([examples::change_position().to_string()])
        .build()
}

#[must_use]
pub fn change_type() -> Object {
    let names = ChangeType::ALL.map(|change_type| (change_type.as_str(), change_type.about()));
    word_of("What happened", &names)
}

/// The name of a member.
#[must_use]
pub fn changed() -> Object {
    text().examples(["meta.CITY"]).build()
}
