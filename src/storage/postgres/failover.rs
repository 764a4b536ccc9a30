//! Stale connections after a failover: a pool may still hold connections to the old primary, which answers
//! reads and rejects writes.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Minimum time between invalidations: a database that rejects all writes must not be flooded with new
/// connections.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Generation of the pool's connections: those opened before the last invalidation are stale. The check costs
/// no round trip.
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolGeneration(Arc<RwLock<Option<Instant>>>);

impl PoolGeneration {
    /// To be called when a write failed because of the database, not the statement: no connection that is
    /// open now is used again.
    pub(crate) fn invalidate(&self) {
        let mut opened_after = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if opened_after.is_none_or(|opened_after| opened_after.elapsed() >= MIN_INTERVAL) {
            *opened_after = Some(Instant::now());
        }
    }

    /// Whether a connection of this age was opened after the last invalidation.
    pub(crate) fn is_current(&self, age: Duration) -> bool {
        let opened_after = self.0.read().unwrap_or_else(PoisonError::into_inner);
        opened_after.is_none_or(|opened_after| age <= opened_after.elapsed())
    }
}
