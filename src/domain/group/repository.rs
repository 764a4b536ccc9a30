//! Persistence of groups and memberships.

use async_trait::async_trait;

use super::members::{MemberChange, MemberOutcome};
use super::model::{Group, GroupKey, GroupRef};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::error::Result;
use crate::domain::named::{NamedOffsetQuery, NamedRepository};
use crate::domain::pagination::OffsetPage;

/// The result of a batch of membership changes.
#[derive(Clone, Debug)]
pub struct MembersChanged {
    /// After the batch.
    pub member_count: u64,
    /// In the order of the items.
    pub outcomes: Vec<MemberOutcome>,
}

/// Deleting a group deletes none of its contacts, in time independent of its size: memberships are deleted in the
/// background.
#[async_trait]
pub trait GroupRepository: NamedRepository<Group> {
    async fn offset_page(&self, query: NamedOffsetQuery) -> Result<OffsetPage<Group>>;

    /// Members, newest first.
    async fn members_by_offset(&self, key: GroupKey, offset: u64, limit: u64) -> Result<OffsetPage<Contact>>;

    /// Applies a batch of membership changes in one transaction; see [`super::apply`].
    async fn change_members(&self, key: GroupKey, items: Vec<MemberChange>) -> Result<MembersChanged>;

    /// The groups of each contact, newest first, at most [`super::MAX_SHOWN`] per contact.
    async fn of_contacts(&self, contacts: Vec<ContactId>) -> Result<Vec<Vec<GroupRef>>>;
}
