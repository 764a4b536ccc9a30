//! What audiences ask of storage.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::entry::Entry;
use super::report::Report;
use super::{AudienceId, KeepLimits, Kept};
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::error::Result;
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::idempotency::{Attempt, Created};
use crate::domain::pagination::{ByCursor, CursorPage};

/// A contact, and whether its number has opted out.
#[derive(Clone, Debug)]
pub struct Person {
    /// The contact.
    pub contact: Contact,
    /// Whether its number has opted out.
    pub opted_out: bool,
}

/// A number that was named.
#[derive(Clone, Debug)]
pub enum Number {
    /// No contact's.
    Nobodys {
        /// Whether it has opted out.
        opted_out: bool,
    },
    /// This contact's.
    One(Person),
    /// Several contacts'.
    Several,
}

/// Those whom a request names one by one.
#[derive(Clone, Debug, Default)]
pub struct Named<'a> {
    /// By their handles.
    pub handles: Vec<&'a Handle>,
    /// By their ids.
    pub ids: Vec<ContactId>,
    /// By their numbers.
    pub phones: Vec<&'a Phone>,
}

/// What was found: for each that was named one answer, in the same order.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Contacts by their handles.
    pub by_handle: Vec<Option<Person>>,
    /// Contacts by their ids.
    pub by_id: Vec<Option<Person>>,
    /// Numbers.
    pub numbers: Vec<Number>,
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
    async fn find(&self, named: Named<'_>) -> Result<Found>;

    /// The id of a group.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::domain::Code::NotFound).
    async fn group(&self, key: GroupKey) -> Result<GroupId>;

    /// How many members these groups have, and, if these are asked for, how many contacts there are.
    ///
    /// # Errors
    /// The database is away.
    async fn count(&self, groups: Vec<GroupId>, all: bool) -> Result<u64>;

    /// The members of a group, or all contacts, the newest first, some at a time. Reads ahead of who
    /// takes them, by a little.
    fn walk(&self, group: Option<GroupId>) -> BoxStream<'static, Result<Vec<Person>>>;

    /// Begins an audience that is kept, of about so many entries; no reader sees it before [`Self::finish`].
    /// Nothing is stored where it is too large.
    ///
    /// # Errors
    /// [`Code::AudienceTooLarge`](crate::domain::Code::AudienceTooLarge),
    /// [`Code::AudienceQuota`](crate::domain::Code::AudienceQuota),
    /// [`Code::AttemptMismatch`](crate::domain::Code::AttemptMismatch) and
    /// [`Code::AttemptInFlight`](crate::domain::Code::AttemptInFlight).
    async fn begin(
        &self,
        attempt: Option<Attempt>,
        entries: u64,
        limits: KeepLimits,
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
    async fn finish(&self, id: AudienceId, report: Report) -> Result<Kept>;

    /// Forgets an audience that was begun, and the attempt to make it.
    async fn abandon(&self, id: AudienceId, attempt: Option<Attempt>);

    /// An audience that is kept.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::domain::Code::NotFound).
    async fn kept(&self, id: AudienceId) -> Result<Kept>;

    /// Deletes an audience that is kept.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::domain::Code::NotFound).
    async fn delete(&self, id: AudienceId) -> Result<()>;

    /// A page of those that are kept, the newest first.
    ///
    /// # Errors
    /// The database is away.
    async fn list(&self, page: ByCursor<AudienceId>) -> Result<CursorPage<Kept>>;

    /// A page of it, behind a position.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::domain::Code::NotFound).
    async fn page(&self, id: AudienceId, kind: Kind, after: Option<i64>, limit: u64) -> Result<EntryPage>;
}
