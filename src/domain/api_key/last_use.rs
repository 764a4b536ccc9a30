//! The last request with a key.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::domain::timestamp::Timestamp;

/// When and from where a key was last used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUse {
    pub at: Timestamp,
    /// The address of the client.
    pub from: Option<IpAddr>,
}

/// Where the requests with a key note its use.
#[derive(Debug, Default)]
pub struct UseNote(Mutex<Option<LastUse>>);

impl UseNote {
    pub(super) fn record(&self, last: LastUse) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }

    pub(super) fn last(&self) -> Option<LastUse> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
