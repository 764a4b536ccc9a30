//! The limits of an account: those of the server, unless operators have set others for it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::domain::violation::Violation;
use crate::domain::wire_names::wire_names;

/// What applies to one account. Everyone who enforces or shows a limit has it from here. `None`: any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Requests per second of each key.
    pub key_rate: Option<NonZeroU32>,
    /// Requests per second of all keys together.
    pub account_rate: Option<NonZeroU32>,
    /// For how many seconds requests may be sent at once that would otherwise be sent one by one.
    pub rate_window: NonZeroU32,
    pub contacts: Option<u64>,
    /// Entries of kept audiences.
    pub audience_entries: u64,
    /// Bytes of the files and the plans of imports.
    pub import_bytes: u64,
    /// Exports and audiences that are sent at once.
    pub streams: Option<u64>,
    /// Requests for changes at once.
    pub feeds: Option<u64>,
    /// Imports in progress at once.
    pub imports: Option<u64>,
}

impl AccountLimits {
    /// For programs that accept no requests.
    pub const NONE: Self = Self {
        key_rate: None,
        account_rate: None,
        rate_window: NonZeroU32::MIN,
        contacts: None,
        audience_entries: u64::MAX,
        import_bytes: u64::MAX,
        streams: None,
        feeds: None,
        imports: None,
    };

    /// These limits, except for those that are overridden.
    #[must_use]
    pub fn overridden_by(self, overrides: &LimitOverrides) -> Self {
        let of = |limit| overrides.get(limit);
        let rate =
            |limit| of(limit).and_then(|rate| NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX)));
        Self {
            key_rate: rate(AccountLimit::KeyRate).or(self.key_rate),
            account_rate: rate(AccountLimit::AccountRate).or(self.account_rate),
            rate_window: self.rate_window,
            contacts: of(AccountLimit::Contacts).or(self.contacts),
            audience_entries: of(AccountLimit::AudienceEntries).unwrap_or(self.audience_entries),
            import_bytes: of(AccountLimit::ImportBytes).unwrap_or(self.import_bytes),
            streams: of(AccountLimit::Streams).or(self.streams),
            feeds: of(AccountLimit::Feeds).or(self.feeds),
            imports: of(AccountLimit::Imports).or(self.imports),
        }
    }
}

wire_names! {
    /// A limit that operators can set for one account.
    AccountLimit {
        KeyRate => "key_rate", "How many requests per second may be sent with each key of the account";
        AccountRate => "account_rate", "How many requests per second may be sent with all keys of the account together";
        Contacts => "contacts", "How many contacts the account may have";
        AudienceEntries => "audience_entries",
            "How many entries all kept audiences may have together, each audience counted as at least 100";
        ImportBytes => "import_bytes", "How many bytes the files and the plans of all imports may have together";
        Streams => "streams", "How many exports and audiences may be sent to the account at once";
        Feeds => "feeds", "How many requests of the account may wait for changes, or receive them as a stream, at once";
        Imports => "imports", "How many imports may be planned, committed or undone at once, or wait for that";
    }
}

/// The greatest integer up to which every JSON parser reads each exactly.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// Requests per second, for an account and in the settings.
pub const MAX_RATE: u32 = 1_000_000;

impl AccountLimit {
    /// What it can be. 0 is not among it: some settings take it for any number, and whoever sets a limit to it means none.
    #[must_use]
    pub fn range(self) -> RangeInclusive<u64> {
        let max = match self {
            Self::KeyRate | Self::AccountRate => MAX_RATE.into(),
            Self::Contacts
            | Self::AudienceEntries
            | Self::ImportBytes
            | Self::Streams
            | Self::Feeds
            | Self::Imports => MAX_EXACT,
        };
        1..=max
    }

    /// # Errors
    /// [`Violation::OutOfRange`].
    pub fn check(self, value: i128) -> Result<u64, Violation> {
        let range = self.range();
        let value = u64::try_from(value).ok().filter(|value| range.contains(value));
        value.ok_or(Violation::OutOfRange { min: *range.start(), max: *range.end() })
    }
}

/// The limits that operators have set for one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitOverrides(BTreeMap<AccountLimit, u64>);

impl LimitOverrides {
    /// `None`: that of the server applies.
    #[must_use]
    pub fn get(&self, limit: AccountLimit) -> Option<u64> {
        self.0.get(&limit).copied()
    }

    /// As stored. A limit that this version does not know limits nothing here.
    pub fn from_stored(rows: impl IntoIterator<Item = (String, i64)>) -> Self {
        let known =
            |(name, value): (String, i64)| Some((AccountLimit::parse(&name)?, u64::try_from(value).ok()?));
        Self(rows.into_iter().filter_map(known).collect())
    }
}

/// What is to become of the limits of an account: of those that are not in it, nothing. `None`: that of the server applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitChanges(pub BTreeMap<AccountLimit, Option<u64>>);
