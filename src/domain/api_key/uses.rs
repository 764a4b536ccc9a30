//! When, and from where, keys were last used. A request only notes it in memory; it is stored from time to time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::last_use::{LastUse, UseNote};
use super::{ApiKey, KeyId};
use crate::domain::account::AccountId;

/// The last use of a key, as it is stored.
#[derive(Clone, Debug)]
pub struct KeyUse {
    pub account: AccountId,
    pub key: KeyId,
    pub last: LastUse,
}

/// The notes of the keys that this process has seen lately.
#[derive(Clone, Debug, Default)]
pub(super) struct UseNotes(Arc<Mutex<HashMap<KeyId, Noted>>>);

#[derive(Debug)]
struct Noted {
    account: AccountId,
    note: Arc<UseNote>,
    stored: Option<LastUse>,
}

impl Noted {
    fn unstored(&self) -> Option<LastUse> {
        self.note.last().filter(|last| Some(*last) != self.stored)
    }
}

impl UseNotes {
    pub(super) fn of(&self, key: &ApiKey) -> Arc<UseNote> {
        let mut notes = self.lock();
        let new = || Noted { account: key.account, note: Arc::default(), stored: None };
        Arc::clone(&notes.entry(key.id.clone()).or_insert_with(new).note)
    }

    /// What is to be stored. Keys that were not used since it was last asked for are forgotten.
    pub(super) fn unstored(&self) -> Vec<KeyUse> {
        let mut notes = self.lock();
        // Whoever can still note something has a reference.
        notes.retain(|_, noted| Arc::strong_count(&noted.note) > 1 || noted.unstored().is_some());
        let unstored = |(key, noted): (&KeyId, &Noted)| {
            Some(KeyUse { account: noted.account, key: key.clone(), last: noted.unstored()? })
        };
        notes.iter().filter_map(unstored).collect()
    }

    pub(super) fn set_stored(&self, uses: &[KeyUse]) {
        let mut notes = self.lock();
        for KeyUse { account: _, key, last } in uses {
            if let Some(noted) = notes.get_mut(key) {
                noted.stored = Some(*last);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
