//! The identity of a process, for what one of several instances does at a time: it renews a lease, and without one whatever it
//! has begun is abandoned.

use uuid::Uuid;

use crate::domain::Timestamp;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(in crate::storage) id: Uuid,
    /// Whether there is no other: the leases of others are then over.
    pub(in crate::storage) is_only_process: bool,
}

impl Process {
    pub(crate) fn new(is_only_process: bool) -> Self {
        Self { id: Uuid::now_v7(), is_only_process }
    }

    /// Whether what has this lease is another process, which may be at work.
    pub(in crate::storage) fn must_respect(&self, lease: Option<Uuid>, leased_until: Option<i64>) -> bool {
        let is_others = lease.is_some_and(|lease| lease != self.id) && !self.is_only_process;
        is_others && leased_until.is_some_and(|until| until >= Timestamp::now().millis())
    }
}
