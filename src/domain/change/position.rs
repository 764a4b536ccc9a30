//! Positions in the change log.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

/// How far a reader knows the changes of an account: up to this number, inclusive. 0 is before the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangePosition(u64);

impl ChangePosition {
    /// Clients keep positions; a later form must be told from this one.
    const VERSION: u8 = 1;

    #[must_use]
    pub fn new(sequence: u64) -> Self {
        Self(sequence)
    }

    #[must_use]
    pub fn sequence(self) -> u64 {
        self.0
    }

    /// Parses what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (version, sequence) = bytes.split_first()?;
        let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
        (*version == Self::VERSION).then_some(Self(sequence))
    }
}

impl fmt::Display for ChangePosition {
    /// Opaque, and without characters that a URL would have to escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [Self::VERSION; 1 + size_of::<u64>()];
        bytes[1..].copy_from_slice(&self.0.to_be_bytes());
        BASE64URL_NOPAD.encode_display(&bytes).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for sequence in [0, 1, 255, 1 << 40, u64::MAX] {
            let text = ChangePosition::new(sequence).to_string();
            assert_eq!(ChangePosition::parse(&text), Some(ChangePosition::new(sequence)));
            assert_eq!(text.len(), 12);
        }
        assert_eq!(ChangePosition::new(1).to_string(), "AQAAAAAAAAAB");
        for text in ["", "AQAAAAAAAAA", "AQAAAAAAAAAB=", "AgAAAAAAAAAB", "AQAAAAAAAAABAA", "1", "ä"] {
            assert_eq!(ChangePosition::parse(text), None, "{text}");
        }
    }
}
