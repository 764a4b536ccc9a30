//! What finding an audience may take, and for whom it is done.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::account::AccountId;
use crate::domain::error::{Code, Error, Result};

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
    /// [`Code::TemplateTooCostly`] where the budget is used up; something that nobody hears where the caller
    /// has gone.
    pub fn check(&self, used: Duration) -> Result<()> {
        if self.caller.has_gone() {
            return Err(Error::caused_by(Code::Unavailable, "the client has gone away"));
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

/// Whether somebody still waits for an answer.
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
#[derive(Clone, Debug, Default)]
pub struct Keeping(Arc<Mutex<HashSet<AccountId>>>);

/// The right to keep an audience; it ends when this is dropped.
#[derive(Debug)]
pub struct KeepTurn {
    all: Keeping,
    account: AccountId,
}

impl Keeping {
    /// Begins to keep an audience of an account.
    ///
    /// # Errors
    /// [`Code::AudienceInProgress`]
    pub fn begin(&self, account: AccountId) -> Result<KeepTurn> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.insert(account) {
            Ok(KeepTurn { all: self.clone(), account })
        } else {
            Err(Code::AudienceInProgress.into())
        }
    }
}

impl Drop for KeepTurn {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.account);
    }
}
