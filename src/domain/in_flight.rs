//! Mutual exclusion by key within one process: at most one operation per key is in flight.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys with an operation in flight.
#[derive(Clone, Debug)]
pub struct InFlight<K>(Arc<Mutex<HashSet<K>>>);

/// Releases its key on drop.
#[derive(Debug)]
pub struct InFlightGuard<K: Eq + Hash> {
    in_flight: InFlight<K>,
    key: K,
}

impl<K> Default for InFlight<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> InFlight<K> {
    /// `None` while another operation holds the key.
    #[must_use]
    pub fn begin(&self, key: K) -> Option<InFlightGuard<K>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.clone()).then(|| InFlightGuard { in_flight: self.clone(), key })
    }
}

impl<K: Eq + Hash> Drop for InFlightGuard<K> {
    fn drop(&mut self) {
        self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
