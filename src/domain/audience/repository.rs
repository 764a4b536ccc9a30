//! Persistence of audiences: recipient lookup, and snapshots with their pages.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::entry::Entry;
use super::report::Report;
use super::snapshot::{AudienceId, AudienceSnapshot, SnapshotLimits};
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::error::Result;
use crate::domain::filter::Filter;
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};

#[derive(Clone, Debug)]
pub struct Recipient {
    pub contact: Contact,
    pub opted_out: bool,
}

/// The contacts with a requested number.
#[derive(Clone, Debug)]
pub enum PhoneMatch {
    /// A number can opt out without belonging to a contact.
    None {
        opted_out: bool,
    },
    One(Recipient),
    Several {
        opted_out: bool,
    },
}

/// The keys of all recipients that a request names individually, for one round trip.
#[derive(Clone, Debug, Default)]
pub struct LookupRequest<'a> {
    pub handles: Vec<&'a Handle>,
    pub ids: Vec<ContactId>,
    pub phones: Vec<&'a Phone>,
}

/// One element per key of the [`LookupRequest`], in the same order.
#[derive(Clone, Debug, Default)]
pub struct LookupResult {
    pub by_handle: Vec<Option<Recipient>>,
    pub by_id: Vec<Option<Recipient>>,
    pub numbers: Vec<PhoneMatch>,
}

/// The two lists of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Recipients,
    Exclusions,
}

/// A page of one list of a snapshot.
#[derive(Clone, Debug)]
pub struct EntryPage {
    /// Entries with their positions, in order.
    pub entries: Vec<(i64, Entry)>,
    pub has_more: bool,
}

/// The contacts that a filter selects. What it names, and the time that it is relative to, were looked up once.
#[async_trait]
pub trait MatchingRecipients: Send + Sync {
    /// How many contacts match now.
    ///
    /// # Errors
    /// A field of the filter has been deleted; the database is unavailable.
    async fn count(&self) -> Result<u64>;

    /// As [`AudienceRepository::stream`].
    fn stream(&self) -> BoxStream<'static, Result<Vec<Recipient>>>;
}

/// Scoped to one account.
#[async_trait]
pub trait AudienceRepository: Send + Sync {
    async fn find(&self, named: LookupRequest<'_>) -> Result<LookupResult>;

    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn group(&self, key: GroupKey) -> Result<GroupId>;

    /// The sum of the member counts of these groups, plus the number of all contacts if `all`. Read from counters.
    async fn count(&self, groups: Vec<GroupId>, all: bool) -> Result<u64>;

    /// Streams the members of a group, or all contacts, newest first, in batches. Prefetches a bounded number of
    /// batches ahead of the consumer.
    fn stream(&self, group: Option<GroupId>) -> BoxStream<'static, Result<Vec<Recipient>>>;

    /// Resolves a filter, now.
    ///
    /// # Errors
    /// [`ErrorCode::FieldNotDeclared`](crate::domain::ErrorCode::FieldNotDeclared),
    /// [`ErrorCode::FieldNotReady`](crate::domain::ErrorCode::FieldNotReady),
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound) of a group or a segment that it names, and a violation of
    /// `filter`.
    async fn matching(&self, filter: Filter) -> Result<Box<dyn MatchingRecipients>>;

    /// Reserves `entries` (an estimate) of the quota and creates an unfinished snapshot. No reader sees it before
    /// [`Self::finish`].
    ///
    /// # Errors
    /// [`ErrorCode::AudienceTooLarge`](crate::domain::ErrorCode::AudienceTooLarge),
    /// [`ErrorCode::AudienceQuota`](crate::domain::ErrorCode::AudienceQuota),
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse).
    async fn begin(
        &self,
        attempt: Option<IdempotentRequest>,
        entries: u64,
        limits: SnapshotLimits,
    ) -> Result<Created<AudienceId>>;

    /// Appends entries to an unfinished snapshot, each with its position in its list.
    async fn add_entries(&self, id: AudienceId, entries: Vec<(i64, Entry)>) -> Result<()>;

    /// Stores the report and publishes the snapshot.
    async fn finish(&self, id: AudienceId, report: Report) -> Result<AudienceSnapshot>;

    /// Deletes an unfinished snapshot and releases its idempotency key.
    async fn abandon(&self, id: AudienceId, attempt: Option<IdempotentRequest>);

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn get(&self, id: AudienceId) -> Result<AudienceSnapshot>;

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn delete(&self, id: AudienceId) -> Result<()>;

    /// A page of the snapshots, newest first.
    async fn list(&self, page: CursorParams<AudienceId>) -> Result<CursorPage<AudienceSnapshot>>;

    /// The entries of one list whose positions are greater than `after`.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn page(&self, id: AudienceId, kind: Kind, after: Option<i64>, limit: u64) -> Result<EntryPage>;
}
