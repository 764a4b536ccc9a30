//! Timestamps with the precision and the format that both dialects use.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// A point in time in whole milliseconds since the Unix epoch.
///
/// Milliseconds are what both contracts show (`2025-11-10T20:15:12.000Z`) and what both databases store exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The range of RFC 3339.
    pub const MIN: Self = Self(-62_167_219_200_000);
    pub const MAX: Self = Self(253_402_300_799_999);

    #[must_use]
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis())
    }

    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339; truncates to milliseconds.
    ///
    /// A space in place of the offset's `+` is accepted: an unescaped `+` in a query string decodes to a space.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // A space before the time, as in `2025-11-10 20:15:12Z`, separates it from the date; a later one precedes the
        // offset.
        let with_sign = match text.rfind(' ') {
            Some(at) if at > "2025-11-10T".len() => {
                format!("{}+{}", &text[..at], &text[at + 1..])
            }
            _ => text.to_owned(),
        };
        DateTime::parse_from_rfc3339(&with_sign).ok().map(|time| Self(time.timestamp_millis()))
    }

    /// Parses a date of RFC 3339, such as `2025-11-10`: its midnight in UTC.
    #[must_use]
    pub fn parse_date(text: &str) -> Option<Self> {
        let midnight = DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z"));
        midnight.ok().map(|time| Self(time.timestamp_millis()))
    }

    /// Itself, or the end of the range of RFC 3339 that it is beyond.
    #[must_use]
    pub fn clamped(self) -> Self {
        self.clamp(Self::MIN, Self::MAX)
    }

    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// Zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with exactly three fractional digits and `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 has four-digit years. Formatting must not fail for any stored value: one bad row would fail the
        // list.
        let millis = self.clamped().0;
        // Formats without allocating, which a page of a hundred items notices; does not support times before 1970.
        if let Ok(since) = u64::try_from(millis) {
            return humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(since)).fmt(f);
        }
        let time = DateTime::<Utc>::from_timestamp_millis(millis).ok_or(fmt::Error)?;
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_formatted_with_three_fractional_digits_and_z() {
        for (millis, text) in [
            (1_762_805_712_000, "2025-11-10T20:15:12.000Z"),
            (1_582_934_400_007, "2020-02-29T00:00:00.007Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (Timestamp::MAX.millis(), "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
    }

    #[test]
    fn parses_rfc_3339_with_any_offset() {
        let expected = Some(Timestamp::from_millis(1_762_805_712_000));
        for text in [
            "2025-11-10T20:15:12Z",
            "2025-11-10T20:15:12.000999Z",
            "2025-11-10T22:15:12+02:00",
            "2025-11-10T22:15:12 02:00",
        ] {
            assert_eq!(Timestamp::parse(text), expected, "{text}");
        }
        for text in ["", "yesterday", "2025-11-10", "2025-13-10T20:15:12Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
    #[test]
    fn parses_dates_as_their_midnight() {
        assert_eq!(Timestamp::parse_date("2025-11-10"), Timestamp::parse("2025-11-10T00:00:00Z"));
        assert_eq!(Timestamp::parse_date("0000-01-01"), Some(Timestamp::MIN));
        for text in ["", "2025-11-1", "2025-02-29", "2025-1-010", "+2025-11-1", " 2025-11-1", "2025-11-10Z"] {
            assert_eq!(Timestamp::parse_date(text), None, "{text}");
        }
    }
}
