//! The segments that a request names. They are read before anything else: what their filters are about decides what the caller
//! must be permitted to read.

use std::collections::{HashMap, HashSet};

use crate::domain::error::{Result, if_found};
use crate::domain::filter::Filter;
use crate::domain::permission::Permission;
use crate::domain::segment::{SegmentKey, SegmentService};
use crate::domain::violation::{FieldViolation, Violation};

/// The filters of the segments as they were when the request was permitted, by index of the request's item. A segment without
/// one does not exist.
#[derive(Debug, Default)]
pub struct RequestedSegments {
    filters: HashMap<usize, Filter>,
}

impl RequestedSegments {
    /// Looks up the segments that the items with these indexes name.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`](crate::domain::ErrorCode::Invalid): a segment is named twice, by id and by name.
    pub(super) async fn look_up(
        service: &SegmentService,
        named: impl Iterator<Item = (usize, &SegmentKey)>,
    ) -> Result<Self> {
        let (mut filters, mut seen) = (HashMap::new(), HashSet::new());
        for (index, key) in named {
            let Some(segment) = if_found(service.get(key.clone()).await)? else { continue };
            if !seen.insert(segment.id) {
                let place = format!("recipients.{index}.segment");
                return Err(FieldViolation::at(place, Violation::Duplicate).into());
            }
            filters.insert(index, segment.filter);
        }
        Ok(Self { filters })
    }

    /// What the caller must be permitted to read besides segments and contacts.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        let needed: Vec<_> = self.filters.values().flat_map(Filter::permissions).collect();
        Permission::ALL.iter().copied().filter(move |permission| needed.contains(permission))
    }

    /// Of the segment of an item, if it exists.
    pub(super) fn filter(&self, index: usize) -> Option<&Filter> {
        self.filters.get(&index)
    }
}
