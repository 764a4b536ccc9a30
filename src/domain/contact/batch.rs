//! Batches: one request creates and updates many contacts, and each item has its own result, as if it had been a request
//! of its own.
//!
//! Whether an item is a create or an update may depend on whether its contact exists. So an item is a patch, and becomes
//! a new contact only when it has to; and one that is neither carries what each of the two would have answered.

use super::fields::Handle;
use super::model::{ContactId, ContactKey, ContactPatch, NewContact};
use crate::domain::error::{Error, Result};
use crate::domain::precondition::Precondition;
use crate::domain::wire_names::wire_names;

/// The name of the list of items, in the messages that refer to one of them.
pub const ITEMS: &str = "contacts";

/// The maximum number of violations that the error of one item lists: a batch can have as many errors as items.
pub const MAX_ITEM_VIOLATIONS: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchMode {
    /// Each item is a create.
    Create,
    /// Each item is an update.
    Update,
    /// Items whose contact exists are updates, the others creates.
    Upsert,
}

impl BatchMode {
    #[must_use]
    pub fn creates(self) -> bool {
        matches!(self, Self::Create | Self::Upsert)
    }

    #[must_use]
    pub fn updates(self) -> bool {
        matches!(self, Self::Update | Self::Upsert)
    }
}

wire_names! {
    /// What identifies the contact of an item, or of a row of a file. (The names are those of v1.)
    MatchBy {
        Handle => "username", "the username";
        Id => "id", "the id";
        Phone => "phone_number", "the phone number, in any accepted spelling";
    }
}

#[derive(Clone, Debug)]
pub struct Batch {
    pub mode: BatchMode,
    /// All items are carried out, or none.
    pub atomic: bool,
    pub items: Vec<BatchItem>,
    /// The error of an item in the words of the dialect: recorded, so that a repeated request gets the same ones.
    pub render_error: fn(&Error) -> String,
}

#[derive(Clone, Debug)]
pub struct BatchItem {
    /// What identifies its contact; `None`: it can only be a create.
    pub key: Option<ContactKey>,
    pub precondition: Precondition,
    pub content: Result<ContactPatch, InvalidItem>,
}

/// Why an item is neither a valid create nor a valid update.
#[derive(Clone, Debug)]
pub struct InvalidItem {
    pub as_create: Error,
    pub as_update: Error,
}

impl BatchItem {
    /// # Errors
    /// What a create would have answered.
    pub fn to_new(&self) -> Result<NewContact> {
        match &self.content {
            Ok(patch) => patch.clone().try_into(),
            Err(invalid) => Err(invalid.as_create.clone()),
        }
    }

    /// # Errors
    /// What an update would have answered.
    pub fn to_patch(&self) -> Result<&ContactPatch> {
        self.content.as_ref().map_err(|invalid| invalid.as_update.clone())
    }

    /// The name that it gives its contact.
    #[must_use]
    pub fn handle(&self) -> Option<&Handle> {
        self.content.as_ref().ok()?.handle.as_ref()
    }
}

/// The result of a batch.
#[derive(Clone, Debug)]
pub struct BatchOutcome {
    /// In the order of the items.
    pub items: Vec<ItemOutcome>,
    /// Whether it is that of an earlier request with the same idempotency key.
    pub replayed: bool,
}

#[derive(Clone, Debug)]
pub enum ItemOutcome {
    Done {
        change: ItemChange,
        id: ContactId,
        /// The current one; `None` if the contact has been deleted since.
        handle: Option<Handle>,
    },
    /// See [`Batch::render_error`].
    Failed { error: String },
}

/// What an item has done to its contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemChange {
    Created,
    Updated,
    /// The contact already was what the item asks for: no new version.
    Unchanged,
}
