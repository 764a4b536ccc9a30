//! How many contacts match filters, remembered in this process.
//!
//! **Invariants.** A count belongs to a position of the account's change log, which has an entry for each change of what a
//! filter is about. Whoever reads the position first, and then takes the count of this position, has a number that was right
//! at some moment in between: no older entry has the position, and what is counted under it begins after the position was read.
//!
//! An estimate chooses how a filter is executed. It may be old: then it costs time, and changes no result.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::domain::change::ChangePosition;
use crate::domain::{AccountId, Error, Result};

const MAX_COUNTS: u64 = 10_000;
const MAX_ESTIMATES: u64 = 10_000;

const ESTIMATES_TTL: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(in crate::storage) struct CountCache(Arc<Caches>);

#[derive(Debug)]
struct Caches {
    counts: Cache<(CountKey, ChangePosition), u64>,
    /// By the bound up to which they were counted.
    estimates: Cache<(CountKey, u64), u64>,
    hashers: [RandomState; 2],
}

/// What was counted, in which account: a hash of 128 bits under random keys, which no caller can make collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::storage) struct CountKey([u64; 2]);

impl CountCache {
    pub(in crate::storage) fn new() -> Self {
        Self(Arc::new(Caches {
            counts: Cache::new(MAX_COUNTS),
            estimates: Cache::builder().max_capacity(MAX_ESTIMATES).time_to_live(ESTIMATES_TTL).build(),
            hashers: [RandomState::new(), RandomState::new()],
        }))
    }

    pub(in crate::storage) fn key(&self, account: AccountId, what: &impl Hash) -> CountKey {
        CountKey(self.0.hashers.each_ref().map(|hasher| hasher.hash_one((account, what))))
    }

    /// The count at a position that was read before. Those who ask for the same one wait for the first of them.
    pub(in crate::storage) async fn at(
        &self,
        position: ChangePosition,
        key: CountKey,
        count: impl Future<Output = Result<u64>>,
    ) -> Result<u64> {
        let counted = self.0.counts.try_get_with((key, position), count).await;
        counted.map_err(|error: Arc<Error>| Arc::unwrap_or_clone(error))
    }

    pub(in crate::storage) async fn estimate(&self, key: CountKey, bound: u64) -> Option<u64> {
        self.0.estimates.get(&(key, bound)).await
    }

    pub(in crate::storage) async fn set_estimate(&self, key: CountKey, bound: u64, count: u64) {
        self.0.estimates.insert((key, bound), count).await;
    }
}
