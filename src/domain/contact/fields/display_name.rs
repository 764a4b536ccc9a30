//! The display name; only v1 shows it.

use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

stored_text!(DisplayName);

impl DisplayName {
    pub const MAX_CHARS: usize = 100;

    /// Unlike in a handle, zero-width joiners are allowed: emoji sequences and Persian names need them, and a display
    /// name is not a lookup key.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }

    /// For the schema: the part of the rule that every regular expression dialect can express.
    pub const PATTERN: &str = text::PATTERN;

    /// For the schema: matches forbidden texts.
    #[must_use]
    pub fn forbidden_pattern() -> String {
        text::forbidden_pattern(false)
    }
}
