//! The right to carry out the current step of an import.

use std::time::Duration;

use uuid::Uuid;

use super::repository::{lock, not_found};
use crate::domain::import::{ImportId, ImportJob, ImportState};
use crate::domain::{AccountId, Result, Timestamp};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::import::Model;

/// How long an import without progress stays with its process.
const DURATION: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    account: AccountId,
    import: ImportId,
    state: ImportState,
    id: Uuid,
}

impl Lease {
    pub(super) fn of(job: &ImportJob) -> Self {
        Self { account: job.context.account(), import: job.import.id, state: job.import.state, id: job.lease }
    }

    /// Locks the import for the transaction. The caller saves the row, which has a new end of the lease.
    ///
    /// # Errors
    /// [`NotFound`](crate::domain::ErrorCode::NotFound): the lease is lost.
    pub(super) async fn renew(&self, transaction: &Transaction) -> Result<Model> {
        let mut row = lock(transaction, self.account, self.import).await?;
        if row.lease != Some(self.id) || row.state != self.state.as_str() {
            return Err(not_found());
        }
        row.leased_until = Some(end());
        row.updated_at = Timestamp::now().millis();
        Ok(row)
    }
}

/// The end of a lease that begins, or is renewed, now.
pub(super) fn end() -> i64 {
    Timestamp::now().after(DURATION).millis()
}
