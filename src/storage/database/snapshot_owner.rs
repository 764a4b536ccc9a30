//! The owner of unfinished audience snapshots: a process, identified by an id of its own, that renews a
//! lease. Without a lease a snapshot is abandoned, and any process may expire it.

use std::time::Duration;

use sea_orm::{ColumnTrait, Condition};
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::storage::entity::audience::Column;

/// How long an unfinished snapshot without new entries stays with its process.
const LEASE_DURATION: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotOwner {
    pub(in crate::storage) id: Uuid,
    /// Whether no other process creates snapshots: those of other owners are then abandoned.
    pub(in crate::storage) is_only_process: bool,
}

impl SnapshotOwner {
    pub(crate) fn new(is_only_process: bool) -> Self {
        Self { id: Uuid::now_v7(), is_only_process }
    }

    pub(in crate::storage) fn new_lease() -> i64 {
        Timestamp::now().after(LEASE_DURATION).millis()
    }

    /// Unfinished snapshots whose process has terminated.
    pub(in crate::storage) fn abandoned(self) -> Condition {
        let mut ended = Condition::any().add(Column::LeasedUntil.lt(Timestamp::now().millis()));
        if self.is_only_process {
            ended = ended.add(Column::Owner.ne(self.id));
        }
        Condition::all().add(Column::LeasedUntil.is_not_null()).add(ended)
    }
}
