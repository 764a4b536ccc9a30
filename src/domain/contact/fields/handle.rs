//! The handle: `username` in v1, `alias` in the address book.

use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

/// The name by which messages speak of a contact. Unique within the account, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle(String);

stored_text!(Handle);

impl Handle {
    /// Longest handle, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Reads a handle: trimmed, in normal form C, without invisible characters.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }

    /// What of the rule every regular expression can say, for the schema.
    pub const PATTERN: &str = text::PATTERN;

    /// What the rule forbids as a regular expression, for the schema.
    #[must_use]
    pub fn forbidden_pattern() -> String {
        text::forbidden_pattern(true)
    }
}
