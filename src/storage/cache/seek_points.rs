//! Where pages of lists began: a page far behind in a list is read from the nearest such place before it,
//! and not counted from the beginning. To skip an entry of an index costs little; to skip a hundred
//! thousand of them costs more than the rest of the page.
//!
//! An anchor is good as long as a page in memory is (see [`super::contacts`]): until its account is written
//! to, since that may move all that comes behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::unsync::Cache;

use crate::domain::pagination::{OffsetQuery, SortDirection, SortField};
use crate::domain::{AccountId, ContactId};

/// How far anchors lie apart, and how far a page lies behind the beginning to begin at one.
pub(crate) const STEP: u64 = 500;

/// Most anchors of an order. In a list that is longer than so many steps, steps are longer too.
const MOST: usize = 4_096;

/// Most orders. With as many anchors as there may be, of some 50 bytes each, they take 7 MB; those of a
/// million contacts take 100 kB an order.
const ORDERS: usize = 32;

/// A contact, and how many come before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) position: u64,
    /// What it is sorted by is in the database: a handle can be longer than all the rest of an anchor.
    pub(crate) id: ContactId,
}

/// What the contacts of an account are sorted by, and which way.
type Order = (AccountId, SortField, SortDirection);

fn order(account: AccountId, query: &OffsetQuery) -> Order {
    (account, query.field, query.direction)
}

/// The anchors of an order.
struct Known {
    /// The account's last write, by its number: they are of the list as that left it.
    last_write: u64,
    step: u64,
    /// In each step the first that is known.
    firsts: BTreeMap<u64, Anchor>,
}

impl Known {
    fn new(last_write: u64) -> Self {
        Self { last_write, step: STEP, firsts: BTreeMap::new() }
    }

    fn nearest(&self, position: u64) -> Option<Anchor> {
        let steps = self.firsts.range(..=position / self.step);
        steps.rev().map(|(_, anchor)| *anchor).find(|anchor| anchor.position <= position)
    }

    fn learn(&mut self, anchor: Anchor) {
        let first = self.firsts.entry(anchor.position / self.step).or_insert(anchor);
        if anchor.position < first.position {
            *first = anchor;
        }
        if self.firsts.len() > MOST {
            self.step *= 2;
            for anchor in std::mem::take(&mut self.firsts).into_values() {
                self.learn(anchor);
            }
        }
    }
}

/// Anchors of the orders that were asked for of late.
pub(crate) struct Anchors {
    orders: Mutex<Cache<Order, Known>>,
}

impl Anchors {
    pub(crate) fn new() -> Self {
        Self { orders: Mutex::new(Cache::new(ORDERS)) }
    }

    fn orders(&self) -> MutexGuard<'_, Cache<Order, Known>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last anchor that does not lie behind the beginning of a page, if the account's last write is the
    /// one that is given by its number.
    pub(super) fn nearest(&self, account: AccountId, query: &OffsetQuery, last_write: u64) -> Option<Anchor> {
        let orders = self.orders();
        let known = orders.get(&order(account, query)).filter(|known| known.last_write == last_write);
        known?.nearest(query.offset)
    }

    /// Remembers the contact that a page begins with, in the list as the account's last write left it.
    pub(crate) fn learn(&self, account: AccountId, query: &OffsetQuery, first: ContactId, last_write: u64) {
        let (mut orders, order) = (self.orders(), order(account, query));
        if orders.peek(&order).is_none_or(|known| known.last_write != last_write) {
            orders.insert(order, Known::new(last_write));
        }
        if let Some(mut known) = orders.get_mut(&order) {
            known.learn(Anchor { position: query.offset, id: first });
        }
    }

    pub(crate) fn clear(&self) {
        self.orders().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two accounts; pages are read of the first.
    fn accounts() -> [AccountId; 2] {
        [1, 2].map(AccountId::new)
    }

    fn at(offset: u64) -> OffsetQuery {
        OffsetQuery { field: SortField::Handle, direction: SortDirection::Ascending, offset, limit: 10 }
    }

    fn anchor(position: u64) -> Anchor {
        Anchor { position, id: ContactId::generate().0 }
    }

    #[test]
    fn a_page_begins_at_the_last_anchor_that_is_not_behind_it() {
        let mut known = Known::new(0);
        let nearest = |known: &Known, position| known.nearest(position).map(|anchor| anchor.position);
        assert_eq!(nearest(&known, 9_999), None);
        for position in [5_000, 1_200, 700, 1_999, 1_990, 1_995] {
            known.learn(anchor(position));
        }
        for (position, place) in [
            (0, None),
            (699, None),
            (700, Some(700)),
            (1_199, Some(700)),
            (1_200, Some(1_200)),
            (1_989, Some(1_200)),
            (1_990, Some(1_990)),
            (1_997, Some(1_990)),
            (4_999, Some(1_990)),
            (u64::MAX, Some(5_000)),
        ] {
            assert_eq!(nearest(&known, position), place, "{position}");
        }
    }

    #[test]
    fn however_long_a_list_is_its_anchors_are_not_too_many_and_not_too_far_apart() {
        let mut known = Known::new(0);
        let pages = 100_000;
        for page in 1..=pages {
            // From behind, and those in between later.
            known.learn(anchor((pages - page) / 2 * 200 + page % 2 * 100));
            assert!(known.firsts.len() <= MOST);
        }
        assert!(known.firsts.len() > MOST / 4, "{}", known.firsts.len());
        for page in 1..pages {
            let anchor = known.nearest(page * 100).unwrap();
            assert!(page * 100 - anchor.position < known.step * 2 && known.step < 8_000, "{page}");
        }
    }

    #[test]
    fn orders_are_told_apart_and_not_too_many() {
        let anchors = Anchors::new();
        let queries: Vec<_> = [SortField::CreatedOn, SortField::Handle, SortField::Phone]
            .into_iter()
            .flat_map(|field| {
                [SortDirection::Ascending, SortDirection::Descending].map(|direction| OffsetQuery {
                    field,
                    direction,
                    ..at(1_000)
                })
            })
            .collect();
        let mut learnt = Vec::new();
        for account in accounts() {
            for query in &queries {
                assert_eq!(anchors.nearest(account, query, 0), None);
                let id = ContactId::generate().0;
                anchors.learn(account, query, id, 0);
                learnt.push((account, query, id));
            }
        }
        for (account, query, id) in learnt {
            let anchor = Some(Anchor { position: 1_000, id });
            assert_eq!(anchors.nearest(account, query, 0), anchor);
            assert_eq!(anchors.nearest(account, &OffsetQuery { limit: 5, ..*query }, 0), anchor);
            assert_eq!(anchors.nearest(account, query, 1), None, "of an older list");
        }
        for account in 3..1_000 {
            anchors.learn(AccountId::new(account), &queries[0], ContactId::generate().0, 0);
            assert!(anchors.orders().len() <= ORDERS);
        }
        let last = AccountId::new(1_000);
        anchors.learn(last, &queries[0], ContactId::generate().0, 0);
        assert!(anchors.nearest(last, &queries[0], 0).is_some());
        anchors.clear();
        assert_eq!(anchors.nearest(last, &queries[0], 0), None);
    }
}
