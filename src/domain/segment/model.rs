//! The segment: its model, its list query, and how it is created and patched.
//!
//! Invariant: the filter of a segment names no segments, so that segments cannot contain themselves.

use async_trait::async_trait;

use super::key::{SegmentId, SegmentName};
use crate::domain::error::Result;
use crate::domain::filter::{Filter, Property, PropertyNames};
use crate::domain::idempotency::Resource;
use crate::domain::named::{NamedOffsetQuery, NamedQuery, NamedRepository, NamedResource, NamedService};
use crate::domain::pagination::OffsetPage;
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::Violation;

/// What stored filters call the properties of a contact, whichever dialect they came from.
pub static STORED_NAMES: PropertyNames =
    PropertyNames { handle: "handle", phone: "phone", created_at: "created_at", updated_at: "updated_at" };

/// Parses the filter of a segment, in the words of a dialect.
///
/// # Errors
/// As [`Filter::parse`]; and it names segments.
pub fn parse_filter(text: &str, names: &PropertyNames) -> std::result::Result<Filter, Violation> {
    Filter::parse(text, names)?.without(Property::Segment, "the filter of a segment cannot name segments")
}

#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub id: SegmentId,
    /// Unique within the account.
    pub name: SegmentName,
    /// Names fields that the account has declared.
    pub filter: Filter,
    /// The timestamp in the id.
    pub created_at: Timestamp,
    /// Initially `created_at`.
    pub updated_at: Timestamp,
    /// Initially 1.
    pub version: i64,
}

#[derive(Clone, Debug)]
pub struct NewSegment {
    pub name: SegmentName,
    pub filter: Filter,
}

/// `None` keeps a field.
#[derive(Clone, Debug)]
pub struct SegmentPatch {
    pub name: Option<SegmentName>,
    pub filter: Option<Filter>,
}

impl Resource for Segment {
    fn first_created(self, stored: &Self) -> Self {
        let created_at = stored.created_at;
        Self { id: stored.id, created_at, updated_at: created_at, ..self }
    }
}

impl NamedResource for Segment {
    type Id = SegmentId;
    type Name = SegmentName;
    type New = NewSegment;
    type Patch = SegmentPatch;

    const KIND: &'static str = "segment";

    fn new(new: NewSegment) -> Self {
        let NewSegment { name, filter } = new;
        let (id, created_at) = SegmentId::generate();
        Self { id, name, filter, created_at, updated_at: created_at, version: 1 }
    }

    fn id(&self) -> SegmentId {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn set_fields(&mut self, SegmentPatch { name, filter }: SegmentPatch) {
        self.name = name.unwrap_or_else(|| self.name.clone());
        self.filter = filter.unwrap_or_else(|| self.filter.clone());
    }

    fn changed_fields(&self, before: &Self) -> Vec<&'static str> {
        let fields = [("name", self.name != before.name), ("filter", self.filter != before.filter)];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    fn revision_mut(&mut self) -> (&mut i64, &mut Timestamp) {
        (&mut self.version, &mut self.updated_at)
    }
}

pub type SegmentQuery = NamedQuery<SegmentId, SegmentName>;

#[async_trait]
pub trait SegmentRepository: NamedRepository<Segment> {
    async fn offset_page(&self, query: NamedOffsetQuery) -> Result<OffsetPage<Segment>>;
}

pub type SegmentService = NamedService<Segment, dyn SegmentRepository>;

impl SegmentService {
    /// # Errors
    /// The database is unavailable.
    pub async fn offset_page(&self, query: NamedOffsetQuery) -> Result<OffsetPage<Segment>> {
        self.repository().offset_page(query).await
    }
}
