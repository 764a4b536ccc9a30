//! What audiences ask of storage.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::entry::Entry;
use super::report::Report;
use super::snapshot::{AudienceId, AudienceSnapshot, SnapshotLimits};
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::error::Result;
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};

/// A contact, and whether its number has opted out.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// The contact.
    pub contact: Contact,
    /// Whether its number has opted out.
    pub opted_out: bool,
}

/// A number that was named.
#[derive(Clone, Debug)]
pub enum PhoneMatch {
    /// No contact's.
    None {
        /// Whether it has opted out.
        opted_out: bool,
    },
    /// This contact's.
    One(Recipient),
    /// Several contacts'.
    Several,
}

/// Those whom a request names one by one.
#[derive(Clone, Debug, Default)]
pub struct LookupRequest<'a> {
    /// By their handles.
    pub handles: Vec<&'a Handle>,
    /// By their ids.
    pub ids: Vec<ContactId>,
    /// By their numbers.
    pub phones: Vec<&'a Phone>,
}

/// What was found: for each that was named one answer, in the same order.
#[derive(Clone, Debug, Default)]
pub struct LookupResult {
    /// Contacts by their handles.
    pub by_handle: Vec<Option<Recipient>>,
    /// Contacts by their ids.
    pub by_id: Vec<Option<Recipient>>,
    /// Numbers.
    pub numbers: Vec<PhoneMatch>,
}

/// The two lists of a kept audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those who get a message.
    Recipients,
    /// Those who get none.
    Exclusions,
}

/// A page of a kept audience.
#[derive(Clone, Debug)]
pub struct EntryPage {
    /// Entries with their positions, in order.
    pub entries: Vec<(i64, Entry)>,
    /// Whether there are more entries.
    pub has_more: bool,
}

/// Recipients in one account. It cannot be asked about another.
#[async_trait]
pub trait AudienceRepository: Send + Sync {
    /// Finds who was named one by one.
    ///
    /// # Errors
    /// The database is away.
    async fn find(&self, named: LookupRequest<'_>) -> Result<LookupResult>;

    /// The id of a group.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn group(&self, key: GroupKey) -> Result<GroupId>;

    /// How many members these groups have, and, if these are asked for, how many contacts there are.
    ///
    /// # Errors
    /// The database is away.
    async fn count(&self, groups: Vec<GroupId>, all: bool) -> Result<u64>;

    /// The members of a group, or all contacts, the newest first, some at a time. Reads ahead of who
    /// takes them, by a little.
    fn walk(&self, group: Option<GroupId>) -> BoxStream<'static, Result<Vec<Recipient>>>;

    /// Begins an audience that is kept, of about so many entries; no reader sees it before [`Self::finish`].
    /// Nothing is stored where it is too large.
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

    /// Keeps further entries of an audience that was begun, each at its position in its list.
    ///
    /// # Errors
    /// The database is away or full.
    async fn keep(&self, id: AudienceId, entries: Vec<(i64, Entry)>) -> Result<()>;

    /// Shows an audience whose entries are all there.
    ///
    /// # Errors
    /// The database is away or full.
    async fn finish(&self, id: AudienceId, report: Report) -> Result<AudienceSnapshot>;

    /// Forgets an audience that was begun, and the attempt to make it.
    async fn abandon(&self, id: AudienceId, attempt: Option<IdempotentRequest>);

    /// An audience that is kept.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn kept(&self, id: AudienceId) -> Result<AudienceSnapshot>;

    /// Deletes an audience that is kept.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn delete(&self, id: AudienceId) -> Result<()>;

    /// A page of those that are kept, the newest first.
    ///
    /// # Errors
    /// The database is away.
    async fn list(&self, page: CursorParams<AudienceId>) -> Result<CursorPage<AudienceSnapshot>>;

    /// A page of it, behind a position.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn page(&self, id: AudienceId, kind: Kind, after: Option<i64>, limit: u64) -> Result<EntryPage>;
}
