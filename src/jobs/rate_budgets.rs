//! Leases slices of the budgets that this process shares with others, ahead of the requests that spend them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::rate_budget::{BudgetRepository, LeaseBatch, SharedBudgets};

/// How long a database that does not answer is left alone.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long a stop waits until what is not spent has been returned.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A running task, aborted when dropped.
#[derive(Debug)]
pub struct BudgetLeaser {
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl BudgetLeaser {
    /// To be called within the runtime of the store.
    #[must_use]
    pub fn start(shared: Arc<SharedBudgets>, repository: Arc<dyn BudgetRepository>) -> Self {
        let stopping = CancellationToken::new();
        let task = tokio::spawn(run(shared, repository, stopping.clone()));
        Self { stopping, task }
    }

    /// Returns what is not spent. To be called after the last request.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        drop(tokio::time::timeout(STOP_TIMEOUT, &mut self.task).await);
    }
}

impl Drop for BudgetLeaser {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(shared: Arc<SharedBudgets>, repository: Arc<dyn BudgetRepository>, stopping: CancellationToken) {
    while stopping.run_until_cancelled(shared.wait_until_pending()).await.is_some() {
        // One statement at a time: what is asked meanwhile shares the next one.
        while lease(&shared, &*repository, shared.next_batch()).await {}
    }
    lease(&shared, &*repository, shared.last_batch()).await;
}

/// Returns whether there was something to ask or to settle, and it is done.
async fn lease(shared: &SharedBudgets, repository: &dyn BudgetRepository, batch: LeaseBatch) -> bool {
    if batch.is_empty() {
        return false;
    }
    match repository.lease(batch.requests.clone()).await {
        Ok(leases) => {
            shared.answered(batch, leases);
            true
        }
        Err(error) => {
            tracing::debug!(reason = error.cause(), "budgets of requests could not be leased");
            shared.unanswered(batch);
            tokio::time::sleep(RETRY_DELAY).await;
            false
        }
    }
}
