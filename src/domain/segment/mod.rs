//! Segments: filters that are saved under a name. A segment stores no members: its filter is evaluated by each
//! request, on the contacts of that moment.

mod key;
mod model;

pub use key::{SegmentId, SegmentKey, SegmentName};
pub use model::{
    NewSegment, STORED_NAMES, Segment, SegmentPatch, SegmentQuery, SegmentRepository, SegmentService,
    parse_filter,
};
