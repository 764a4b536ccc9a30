//! Contacts as the cache stores them: encoded in one allocation, a third of the size of a [`Contact`].

use std::sync::Arc;

use crate::domain::{AccountId, Contact};
use crate::storage::entity::contact::{Model, Row};

/// A row, encoded by postcard.
#[derive(Clone)]
pub(crate) struct EncodedContact(Arc<[u8]>);

impl EncodedContact {
    /// `None` where encoding fails; the contact is then not cached.
    pub(crate) fn encode(account: AccountId, contact: &Contact) -> Option<Self> {
        Some(Self(postcard::to_stdvec(&Row::new(account, contact)).ok()?.into()))
    }

    /// The contact, if it belongs to the account.
    pub(crate) fn decode(&self, account: AccountId) -> Option<Contact> {
        let row: Model = postcard::from_bytes(&self.0).ok()?;
        if row.account_id == account.get() { row.try_into().ok() } else { None }
    }

    /// Size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
