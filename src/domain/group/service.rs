//! The groups of one account: what [`NamedService`] has, and their members.

use super::members::MemberChange;
use super::model::{Group, GroupKey, GroupRef};
use super::repository::{GroupRepository, MembersChanged};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::error::Result;
use crate::domain::named::{NamedOffsetQuery, NamedService};
use crate::domain::pagination::OffsetPage;

pub type GroupService = NamedService<Group, dyn GroupRepository>;

impl GroupService {
    /// # Errors
    /// The database is unavailable.
    pub async fn offset_page(&self, query: NamedOffsetQuery) -> Result<OffsetPage<Group>> {
        self.repository().offset_page(query).await
    }

    /// Members, newest first.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    pub async fn members(&self, key: GroupKey, offset: u64, limit: u64) -> Result<OffsetPage<Contact>> {
        self.repository().members_by_offset(key, offset, limit).await
    }

    /// Adds and removes members in one transaction.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    pub async fn change_members(&self, key: GroupKey, changes: Vec<MemberChange>) -> Result<MembersChanged> {
        self.repository().change_members(key, changes).await
    }

    /// The groups of each contact, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn of_contacts(&self, contacts: Vec<ContactId>) -> Result<Vec<Vec<GroupRef>>> {
        self.repository().of_contacts(contacts).await
    }
}
