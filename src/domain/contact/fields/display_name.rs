//! The display name, which only v1 shows.

use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

/// How a contact is shown in a list. Where there is none, v1 shows the handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

stored_text!(DisplayName);

impl DisplayName {
    /// Longest display name, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Reads a display name. Joiners are allowed, other than in a handle: families of emoji and
    /// Persian names need them, and nothing is looked up by a display name.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }

    /// What of the rule every regular expression can say, for the schema.
    pub const PATTERN: &str = text::PATTERN;

    /// What the rule forbids as a regular expression, for the schema.
    #[must_use]
    pub fn forbidden_pattern() -> String {
        text::forbidden_pattern(false)
    }
}
