//! The contact: its model, its keys, and how it is created and patched.
//!
//! Invariant: `version` grows by one with each effective change and `updated_at` never decreases; a patch that
//! changes nothing leaves both.

use std::fmt;
use std::str::FromStr;

use super::fields::{AvatarUrl, DisplayName, Handle, Meta, MetaPatch, Phone};
use crate::domain::error::Error;
use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::{Field, FieldViolation, Violation};

id_type! {
    ContactId
}

/// A change becomes visible at most this many seconds after its `updated_at`, possibly after changes with a later
/// one: transactions do not commit in the order in which they read the clock. Intervals of `updated_since` overlap by
/// it.
pub const OVERLAP: u64 = 5;

/// A stored contact. Each API dialect shows a subset.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    pub id: ContactId,
    /// Unique within the account.
    pub handle: Handle,
    /// Not unique.
    pub phone: Phone,
    /// v1 shows the handle in its place ([`Self::shown_name`]).
    pub display_name: Option<DisplayName>,
    /// Never fetched.
    pub avatar_url: Option<AvatarUrl>,
    /// Values for template variables.
    pub meta: Meta,
    /// The timestamp in the id.
    pub created_at: Timestamp,
    /// Initially `created_at`.
    pub updated_at: Timestamp,
    /// Initially 1.
    pub version: i64,
}

#[derive(Clone, Debug)]
pub struct NewContact {
    pub handle: Handle,
    pub phone: Phone,
    pub display_name: Option<DisplayName>,
    pub avatar_url: Option<AvatarUrl>,
    pub meta: Meta,
}

/// `None` keeps a field, `Some(None)` clears it, `Some(Some(value))` sets it.
#[derive(Clone, Debug)]
pub struct ContactPatch {
    pub handle: Option<Handle>,
    pub phone: Option<Phone>,
    pub display_name: Option<Option<DisplayName>>,
    pub avatar_url: Option<Option<AvatarUrl>>,
    /// Merged into the stored object, which it does not replace.
    pub meta: Option<MetaPatch>,
}

/// What of a contact can change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContactField {
    Handle,
    Phone,
    DisplayName,
    AvatarUrl,
    /// A key of `meta`.
    Meta(String),
}

impl fmt::Display for ContactField {
    /// The name in the change log and in stored plans.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handle => f.write_str("handle"),
            Self::Phone => f.write_str("phone"),
            Self::DisplayName => f.write_str("display_name"),
            Self::AvatarUrl => f.write_str("avatar_url"),
            Self::Meta(key) => write!(f, "meta.{key}"),
        }
    }
}

impl serde::Serialize for ContactField {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for ContactField {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "handle" => Self::Handle,
            "phone" => Self::Phone,
            "display_name" => Self::DisplayName,
            "avatar_url" => Self::AvatarUrl,
            _ => Self::Meta(text.strip_prefix("meta.").ok_or("no field of a contact")?.to_owned()),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContactKey {
    Id(ContactId),
    /// Ambiguous if several contacts share the number.
    Phone(Phone),
    Handle(Handle),
}

impl ContactKey {
    /// Accepts an id, or a number in any accepted spelling. The two are disjoint: no number has the form of an id.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        match ContactId::parse(text) {
            Some(id) => Ok(Self::Id(id)),
            None => Phone::parse(text).map(Self::Phone).map_err(|_| Violation::NotContactKey),
        }
    }
}

impl TryFrom<ContactPatch> for NewContact {
    type Error = Error;

    /// What a create with the members of a patch creates: what the patch clears is absent.
    fn try_from(patch: ContactPatch) -> Result<Self, Error> {
        let ContactPatch { handle, phone, display_name, avatar_url, meta } = patch;
        let mut violations = Vec::new();
        let mut check = |field, violation| violations.push(FieldViolation::of(field, violation));
        if handle.is_none() {
            check(Field::Handle, Violation::Required);
        }
        if phone.is_none() {
            check(Field::Phone, Violation::Required);
        }
        let meta = match meta {
            None | Some(MetaPatch::Clear) => Some(Meta::default()),
            Some(MetaPatch::Merge(map)) => {
                Meta::parse(&map).map_err(|violation| check(Field::Meta, violation)).ok()
            }
            Some(MetaPatch::Set(members)) => {
                let members = members.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
                Meta::parse(&members).map_err(|violation| check(Field::Meta, violation)).ok()
            }
        };
        match (handle, phone, meta) {
            (Some(handle), Some(phone), Some(meta)) => Ok(Self {
                handle,
                phone,
                display_name: display_name.flatten(),
                avatar_url: avatar_url.flatten(),
                meta,
            }),
            _ => Err(Error::invalid(violations)),
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
    /// An update may replace every key of `meta`.
    pub const MAX_CHANGED_FIELDS: usize = 4 + 2 * Meta::MAX_KEYS;

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

    /// The display name, or the handle in its place.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.display_name.as_ref().map_or_else(|| self.handle.as_str(), DisplayName::as_str)
    }

    /// The fields in which this version differs from an earlier one.
    #[must_use]
    pub fn changed_fields(&self, before: &Self) -> Vec<ContactField> {
        let Self {
            id: _,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at: _,
            updated_at: _,
            version: _,
        } = self;
        let fields = [
            (ContactField::Handle, *handle != before.handle),
            (ContactField::Phone, *phone != before.phone),
            (ContactField::DisplayName, *display_name != before.display_name),
            (ContactField::AvatarUrl, *avatar_url != before.avatar_url),
        ];
        let fields = fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field);
        fields.chain(meta.changed_keys(&before.meta).into_iter().map(ContactField::Meta)).collect()
    }

    /// Whether it has the key: a name or number may have changed since the contact was found by it.
    #[must_use]
    pub fn has_key(&self, key: &ContactKey) -> bool {
        match key {
            ContactKey::Id(id) => self.id == *id,
            ContactKey::Phone(phone) => self.phone == *phone,
            ContactKey::Handle(handle) => self.handle == *handle,
        }
    }

    /// Applies a patch; returns an equal contact, version included, if nothing differs.
    ///
    /// # Errors
    /// The merged meta exceeds its limits.
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
            // Monotonic even if the system clock was set back.
            patched.updated_at = now.max(self.updated_at);
            patched.version += 1;
        }
        Ok(patched)
    }
}
