//! A contact, and what can be asked of one.

use super::fields::{AvatarUrl, DisplayName, Handle, Meta, MetaPatch, Phone};
use crate::domain::error::Error;
use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::{Field, FieldViolation, Violation};

id_type! {
    /// The id of a contact.
    ContactId
}

/// In how many seconds after its `updated_at` a change is visible at the latest, behind changes with later ones:
/// transactions become visible in another order than that in which they took the time.
pub const OVERLAP: u64 = 5;

/// A contact as it is stored. Each dialect shows a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Made by the server.
    pub id: ContactId,
    /// Unique within the account.
    pub handle: Handle,
    /// Several contacts may share one.
    pub phone: Phone,
    /// Where absent, v1 shows the handle.
    pub display_name: Option<DisplayName>,
    /// Kept, never fetched.
    pub avatar_url: Option<AvatarUrl>,
    /// What templates fill their placeholders with.
    pub meta: Meta,
    /// The moment in the id.
    pub created_at: Timestamp,
    /// The moment of the last change; at first `created_at`.
    pub updated_at: Timestamp,
    /// Grows by one with each change, from 1.
    pub version: i64,
}

/// What makes a contact.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// See [`Contact::handle`].
    pub handle: Handle,
    /// See [`Contact::phone`].
    pub phone: Phone,
    /// See [`Contact::display_name`].
    pub display_name: Option<DisplayName>,
    /// See [`Contact::avatar_url`].
    pub avatar_url: Option<AvatarUrl>,
    /// See [`Contact::meta`].
    pub meta: Meta,
}

/// What changes a contact: `None` keeps, `Some(None)` clears, `Some(Some(value))` sets.
#[derive(Clone, Debug)]
pub struct ContactPatch {
    /// Cannot be cleared.
    pub handle: Option<Handle>,
    /// Cannot be cleared.
    pub phone: Option<Phone>,
    /// See [`Contact::display_name`].
    pub display_name: Option<Option<DisplayName>>,
    /// See [`Contact::avatar_url`].
    pub avatar_url: Option<Option<AvatarUrl>>,
    /// Merged, not replaced.
    pub meta: Option<MetaPatch>,
}

/// How a request names a contact.
#[derive(Clone, Debug)]
pub enum ContactKey {
    /// By its id.
    Id(ContactId),
    /// By its phone number, where that is the number of one contact alone.
    Phone(Phone),
    /// By its handle.
    Handle(Handle),
}

impl ContactKey {
    /// Reads an id, or a number in any accepted spelling. (No number has the length and the letters of
    /// an id.)
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        match ContactId::parse(text) {
            Some(id) => Ok(Self::Id(id)),
            None => Phone::parse(text).map(Self::Phone).map_err(|_| Violation::NotContactKey),
        }
    }
}

impl Resource for Contact {
    fn first_created(self, stored: &Self) -> Self {
        let created_at = stored.created_at;
        Self { id: stored.id, created_at, updated_at: created_at, ..self }
    }
}

impl Contact {
    /// A contact that is about to be stored for the first time.
    #[must_use]
    pub fn new(new: NewContact) -> Self {
        let NewContact { handle, phone, display_name, avatar_url, meta } = new;
        let (id, created_at) = ContactId::generate();
        Self {
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at,
            updated_at: created_at,
            version: 1,
        }
    }

    /// The contact after a change; the same one, version and all, where nothing differs.
    ///
    /// # Errors
    /// The merged meta is past its limits.
    pub fn patched(&self, patch: ContactPatch, now: Timestamp) -> Result<Self, Error> {
        let ContactPatch { handle, phone, display_name, avatar_url, meta } = patch;
        let meta = match meta {
            None => self.meta.clone(),
            Some(change) => {
                self.meta.patched(&change).map_err(|violation| FieldViolation::of(Field::Meta, violation))?
            }
        };
        let mut patched = Self {
            id: self.id,
            handle: handle.unwrap_or_else(|| self.handle.clone()),
            phone: phone.unwrap_or_else(|| self.phone.clone()),
            display_name: display_name.unwrap_or_else(|| self.display_name.clone()),
            avatar_url: avatar_url.unwrap_or_else(|| self.avatar_url.clone()),
            meta,
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
        };
        if patched != *self {
            // A clock that was set back must not let a change look older than the one before it.
            patched.updated_at = now.max(self.updated_at);
            patched.version += 1;
        }
        Ok(patched)
    }
}
