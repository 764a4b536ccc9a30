//! How many responses of an account may be under way at once of those that take as long as their client, or as the account's
//! changes. (Other requests end within the request timeout, and the rate limits count them.)
//!
//! Each instance counts its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::account::limits::AccountLimits;
use crate::domain::{AccountId, ErrorCode, Result};

/// Each kind has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// Reads contacts for as long as its client takes them: an export, an audience.
    Contacts,
    /// Waits for changes, and reads nothing until there are some.
    Changes,
}

impl StreamKind {
    /// How many an account may have open; `None` for any number.
    #[must_use]
    fn limit(self, limits: &AccountLimits) -> Option<u64> {
        match self {
            Self::Contacts => limits.streams,
            Self::Changes => limits.feeds,
        }
    }
}

type Key = (AccountId, StreamKind);

/// How many are open.
#[derive(Clone, Debug, Default)]
pub struct Streams(Arc<Mutex<HashMap<Key, u64>>>);

/// Counts until it is dropped, with the response.
#[derive(Debug)]
pub struct OpenStream {
    streams: Streams,
    key: Key,
}

impl Streams {
    /// # Errors
    /// [`ErrorCode::TooManyStreams`].
    pub fn open(&self, account: AccountId, kind: StreamKind, limits: &AccountLimits) -> Result<OpenStream> {
        let (key, limit) = ((account, kind), kind.limit(limits).unwrap_or(u64::MAX));
        let mut open = self.lock();
        let count = open.entry(key).or_default();
        if *count >= limit {
            return Err(ErrorCode::TooManyStreams.into());
        }
        *count += 1;
        drop(open);
        Ok(OpenStream { streams: self.clone(), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.streams.lock().entry(self.key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}
