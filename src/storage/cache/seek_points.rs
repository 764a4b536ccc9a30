//! Seek points: known positions in sorted lists. An offset page is read from the nearest seek point before it
//! instead of from the beginning of the list: skipping one index entry is cheap, skipping a hundred thousand
//! costs more than the rest of the page.
//!
//! A seek point is valid as long as a cached page is (see [`super::contacts`]): until its account is written
//! to, which may shift all positions behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::unsync::Cache;

use crate::domain::contact::{ContactOffsetQuery, ContactSort};
use crate::domain::pagination::SortDirection;
use crate::domain::{AccountId, ContactId};

/// Distance between seek points, and the smallest offset for which one is used.
pub(crate) const STEP: u64 = 500;

/// Maximum number of seek points per order. In longer lists the distance between them doubles.
const MAX_POINTS: usize = 4_096;

/// Maximum number of orders. With the maximum of seek points, about 50 bytes each, they take 7 MB; for a
/// million contacts, 100 kB per order.
const MAX_ORDERS: usize = 32;

/// A contact, and the number of contacts before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeekPoint {
    pub(crate) position: u64,
    /// The sort key is read from the database: a handle can be longer than the rest of a seek point.
    pub(crate) id: ContactId,
}

type SortOrder = (AccountId, ContactSort, SortDirection);

fn sort_order(account: AccountId, query: &ContactOffsetQuery) -> SortOrder {
    (account, query.field, query.direction)
}

/// The seek points of one order.
struct SeekIndex {
    /// The version of the account's last write: positions are valid for the list as of that write.
    last_write: u64,
    step: u64,
    /// The first known seek point of each step.
    points: BTreeMap<u64, SeekPoint>,
}

impl SeekIndex {
    fn new(last_write: u64) -> Self {
        Self { last_write, step: STEP, points: BTreeMap::new() }
    }

    fn nearest(&self, position: u64) -> Option<SeekPoint> {
        let steps = self.points.range(..=position / self.step);
        steps.rev().map(|(_, point)| *point).find(|point| point.position <= position)
    }

    fn record(&mut self, point: SeekPoint) {
        let entry = self.points.entry(point.position / self.step).or_insert(point);
        if point.position < entry.position {
            *entry = point;
        }
        if self.points.len() > MAX_POINTS {
            self.step *= 2;
            for point in std::mem::take(&mut self.points).into_values() {
                self.record(point);
            }
        }
    }
}

/// The seek points of recently used orders.
pub(crate) struct SeekPoints {
    indexes: Mutex<Cache<SortOrder, SeekIndex>>,
}

impl SeekPoints {
    pub(crate) fn new() -> Self {
        Self { indexes: Mutex::new(Cache::new(MAX_ORDERS)) }
    }

    fn indexes(&self) -> MutexGuard<'_, Cache<SortOrder, SeekIndex>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last seek point not behind the page's offset, if the account's last write is `last_write`.
    pub(super) fn nearest(
        &self,
        account: AccountId,
        query: &ContactOffsetQuery,
        last_write: u64,
    ) -> Option<SeekPoint> {
        let indexes = self.indexes();
        let index = indexes.get(&sort_order(account, query)).filter(|index| index.last_write == last_write);
        index?.nearest(query.offset)
    }

    /// Records the first contact of a page, in the list as of `last_write`.
    pub(crate) fn record(
        &self,
        account: AccountId,
        query: &ContactOffsetQuery,
        id: ContactId,
        last_write: u64,
    ) {
        let (mut indexes, sort_order) = (self.indexes(), sort_order(account, query));
        if indexes.peek(&sort_order).is_none_or(|index| index.last_write != last_write) {
            indexes.insert(sort_order, SeekIndex::new(last_write));
        }
        if let Some(mut index) = indexes.get_mut(&sort_order) {
            index.record(SeekPoint { position: query.offset, id });
        }
    }

    pub(crate) fn clear(&self) {
        self.indexes().clear();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two accounts; pages are read of the first.
    pub(in crate::storage::cache) fn accounts() -> [AccountId; 2] {
        [1, 2].map(AccountId::new)
    }

    pub(in crate::storage::cache) fn at(offset: u64) -> ContactOffsetQuery {
        ContactOffsetQuery {
            field: ContactSort::Handle,
            direction: SortDirection::Ascending,
            offset,
            limit: 10,
        }
    }

    fn point(position: u64) -> SeekPoint {
        SeekPoint { position, id: ContactId::generate().0 }
    }

    #[test]
    fn the_nearest_seek_point_is_the_last_one_not_behind_the_offset() {
        let mut index = SeekIndex::new(0);
        let nearest = |index: &SeekIndex, position| index.nearest(position).map(|point| point.position);
        assert_eq!(nearest(&index, 9_999), None);
        for position in [5_000, 1_200, 700, 1_999, 1_990, 1_995] {
            index.record(point(position));
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
            assert_eq!(nearest(&index, position), place, "{position}");
        }
    }

    #[test]
    fn the_number_of_seek_points_and_their_distance_are_bounded() {
        let mut index = SeekIndex::new(0);
        let pages = 100_000;
        for page in 1..=pages {
            // From behind, and those in between later.
            index.record(point((pages - page) / 2 * 200 + page % 2 * 100));
            assert!(index.points.len() <= MAX_POINTS);
        }
        assert!(index.points.len() > MAX_POINTS / 4, "{}", index.points.len());
        for page in 1..pages {
            let point = index.nearest(page * 100).unwrap();
            assert!(page * 100 - point.position < index.step * 2 && index.step < 8_000, "{page}");
        }
    }

    #[test]
    fn orders_are_separate_and_bounded_in_number() {
        let points = SeekPoints::new();
        let queries: Vec<_> =
            [ContactSort::CreatedOn, ContactSort::Handle, ContactSort::Phone]
                .into_iter()
                .flat_map(|field| {
                    [SortDirection::Ascending, SortDirection::Descending]
                        .map(|direction| ContactOffsetQuery { field, direction, ..at(1_000) })
                })
                .collect();
        let mut recorded = Vec::new();
        for account in accounts() {
            for query in &queries {
                assert_eq!(points.nearest(account, query, 0), None);
                let id = ContactId::generate().0;
                points.record(account, query, id, 0);
                recorded.push((account, query, id));
            }
        }
        for (account, query, id) in recorded {
            let point = Some(SeekPoint { position: 1_000, id });
            assert_eq!(points.nearest(account, query, 0), point);
            assert_eq!(points.nearest(account, &ContactOffsetQuery { limit: 5, ..*query }, 0), point);
            assert_eq!(points.nearest(account, query, 1), None, "of an older version");
        }
        for account in 3..1_000 {
            points.record(AccountId::new(account), &queries[0], ContactId::generate().0, 0);
            assert!(points.indexes().len() <= MAX_ORDERS);
        }
        let last = AccountId::new(1_000);
        points.record(last, &queries[0], ContactId::generate().0, 0);
        assert!(points.nearest(last, &queries[0], 0).is_some());
        points.clear();
        assert_eq!(points.nearest(last, &queries[0], 0), None);
    }
}
