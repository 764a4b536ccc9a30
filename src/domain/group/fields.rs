//! The fields of a group: limits, validation rules and parser.

use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

/// Unique within the account, compared by code points.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupName(String);

stored_text!(GroupName);

impl GroupName {
    pub const MAX_CHARS: usize = 64;

    /// Trims and normalises to NFC; rejects invisible characters.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }
}

/// Free text, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription(String);

stored_text!(GroupDescription);

impl GroupDescription {
    pub const MAX_CHARS: usize = 200;

    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }
}
