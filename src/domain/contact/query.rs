//! List queries of contacts, one per dialect.

use super::fields::{Handle, Phone};
use super::model::{Contact, ContactId};
use crate::domain::filter::{ContactOrder, Filter, OrderKey, OrderPlace};
use crate::domain::group::GroupKey;
use crate::domain::pagination::{Cursor, SortDirection};
use crate::domain::timestamp::Timestamp;

/// A page of v1's list, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContactQuery {
    pub cursor: Cursor<ContactId>,
    pub limit: u64,
    /// With `updated_since` alone, the list is ordered by `updated_at`, latest first: only then is it a range scan of an
    /// index.
    pub filter: ContactFilter,
}

/// Which contacts are wanted: those with all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContactFilter {
    pub handle: Option<Handle>,
    pub phone: Option<Phone>,
    /// Inclusive.
    pub updated_since: Option<Timestamp>,
    pub group: Option<GroupKey>,
    pub expression: Option<Filter>,
}

impl From<Filter> for ContactFilter {
    fn from(filter: Filter) -> Self {
        Self { expression: Some(filter), ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContactSort {
    CreatedOn,
    /// By code points, in both databases.
    Handle,
    /// Lexicographically by digits.
    Phone,
}

/// A page of the address book's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContactOffsetQuery {
    pub field: ContactSort,
    pub direction: SortDirection,
    pub offset: u64,
    pub limit: u64,
}

impl ContactOffsetQuery {
    /// The same page of the contacts that match.
    #[must_use]
    pub fn of_matching(self, filter: Filter) -> OrderedOffsetQuery {
        let Self { field, direction, offset, limit } = self;
        let key = match field {
            ContactSort::CreatedOn => OrderKey::CreatedAt,
            ContactSort::Handle => OrderKey::Handle,
            ContactSort::Phone => OrderKey::Phone,
        };
        OrderedOffsetQuery { order: ContactOrder::new(key, direction), filter: filter.into(), offset, limit }
    }
}

/// A page of v1's list in an order of the request.
#[derive(Clone, Debug)]
pub struct OrderedQuery {
    pub order: ContactOrder,
    pub filter: ContactFilter,
    pub after: Option<OrderCursor>,
    pub limit: u64,
}

/// A position in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderCursor {
    pub id: ContactId,
    /// Where the contact stood when the position was given; absent, where it stands now.
    pub place: Option<OrderPlace>,
}

#[derive(Clone, Debug)]
pub struct OrderedPage {
    /// May be fewer than the limit although there are more: what one request looks at is bounded.
    pub items: Vec<Contact>,
    /// Where the next page begins, if there may be one.
    pub next: Option<OrderCursor>,
}

/// A page of the address book's list in an order of the request.
#[derive(Clone, Debug)]
pub struct OrderedOffsetQuery {
    pub order: ContactOrder,
    pub filter: ContactFilter,
    pub offset: u64,
    pub limit: u64,
}
