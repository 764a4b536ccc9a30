//! A contact, and what can be asked of one.

use std::fmt;

use uuid::Uuid;

use super::error::Error;
use super::fault::{Field, FieldFault};
use super::fields::{AvatarUrl, DisplayName, Handle, Meta, MetaPatch, Phone};
use super::timestamp::Timestamp;

/// The id of a contact: a UUIDv7, so that ids in descending order are contacts from the newest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(Uuid);

impl ContactId {
    /// A new id and the moment that stands in it.
    ///
    /// Ids of one process ascend even within a millisecond. The moment becomes `created_at`: so the
    /// order by id and the order by creation are the same, and one index serves both.
    #[must_use]
    pub fn generate() -> (Self, Timestamp) {
        let id = Uuid::now_v7();
        let made_at = id.get_timestamp().map_or_else(Timestamp::now, |moment| {
            let (seconds, nanos) = moment.to_unix();
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 1_000);
            Timestamp::from_millis(seconds * 1_000 + i64::from(nanos / 1_000_000))
        });
        (Self(id), made_at)
    }

    /// Reads the hyphenated form, in either case. Other spellings of a UUID are not ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH).map(Self)
    }

    /// As stored.
    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// As stored.
    #[must_use]
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl serde::Serialize for ContactId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

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
            Some(change) => self.meta.patched(&change).map_err(|fault| FieldFault::of(Field::Meta, fault))?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_hold_their_moment() {
        let made: Vec<_> = (0..10_000).map(|_| ContactId::generate()).collect();
        assert!(made.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        let apart = Timestamp::now().millis() - made[9_999].1.millis();
        assert!(apart.abs() < 10_000, "{apart}");
    }

    #[test]
    fn ids_are_read_in_one_spelling() {
        let text = "3392287d-7a79-4789-9ef8-7dc174836688";
        assert_eq!(ContactId::parse(text).map(|id| id.to_string()), Some(text.to_owned()));
        assert!(ContactId::parse(&text.to_uppercase()).is_some());
        assert!(ContactId::parse(&text.replace('-', "")).is_none());
        assert!(ContactId::parse(&format!("{{{text}}}")).is_none());
    }
}
