//! What searches are asked, and what they add to a contact.

use utoipa::openapi::schema::Object;

use super::value::{inline_schema, text, word_of};
use crate::domain::search::{MatchType, SearchTerm};

inline_schema!(
    MatchType,
    match_type("How the contact matches `search`, the best first; present only in what a search finds")
);

/// A search term.
#[must_use]
pub fn term(about: &str) -> Object {
    text()
        .description(Some(about))
        .min_length(Some(1))
        .max_length(Some(SearchTerm::MAX_CHARS))
        .examples(["john"])
        .build()
}

#[must_use]
pub fn match_type(about: &str) -> Object {
    word_of(about, &MatchType::ALL.map(|match_type| (match_type.as_str(), match_type.about())))
}
