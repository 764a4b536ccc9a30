//! Bounds the tail of the search index (see `storage::search`): writes to an account wait while its index is far behind its log.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::domain::{AccountId, Error, ErrorCode, Result};
use crate::storage::change_set::{ChangeKind, ChangeSet};

/// Entries of the log that may be ahead of the index when a write begins. What is under way then is added.
pub(crate) const MAX_LAG: i64 = 65_536;

/// Changed contacts after which the follower is woken.
const WAKE_AFTER: usize = 4_096;

#[derive(Clone)]
pub(crate) struct SearchBacklog {
    /// The accounts that are too far behind.
    behind: Arc<watch::Sender<HashSet<AccountId>>>,
    /// Changed contacts since the follower was woken.
    changed: Arc<AtomicUsize>,
    wake: Arc<Notify>,
}

impl Default for SearchBacklog {
    fn default() -> Self {
        Self {
            behind: Arc::new(watch::Sender::new(HashSet::new())),
            changed: Arc::default(),
            wake: Arc::default(),
        }
    }
}

impl SearchBacklog {
    /// Waits until the account's index has caught up, before a write that changes contacts.
    ///
    /// # Errors
    /// [`ErrorCode::Unavailable`]: it has not in time.
    pub(crate) async fn wait(&self, account: AccountId, timeout: Duration) -> Result<()> {
        if !self.behind.borrow().contains(&account) {
            return Ok(());
        }
        let mut receiver = self.behind.subscribe();
        let caught_up = receiver.wait_for(|behind| !behind.contains(&account));
        match tokio::time::timeout(timeout, caught_up).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::caused_by(ErrorCode::Unavailable, "the search index is too far behind")),
        }
    }

    /// To be called after a commit.
    pub(crate) fn publish(&self, change_set: &ChangeSet) {
        let is_contact = |kind: &ChangeKind| {
            matches!(
                kind,
                ChangeKind::ContactCreated(_)
                    | ChangeKind::ContactUpdated { .. }
                    | ChangeKind::ContactDeleted(_)
            )
        };
        let changed = change_set.changes.iter().filter(|change| is_contact(&change.kind)).count();
        if self.changed.fetch_add(changed, Ordering::Relaxed) + changed >= WAKE_AFTER {
            self.changed.store(0, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// Waits for a number of changed contacts, at most so long.
    pub(crate) async fn changes(&self, timeout: Duration) {
        drop(tokio::time::timeout(timeout, self.wake.notified()).await);
    }

    /// Wakes the follower, which has something to do beside what is committed.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Which accounts are too far behind now.
    pub(crate) fn set(&self, behind: HashSet<AccountId>) {
        self.behind.send_if_modified(|accounts| {
            let differs = *accounts != behind;
            *accounts = behind;
            differs
        });
    }
}
