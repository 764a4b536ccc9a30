//! Pages of lists in memory, beside the contacts in [`super::cache`] and under the same condition.
//!
//! A page is good until its account is written to: whoever looks at the beginning of a list again and
//! again, in the explorer or by polling, is answered from memory.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::AccountId;
use crate::domain::page::{CursorPage, OffsetPage};

/// A page, as far as memory is concerned.
pub(super) trait Page: Clone {
    /// How many contacts are on it.
    fn contacts(&self) -> usize;
}

impl Page for CursorPage {
    fn contacts(&self) -> usize {
        self.items.len()
    }
}

impl Page for OffsetPage {
    fn contacts(&self) -> usize {
        self.items.len()
    }
}

#[derive(Clone)]
struct Kept<P> {
    /// How many writes had begun when it was read.
    writes: u64,
    page: Arc<P>,
}

/// Its contacts, so that long pages count for more.
#[derive(Clone)]
struct Weight;

impl<Q, P: Page> Weighter<(AccountId, Q), Kept<P>> for Weight {
    fn weight(&self, _: &(AccountId, Q), kept: &Kept<P>) -> u64 {
        u64::try_from(kept.page.contacts()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// Answers of one kind of list.
pub(super) struct Pages<Q, P: Page> {
    kept: Cache<(AccountId, Q), Kept<P>, Weight>,
}

impl<Q: Clone + Eq + Hash, P: Page> Pages<Q, P> {
    /// With room for so many contacts in all.
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Cache::with_weighter(most / 10, u64::try_from(most).unwrap_or(u64::MAX), Weight) }
    }

    /// The answer to a question, if none of the account's writes has begun since the one that is given
    /// by its number.
    pub(super) fn get(&self, account: AccountId, query: &Q, last_write: u64) -> Option<P> {
        let kept = self.kept.get(&(account, query.clone()))?;
        (kept.writes >= last_write).then(|| kept.page.as_ref().clone())
    }

    pub(super) fn put(&self, account: AccountId, query: Q, page: P, writes: u64) {
        self.kept.insert((account, query), Kept { writes, page: Arc::new(page) });
    }

    pub(super) fn clear(&self) {
        self.kept.clear();
    }
}
