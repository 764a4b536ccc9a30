//! Persistence of groups and memberships.

use async_trait::async_trait;

use super::members::{MemberChange, MemberOutcome};
use super::model::{Group, GroupKey, GroupOffsetQuery, GroupPatch, GroupQuery, GroupRef};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::error::Result;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::timestamp::Timestamp;

/// The result of a batch of membership changes.
#[derive(Clone, Debug)]
pub struct MembersChanged {
    /// After the batch.
    pub member_count: u64,
    /// In the order of the items.
    pub outcomes: Vec<MemberOutcome>,
}

/// Scoped to one account.
///
/// Every method that takes a [`GroupKey`] returns [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound) if no
/// group has it.
#[async_trait]
pub trait GroupRepository: Send + Sync {
    /// Inserts a group. A repeated request replays the result of the first.
    ///
    /// # Errors
    /// [`ErrorCode::NameTaken`](crate::domain::ErrorCode::NameTaken),
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse).
    async fn insert(&self, group: Group, attempt: Option<IdempotentRequest>) -> Result<Created<Group>>;

    async fn find(&self, key: GroupKey) -> Result<Group>;

    /// Reads, patches and writes one group in one transaction.
    ///
    /// # Errors
    /// [`ErrorCode::NameTaken`](crate::domain::ErrorCode::NameTaken).
    async fn update(&self, key: GroupKey, patch: GroupPatch, now: Timestamp) -> Result<Group>;

    /// Deletes a group but none of its contacts, in time independent of its size: memberships are deleted in the
    /// background.
    async fn delete(&self, key: GroupKey) -> Result<()>;

    async fn cursor_page(&self, query: GroupQuery) -> Result<CursorPage<Group>>;

    async fn offset_page(&self, query: GroupOffsetQuery) -> Result<OffsetPage<Group>>;

    /// Members, newest first.
    async fn members_by_offset(&self, key: GroupKey, offset: u64, limit: u64) -> Result<OffsetPage<Contact>>;

    /// Applies a batch of membership changes in one transaction; see [`super::apply`].
    async fn change_members(&self, key: GroupKey, items: Vec<MemberChange>) -> Result<MembersChanged>;

    /// The groups of each contact, newest first, at most [`super::MAX_SHOWN`] per contact.
    async fn of_contacts(&self, contacts: Vec<ContactId>) -> Result<Vec<Vec<GroupRef>>>;
}
