//! Positions in the change log.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

/// The history that a log is part of: a random number, and another one after a restore.
///
/// A restored log ends where the backup was taken, and goes on under numbers that others have had. What was read before the
/// restore may hold what is no longer true, even if its position is before that of the backup: a resource is read as it is
/// when the feed is read. So no position of another timeline is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timeline(i64);

impl Timeline {
    #[must_use]
    pub fn from_stored(number: i64) -> Self {
        Self(number)
    }
}

/// How far a reader knows the changes of an account: up to this number, inclusive. 0 is before the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChangePosition {
    pub timeline: Timeline,
    pub sequence: u64,
}

impl ChangePosition {
    /// Whether a log that ends there has had this position: one of another timeline never has.
    #[must_use]
    pub fn is_in_log_to(self, last: Self) -> bool {
        self.timeline == last.timeline && self.sequence <= last.sequence
    }

    /// Clients keep positions; a later form must be told from this one.
    const VERSION: u8 = 2;

    /// Parses what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (&version, numbers) = bytes.split_first()?;
        let (timeline, sequence) = numbers.split_first_chunk()?;
        let position = Self {
            timeline: Timeline(i64::from_be_bytes(*timeline)),
            sequence: u64::from_be_bytes(sequence.try_into().ok()?),
        };
        (version == Self::VERSION).then_some(position)
    }
}

impl fmt::Display for ChangePosition {
    /// Opaque, and without characters that a URL would have to escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeline: Timeline(timeline), sequence } = self;
        let mut bytes = vec![Self::VERSION];
        bytes.extend(timeline.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        BASE64URL_NOPAD.encode_display(&bytes).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for sequence in [0, 1, 255, 1 << 40, u64::MAX] {
            for timeline in [0, 1, -1, i64::MIN, i64::MAX] {
                let position = ChangePosition { timeline: Timeline(timeline), sequence };
                let text = position.to_string();
                assert_eq!(ChangePosition::parse(&text), Some(position));
                assert_eq!(text.len(), 23);
            }
        }
        let position = ChangePosition { timeline: Timeline(3), sequence: 1 };
        assert_eq!(position.to_string(), "AgAAAAAAAAADAAAAAAAAAAE");
        for text in [
            "",
            "AgAAAAAAAAADAAAAAAAA",
            "AgAAAAAAAAADAAAAAAAAAAE=",
            "AQAAAAAAAAADAAAAAAAAAAE",
            "AgAAAAAAAAADAAAAAAAAAAEA",
            "AQAAAAAAAAAB",
            "1",
            "ä",
        ] {
            assert_eq!(ChangePosition::parse(text), None, "{text}");
        }
    }
}
