//! Accounts: the tenants. Every row and every index key belongs to exactly one of them.

use super::text;
use super::violation::Violation;

/// Internal account number; never on the wire. A small integer and not a UUID because it is the leading column of
/// every primary key and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(i64);

impl AccountId {
    #[must_use]
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// The account's name in the command line and in lists of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName(String);

impl AccountName {
    pub const MAX_CHARS: usize = 64;
    /// The account that the first start creates.
    pub const DEFAULT: &'static str = "default";

    /// Accepts 1 to [`Self::MAX_CHARS`] characters, none of them invisible.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }

    #[must_use]
    pub fn default_account() -> Self {
        Self(Self::DEFAULT.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
