//! Accounts: the tenants. Every row and every index key belongs to exactly one of them.

pub mod limits;
pub mod repository;
pub mod service;

use std::fmt;

use limits::LimitOverrides;

use super::pagination::CursorParams;
use super::text;
use super::timestamp::Timestamp;
use super::violation::Violation;

/// The number of an account, by which operators and the log name it; its clients do not see it. A small integer and not a
/// UUID because it is the leading column of every primary key and index. Never used again once the account is gone.
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

    /// A positive number in decimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|id| digits && *id > 0).map(Self)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
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
}

text::stored_text!(AccountName);

/// Whether the requests of an account are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    Active,
    /// Requests are refused.
    Suspended,
    /// Suspended for good: what the account has is deleted at this time.
    Closed {
        purge_at: Timestamp,
    },
}

impl AccountState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed { .. } => "closed",
        }
    }

    /// From the times at which the account was suspended and is to be purged.
    #[must_use]
    pub fn of(suspended_at: Option<Timestamp>, purge_at: Option<Timestamp>) -> Self {
        match (suspended_at, purge_at) {
            (_, Some(purge_at)) => Self::Closed { purge_at },
            (Some(_), None) => Self::Suspended,
            (None, None) => Self::Active,
        }
    }
}

/// What an operator does to the state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    Suspend,
    /// Also ends the closing of an account.
    Resume,
    /// Also moves the date of a closed account.
    Close {
        purge_at: Timestamp,
    },
}

/// An account as operators see it: nothing of what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: AccountName,
    pub created_at: Timestamp,
    /// Since when its requests are refused, if they are.
    pub suspended_at: Option<Timestamp>,
    pub state: AccountState,
    /// How many contacts it has.
    pub contacts: u64,
    /// The last request with any of its keys, as far as it is stored.
    pub last_used_at: Option<Timestamp>,
    /// Those that it has for itself.
    pub limits: LimitOverrides,
}

/// A page of the list of accounts, newest first.
#[derive(Clone, Debug)]
pub struct AccountQuery {
    pub page: CursorParams<AccountId>,
    /// Only the account with this name.
    pub name: Option<AccountName>,
}
