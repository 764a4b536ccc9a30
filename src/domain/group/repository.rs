//! What the domain asks of storage about groups.

use async_trait::async_trait;

use super::members::{MemberChange, MemberOutcome};
use super::model::{Group, GroupKey, GroupOffsetQuery, GroupPatch, GroupQuery, GroupRef};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::error::Result;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::timestamp::Timestamp;

/// What became of a request about many contacts of a group.
#[derive(Clone, Debug)]
pub struct MembersChanged {
    /// How many contacts are in the group now.
    pub member_count: u64,
    /// What became of each, in the order given.
    pub outcomes: Vec<MemberOutcome>,
}

/// The groups of one account. It cannot be asked about another.
///
/// Every method about one group answers [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound) where it is
/// not there.
#[async_trait]
pub trait GroupRepository: Send + Sync {
    /// Stores a new group; or, where the same attempt was made before, tells what became of that.
    ///
    /// # Errors
    /// [`ErrorCode::NameTaken`](crate::domain::ErrorCode::NameTaken), and those of attempts.
    async fn insert(&self, group: Group, attempt: Option<IdempotentRequest>) -> Result<Created<Group>>;

    /// Finds one group.
    ///
    /// # Errors
    /// See the trait.
    async fn find(&self, key: GroupKey) -> Result<Group>;

    /// Reads, changes and writes one group, in one transaction.
    ///
    /// # Errors
    /// See the trait; [`ErrorCode::NameTaken`](crate::domain::ErrorCode::NameTaken).
    async fn update(&self, key: GroupKey, patch: GroupPatch, now: Timestamp) -> Result<Group>;

    /// Deletes one group, and none of its contacts. However large it is: its memberships are cleared
    /// away behind the answer.
    ///
    /// # Errors
    /// See the trait.
    async fn delete(&self, key: GroupKey) -> Result<()>;

    /// A page of the groups, the newest first; or the one group with a name.
    ///
    /// # Errors
    /// The database is away.
    async fn cursor_page(&self, query: GroupQuery) -> Result<CursorPage<Group>>;

    /// A page of the groups in another order, and how many there are.
    ///
    /// # Errors
    /// The database is away.
    async fn offset_page(&self, query: GroupOffsetQuery) -> Result<OffsetPage<Group>>;

    /// Contacts of a group from the newest on, without so many at the beginning.
    ///
    /// # Errors
    /// See the trait.
    async fn members_by_offset(&self, key: GroupKey, offset: u64, limit: u64) -> Result<OffsetPage<Contact>>;

    /// Lets contacts join and leave a group, in one transaction.
    ///
    /// # Errors
    /// See the trait.
    async fn change_members(&self, key: GroupKey, items: Vec<MemberChange>) -> Result<MembersChanged>;

    /// The groups that each of these contacts is in, the newest first, at most [`super::MAX_SHOWN`].
    ///
    /// # Errors
    /// The database is away.
    async fn of_contacts(&self, contacts: Vec<ContactId>) -> Result<Vec<Vec<GroupRef>>>;
}
