//! Lists: what is asked for and what comes back.

use super::contact::{Contact, ContactId};
use super::fields::{Handle, Phone};
use super::timestamp::Timestamp;

/// Between which contacts a page of a cursor list lies. With neither it begins at the newest one; with
/// both it begins behind the one and ends before the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Just behind this contact, towards older ones.
    pub after: Option<ContactId>,
    /// Just before this contact, towards newer ones.
    pub before: Option<ContactId>,
}

impl Cursor {
    /// Whether the page is filled from its newer end.
    #[must_use]
    pub fn forward(self) -> bool {
        self.after.is_some() || self.before.is_none()
    }
}

/// A page of the list that v1 shows: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CursorQuery {
    /// Where the page lies.
    pub cursor: Cursor,
    /// Most contacts on it.
    pub limit: u64,
    /// Only the contact with this handle.
    pub handle: Option<Handle>,
    /// Only contacts with this number.
    pub phone: Option<Phone>,
    /// Only contacts that changed at or after this moment. The last changed one then comes first,
    /// unless another filter stands beside it: only in that order is the list a scan of an index.
    pub updated_since: Option<Timestamp>,
}

/// What a cursor list answers.
#[derive(Clone, Debug)]
pub struct CursorPage {
    /// In the order of the list, whichever way the cursor went.
    pub contacts: Vec<Contact>,
    /// Whether there are more in the direction of the cursor.
    pub has_more: bool,
}

/// What the address book can sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortField {
    /// The moment of creation.
    CreatedOn,
    /// The handle, by code points.
    Handle,
    /// The number, by digits from the left.
    Phone,
}

/// Which way it sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortDirection {
    /// Smallest, oldest first.
    Ascending,
    /// Largest, newest first.
    Descending,
}

/// A page of the list that the address book shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OffsetQuery {
    /// Sorted by.
    pub field: SortField,
    /// Which way.
    pub direction: SortDirection,
    /// How many contacts to leave out at the beginning.
    pub offset: u64,
    /// Most contacts on the page.
    pub limit: u64,
}

/// What an offset list answers.
#[derive(Clone, Debug)]
pub struct OffsetPage {
    /// In the order that was asked for.
    pub contacts: Vec<Contact>,
    /// All contacts of the account.
    pub total: u64,
}

/// Contacts on a page when the request does not say, unless a setting says otherwise.
pub const DEFAULT_LIMIT: u64 = 10;
/// Most contacts on a page, unless a setting says otherwise.
pub const MAX_LIMIT: u64 = 100;
/// Most items of a request that is about many things at once.
pub const MAX_BATCH: usize = 1_000;
