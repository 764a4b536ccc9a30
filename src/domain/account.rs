//! Accounts: the tenants whose contacts are kept apart.

use super::text;
use super::violation::Violation;

/// The number of an account. Never shown on the wire.
///
/// A small integer and not a UUID because it begins every key and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(i64);

impl AccountId {
    /// As stored.
    #[must_use]
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    /// As stored.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// The name by which an operator speaks of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName(String);

impl AccountName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 64;
    /// The account that the first start makes.
    pub const DEFAULT: &'static str = "default";

    /// Reads a name: 1 to [`Self::MAX_CHARS`] characters, none of them invisible.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }

    /// The account that the first start makes.
    #[must_use]
    pub fn default_account() -> Self {
        Self(Self::DEFAULT.to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
