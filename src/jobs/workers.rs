//! The workers of a process. Each carries out one job at a time; which jobs there are is up to the database, so that a job
//! of a process that was killed goes to another.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, info_span};

use super::imports;
use super::metrics::{JobMetrics, StepResult};
use crate::domain::ErrorCode;
use crate::domain::import::{ImportJob, ImportQueue};
use crate::domain::store::Store;
use crate::trace;

/// Jobs at a time: an import of one account does not wait for the end of another's.
const WORKERS: usize = 2;

/// A worker looks for jobs that often; it is woken for those that its own process accepts.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Pause after a failure.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// How long a stop waits for the transactions in progress.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Running workers, aborted when dropped.
#[derive(Debug)]
pub struct Workers {
    stopping: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// To be called within the runtime of the store.
    #[must_use]
    pub fn start(store: &Arc<dyn Store>, metrics: Option<JobMetrics>) -> Self {
        let stopping = CancellationToken::new();
        let run = |_| tokio::spawn(run(Arc::clone(store), metrics.clone(), stopping.clone()));
        let tasks = (0..WORKERS).map(run).collect();
        Self { stopping, tasks }
    }

    /// Stops between two transactions. Unfinished jobs are resumed by the next process.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        for task in &mut self.tasks {
            drop(tokio::time::timeout(STOP_TIMEOUT, task).await);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn run(store: Arc<dyn Store>, metrics: Option<JobMetrics>, stopping: CancellationToken) {
    let queue = store.import_queue();
    while !stopping.is_cancelled() {
        match queue.claim().await {
            Ok(Some(job)) => {
                let state = job.import.state;
                let result = carry_out(&store, &queue, job, &stopping).await;
                metrics.as_ref().inspect(|metrics| metrics.count(state, result));
            }
            Ok(None) => {
                stopping.run_until_cancelled(queue.wait(POLL_INTERVAL)).await;
            }
            Err(error) => {
                tracing::warn!(reason = error.cause(), "cannot look for imports");
                stopping.run_until_cancelled(tokio::time::sleep(RETRY_DELAY)).await;
            }
        }
    }
}

async fn carry_out(
    store: &Arc<dyn Store>,
    queue: &Arc<dyn ImportQueue>,
    job: ImportJob,
    stopping: &CancellationToken,
) -> StepResult {
    let (account, import) = (job.context.account().get(), job.import.id);
    let state = job.import.state.as_str();
    let span =
        info_span!(target: trace::ROOT, "import", addressbook.import.step = state, otel.status_code = Empty);
    let outcome = imports::carry_out(store, queue, &job, stopping).instrument(span.clone()).await;
    if outcome.as_ref().is_err_and(|error| error.code() != ErrorCode::NotFound) {
        span.record("otel.status_code", "error");
    }
    drop(span);
    match outcome {
        Ok(()) => {
            tracing::info!(account, %import, state, "a step of an import has ended");
            StepResult::Done
        }
        // Cancelled, or taken over by another process.
        Err(error) if error.code() == ErrorCode::NotFound => {
            tracing::info!(account, %import, state, "an import was cancelled or taken over");
            StepResult::Ended
        }
        Err(error) => {
            if error.code() == ErrorCode::Internal {
                tracing::error!(account, %import, state, reason = error.cause(), "a step of an import failed");
            } else {
                tracing::warn!(account, %import, state, reason = error.cause(), "a step of an import will be repeated");
            }
            stopping.run_until_cancelled(tokio::time::sleep(RETRY_DELAY)).await;
            queue.release(&job).await;
            StepResult::Failed
        }
    }
}
