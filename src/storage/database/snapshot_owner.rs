//! The process that creates an audience snapshot, and its lease.

use std::time::Duration;

use sea_orm::{ColumnTrait, Condition};
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::storage::entity::audience::Column;

/// For how long an unfinished audience to which no entries are added is left to the process that began it.
const LEASE_DURATION: Duration = Duration::from_secs(60);

/// This process, as far as unfinished audiences know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotOwner {
    pub(in crate::storage) id: Uuid,
    /// Whether no other process adds entries: an unfinished audience of another one was left behind by it.
    is_only_process: bool,
}

impl SnapshotOwner {
    pub(crate) fn new(is_only_process: bool) -> Self {
        Self { id: Uuid::now_v7(), is_only_process }
    }

    pub(in crate::storage) fn new_lease() -> i64 {
        Timestamp::now().after(LEASE_DURATION).millis()
    }

    /// Unfinished audiences whose process ended in the middle of its work.
    pub(in crate::storage) fn abandoned(self) -> Condition {
        let mut ended = Condition::any().add(Column::LeasedUntil.lt(Timestamp::now().millis()));
        if self.is_only_process {
            ended = ended.add(Column::Owner.ne(self.id));
        }
        Condition::all().add(Column::LeasedUntil.is_not_null()).add(ended)
    }
}
