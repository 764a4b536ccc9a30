//! The example segment.

use crate::domain::Timestamp;
use crate::domain::filter::Filter;
use crate::domain::segment::{STORED_NAMES, Segment, SegmentId, SegmentName};

pub const NAME: &str = "johns";
/// The same in both dialects, and of an account without fields.
pub const FILTER: &str = "display_name = \"John*\"";
pub const OTHER_FILTER: &str = "display_name = \"John*\" AND NOT opted_out";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn segment() -> Segment {
    let created_at = Timestamp::parse(super::CREATED_AT).expect("a timestamp");
    Segment {
        id: SegmentId::parse(super::ID).expect("an id"),
        name: SegmentName::parse(NAME).expect("a name"),
        filter: Filter::parse(FILTER, &STORED_NAMES).expect("a filter"),
        created_at,
        updated_at: created_at,
        version: 1,
    }
}
