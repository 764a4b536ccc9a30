//! The limits of an account: those of the server, unless operators have set others for it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::domain::violation::Violation;

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

/// The limits with their names, stored and on the wire.
macro_rules! account_limits {
    ($($variant:ident => $name:literal;)*) => {
        /// A limit that operators can set for one account.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AccountLimit {
            $($variant,)*
        }

        impl AccountLimit {
            /// In the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

account_limits! {
    KeyRate => "key_rate";
    AccountRate => "account_rate";
    Contacts => "contacts";
    AudienceEntries => "audience_entries";
    ImportBytes => "import_bytes";
    Streams => "streams";
    Feeds => "feeds";
    Imports => "imports";
}

/// The greatest integer up to which every JSON parser reads each exactly.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// As the settings have it.
const MAX_RATE: u64 = 1_000_000;

impl AccountLimit {
    /// What it can be. 0 is not among it: some settings take it for any number, and whoever sets a limit to it means none.
    #[must_use]
    pub fn range(self) -> RangeInclusive<u64> {
        let max = match self {
            Self::KeyRate | Self::AccountRate => MAX_RATE,
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

impl fmt::Display for AccountLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccountLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|limit| limit.as_str() == text);
        found.ok_or_else(|| format!("unknown limit; the limits are {}", Self::NAMES.join(", ")))
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
        let known = |(name, value): (String, i64)| Some((name.parse().ok()?, u64::try_from(value).ok()?));
        Self(rows.into_iter().filter_map(known).collect())
    }
}

/// What is to become of the limits of an account: of those that are not in it, nothing. `None`: that of the server applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitChanges(pub BTreeMap<AccountLimit, Option<u64>>);
