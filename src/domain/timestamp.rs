//! Moments in time as both dialects write them.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// A moment in UTC, in whole milliseconds since 1970.
///
/// Milliseconds are what both contracts show (`2025-11-10T20:15:12.000Z`) and what both databases
/// keep exactly: finer fractions would differ between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The earliest and the latest moment that RFC 3339 can write.
const YEAR_0: i64 = -62_167_219_200_000;
const END_OF_YEAR_9999: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis())
    }

    /// From milliseconds since 1970, as they are stored.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339. A finer fraction than a millisecond is cut off.
    ///
    /// A blank in place of the offset's `+` is read as `+`: that is what an unescaped `+` in a query
    /// string turns into.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The 20th character of `2025-11-10T20:15:12 02:00` or later is the blank in question; an
        // earlier one separates date and time.
        let mended = match text.rfind(' ') {
            Some(at) if at > "2025-11-10T".len() => {
                format!("{}+{}", &text[..at], &text[at + 1..])
            }
            _ => text.to_owned(),
        };
        DateTime::parse_from_rfc3339(&mended).ok().map(|moment| Self(moment.timestamp_millis()))
    }

    /// This moment and a span of time later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// This moment and a span of time earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// The span of time since an earlier moment; none since a later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with exactly three digits of fraction and a `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 has four digits for the year. Whatever is stored, a list of keys must not fail over it.
        let millis = self.0.clamp(YEAR_0, END_OF_YEAR_9999);
        // A page of a list has a hundred of them, and this needs no room of its own for each; but it knows
        // nothing before 1970.
        if let Ok(since) = u64::try_from(millis) {
            return humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(since)).fmt(f);
        }
        let moment = DateTime::<Utc>::from_timestamp_millis(millis).ok_or(fmt::Error)?;
        f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
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
    fn is_written_with_three_digits_and_a_z() {
        for (millis, text) in [
            (1_762_805_712_000, "2025-11-10T20:15:12.000Z"),
            (1_582_934_400_007, "2020-02-29T00:00:00.007Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (END_OF_YEAR_9999, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
    }

    #[test]
    fn reads_rfc_3339_in_any_offset() {
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
}
