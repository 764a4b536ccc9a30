//! The steps of an import: planning, committing, undoing.

mod plan;
mod source;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::Result;
use crate::domain::import::{ImportJob, ImportQueue, ImportState, PAGE_ROWS};
use crate::domain::store::Store;

/// Carries out the current step, or begins it anew where that is planning. Ends between two transactions if the process
/// stops; the lease is then free at once.
pub(super) async fn carry_out(
    store: &Arc<dyn Store>,
    queue: &Arc<dyn ImportQueue>,
    job: &ImportJob,
    stopping: &CancellationToken,
) -> Result<()> {
    let finished = if job.import.state == ImportState::Planning {
        stopping.run_until_cancelled(plan::plan(store, queue, job)).await.transpose()?.is_some()
    } else {
        execute(queue, job, stopping).await?
    };
    if !finished {
        queue.release(job).await;
    }
    Ok(())
}

/// Executes the pages that are left. Returns whether all are done.
async fn execute(
    queue: &Arc<dyn ImportQueue>,
    job: &ImportJob,
    stopping: &CancellationToken,
) -> Result<bool> {
    let page_rows = u64::try_from(PAGE_ROWS).unwrap_or(u64::MAX);
    // Every page but the last is full.
    let mut page = job.import.progress.done / page_rows;
    while queue.execute_page(job, page).await? {
        if stopping.is_cancelled() {
            return Ok(false);
        }
        page += 1;
    }
    queue.finish(job).await?;
    Ok(true)
}
