//! The handle: `username` in v1, `alias` in the address book.

use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

/// The contact's unique name within the account, compared by code points.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle(String);

stored_text!(Handle);

impl Handle {
    pub const MAX_CHARS: usize = 64;

    /// Trims and normalises to NFC; rejects invisible characters, which would let two handles look the same.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }

    /// For the schema: the part of the rule that every regular expression dialect can express.
    pub const PATTERN: &str = text::PATTERN;

    /// For the schema: matches forbidden texts.
    #[must_use]
    pub fn forbidden_pattern() -> String {
        text::forbidden_pattern(true)
    }
}
