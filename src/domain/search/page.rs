//! Pages of what was found.

use super::matching::MatchType;
use super::term::SearchTerm;
use crate::domain::Contact;
use crate::domain::contact::{ContactFilter, ContactId};

/// A search, with the other filters that the contacts must meet.
#[derive(Clone, Debug)]
pub struct ContactSearch {
    pub term: SearchTerm,
    /// Whether contacts follow that match but for a typing mistake.
    pub fuzzy: bool,
    pub filter: ContactFilter,
    pub after: Option<SearchCursor>,
    pub limit: u64,
}

/// A position in what a search finds: the best match first, among equals the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchCursor {
    pub id: ContactId,
    /// How the contact matched when the position was given; absent, how it matches now.
    pub match_type: Option<MatchType>,
}

#[derive(Clone, Debug)]
pub struct Found {
    pub contact: Contact,
    pub match_type: MatchType,
}

#[derive(Clone, Debug)]
pub struct SearchPage {
    /// May be shorter than the limit although there are more: what one request looks at is bounded.
    pub items: Vec<Found>,
    /// Where the next page begins, if there may be one.
    pub next: Option<SearchCursor>,
}
