//! Stores the last uses of keys from time to time: a write for all of them, and none in a request.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::api_key::service::KeyService;

/// How late the database learns of a use, at most, as long as it can be written to.
pub const USES_STORED_EVERY: Duration = Duration::from_secs(60);

/// How long a stop waits for the last write.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running task, aborted when dropped.
#[derive(Debug)]
pub struct UseRecorder {
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl UseRecorder {
    /// To be called within the runtime of the store.
    #[must_use]
    pub fn start(keys: KeyService, interval: Duration) -> Self {
        let stopping = CancellationToken::new();
        let task = tokio::spawn(run(keys, interval, stopping.clone()));
        Self { stopping, task }
    }

    /// Stores what is not stored yet. To be called after the last request.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        drop(tokio::time::timeout(STOP_TIMEOUT, &mut self.task).await);
    }
}

impl Drop for UseRecorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(keys: KeyService, interval: Duration, stopping: CancellationToken) {
    let mut is_stopping = false;
    while !is_stopping {
        is_stopping = stopping.run_until_cancelled(tokio::time::sleep(interval)).await.is_none();
        if let Err(error) = keys.store_uses().await {
            tracing::warn!(reason = error.cause(), "the last uses of keys could not be stored");
        }
    }
}
