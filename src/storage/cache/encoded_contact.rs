//! Contacts as they lie in memory: each in one piece, which is a third of what its fields take apart.

use std::sync::Arc;

use crate::domain::{AccountId, Contact};
use crate::storage::entity::contact::{Model, Row};

/// A row of a contact.
#[derive(Clone)]
pub(crate) struct EncodedContact(Arc<[u8]>);

impl EncodedContact {
    /// `None` where it cannot be done; it is then not in memory.
    pub(crate) fn encode(account: AccountId, contact: &Contact) -> Option<Self> {
        Some(Self(postcard::to_stdvec(&Row::new(account, contact)).ok()?.into()))
    }

    /// The contact, if it is one of this account's.
    pub(crate) fn decode(&self, account: AccountId) -> Option<Contact> {
        let row: Model = postcard::from_bytes(&self.0).ok()?;
        if row.account_id == account.get() { row.try_into().ok() } else { None }
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
