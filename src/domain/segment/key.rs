//! Id and name of a segment. Filters name segments by them.

use crate::domain::id::id_type;
use crate::domain::named::NamedKey;
use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

id_type! {
    SegmentId
}

/// Unique within the account, compared by code points.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SegmentName(String);

stored_text!(SegmentName);

impl SegmentName {
    pub const MAX_CHARS: usize = 64;

    /// Trims and normalises to NFC; rejects invisible characters.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }
}

pub type SegmentKey = NamedKey<SegmentId, SegmentName>;
