//! What finding an audience may take, and for whom it is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::domain::account::AccountId;
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::in_flight::InFlight;

/// What finding one audience may take.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Processor time for filling in the template, over all recipients.
    pub processor: Duration,
    /// When the request has to be answered, if it has to be at once.
    pub deadline: Option<Instant>,
    /// Who waits for the answer.
    pub caller: Caller,
}

impl Budget {
    /// Whether work goes on, when so much processor time has been used.
    ///
    /// # Errors
    /// [`ErrorCode::TemplateTooCostly`] where the budget is used up; where the caller has gone, an error that reaches
    /// no client.
    pub fn check(&self, used: Duration) -> Result<()> {
        if self.caller.has_gone() {
            return Err(Error::caused_by(ErrorCode::Unavailable, "the client has gone away"));
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

/// Whether the caller still waits for the response.
#[derive(Clone, Debug, Default)]
pub struct Caller(Arc<AtomicBool>);

impl Caller {
    /// Tells [`Caller`] that it has gone, when this is dropped.
    #[must_use]
    pub fn presence(&self) -> Presence {
        Presence(self.clone())
    }

    fn has_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A caller that waits.
#[derive(Debug)]
pub struct Presence(Caller);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// The accounts for which this process keeps an audience just now: one at a time for each.
pub type SnapshotsInFlight = InFlight<AccountId>;
