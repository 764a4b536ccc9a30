//! Segments: filters that are saved under a name. A segment has no members of its own: who is in it is found when it is
//! asked, as the contacts are then.

mod key;
mod model;

pub use key::{SegmentId, SegmentKey, SegmentName};
pub use model::{
    NewSegment, STORED_NAMES, Segment, SegmentOffsetQuery, SegmentPatch, SegmentQuery, SegmentRepository,
    SegmentService, SegmentSort, parse_filter,
};
