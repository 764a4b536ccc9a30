//! Lists of contacts: what is asked for.

use super::fields::{Handle, Phone};
use super::model::ContactId;
use crate::domain::group::GroupKey;
use crate::domain::pagination::{Cursor, SortDirection};
use crate::domain::timestamp::Timestamp;

/// A page of the list that v1 shows: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContactQuery {
    /// Where the page lies.
    pub cursor: Cursor<ContactId>,
    /// Most contacts on it.
    pub limit: u64,
    /// Only the contact with this handle.
    pub handle: Option<Handle>,
    /// Only contacts with this number.
    pub phone: Option<Phone>,
    /// Only contacts that changed at or after this moment. The last changed one then comes first,
    /// unless another filter stands beside it: only in that order is the list a scan of an index.
    pub updated_since: Option<Timestamp>,
    /// Only contacts in this group.
    pub group: Option<GroupKey>,
}

/// What the address book can sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContactSort {
    /// The moment of creation.
    CreatedOn,
    /// The handle, by code points.
    Handle,
    /// The number, by digits from the left.
    Phone,
}

/// A page of the list that the address book shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContactOffsetQuery {
    /// Sorted by.
    pub field: ContactSort,
    /// Which way.
    pub direction: SortDirection,
    /// How many contacts to leave out at the beginning.
    pub offset: u64,
    /// Most contacts on the page.
    pub limit: u64,
}
