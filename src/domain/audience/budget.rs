//! What resolving an audience may cost, and when it ends early.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::domain::error::{Error, ErrorCode, Result};

#[derive(Clone, Debug)]
pub struct Budget {
    /// Processor time for rendering, over all recipients.
    pub processor: Duration,
    /// When the response is due; `None` for a stream.
    pub deadline: Option<Instant>,
    /// Cancelled when the client disconnects.
    pub cancelled: CancellationToken,
}

impl Budget {
    /// Checks the budget after `used` processor time.
    ///
    /// # Errors
    /// [`ErrorCode::TemplateTooCostly`] if it is exhausted; after a cancellation, an error that no client receives.
    pub fn check(&self, used: Duration) -> Result<()> {
        if self.cancelled.is_cancelled() {
            return Err(Error::caused_by(ErrorCode::Unavailable, "the client has disconnected"));
        }
        if used > self.processor {
            return Err(Error::audience_too_costly(self.processor));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::audience_too_slow());
        }
        Ok(())
    }
}
