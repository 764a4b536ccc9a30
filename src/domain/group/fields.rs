//! The members of a group.

use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

/// What a group is called. Unique within the account, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupName(String);

stored_text!(GroupName);

impl GroupName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Reads a name: trimmed, in normal form C, without invisible characters.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }
}

/// What a group is for, in the words of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription(String);

stored_text!(GroupDescription);

impl GroupDescription {
    /// Longest description, in characters.
    pub const MAX_CHARS: usize = 200;

    /// Reads a description: one line.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }
}
