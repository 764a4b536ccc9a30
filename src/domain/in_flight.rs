//! Work of which, for each key, one piece may be under way in this process at a time.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys for which work is under way.
#[derive(Clone, Debug)]
pub struct InFlight<K>(Arc<Mutex<HashSet<K>>>);

/// The right to work for a key; it ends when this is dropped.
#[derive(Debug)]
pub struct InFlightGuard<K: Eq + Hash> {
    all: InFlight<K>,
    key: K,
}

impl<K> Default for InFlight<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> InFlight<K> {
    /// Begins work for a key; `None` while other work for it is under way.
    #[must_use]
    pub fn begin(&self, key: K) -> Option<InFlightGuard<K>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.clone()).then(|| InFlightGuard { all: self.clone(), key })
    }
}

impl<K: Eq + Hash> Drop for InFlightGuard<K> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
