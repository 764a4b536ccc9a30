//! Connections that lead to the wrong place: after a failover a pool still has those to the old primary,
//! which answers every read and refuses every write.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Trust is lost at most once in this time: a database that refuses all writes must not be flooded
/// with new connections.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Since when connections must have been opened to be used. Costs no round trip to a database that
/// works.
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolGeneration(Arc<RwLock<Option<Instant>>>);

impl PoolGeneration {
    /// To be called when the database, and not the statement, was at fault that a write failed: none
    /// of the connections that are open now is used again.
    pub(crate) fn invalidate(&self) {
        let mut opened_after = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if opened_after.is_none_or(|opened_after| opened_after.elapsed() >= MIN_INTERVAL) {
            *opened_after = Some(Instant::now());
        }
    }

    /// Whether a connection of this age may be used.
    pub(crate) fn is_current(&self, age: Duration) -> bool {
        let opened_after = self.0.read().unwrap_or_else(PoisonError::into_inner);
        opened_after.is_none_or(|opened_after| age <= opened_after.elapsed())
    }
}
