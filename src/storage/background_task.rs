//! Background tasks: run at intervals, and when they are woken.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// Aborted when dropped.
#[derive(Debug)]
pub(crate) struct BackgroundTask {
    wake: Arc<Notify>,
    task: AbortHandle,
}

impl BackgroundTask {
    /// `work` gets what wakes it.
    pub(crate) fn start<W>(work: impl FnOnce(Arc<Notify>) -> W) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let wake = Arc::<Notify>::default();
        let task = tokio::spawn(work(Arc::clone(&wake))).abort_handle();
        Self { wake, task }
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// To be called before the database is closed. Unfinished work is resumed after the next start.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for BackgroundTask {
    fn drop(&mut self) {
        self.stop();
    }
}
