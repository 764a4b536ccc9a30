//! The group: its model, its keys and list queries, and how it is created and patched.
//!
//! Invariant: `version` and `updated_at` cover name and description; membership changes leave both.

use std::fmt;

use super::fields::{GroupDescription, GroupName};

use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::pagination::{CursorParams, OffsetParams};
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::Violation;

id_type! {
    GroupId
}

#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub id: GroupId,
    /// Unique within the account.
    pub name: GroupName,
    pub description: Option<GroupDescription>,
    pub member_count: u64,
    /// The timestamp in the id.
    pub created_at: Timestamp,
    /// Initially `created_at`.
    pub updated_at: Timestamp,
    /// Initially 1.
    pub version: i64,
}

#[derive(Clone, Debug)]
pub struct NewGroup {
    pub name: GroupName,
    pub description: Option<GroupDescription>,
}

/// `None` keeps a field, `Some(None)` clears it, `Some(Some(value))` sets it.
#[derive(Clone, Debug)]
pub struct GroupPatch {
    pub name: Option<GroupName>,
    pub description: Option<Option<GroupDescription>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupKey {
    Id(GroupId),
    Name(GroupName),
    /// A text that can be either: the id takes precedence, the name is the fallback.
    IdOrName(GroupId, GroupName),
}

impl GroupKey {
    /// Accepts an id or a name. A name may have the form of an id.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let name = GroupName::parse(text)?;
        Ok(match GroupId::parse(text) {
            Some(id) => Self::IdOrName(id, name),
            None => Self::Name(name),
        })
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) | Self::IdOrName(_, name) => f.write_str(name.as_str()),
        }
    }
}

/// A group in the representation of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRef {
    pub id: GroupId,
    pub name: GroupName,
}

/// A page of v1's list, newest first.
#[derive(Clone, Debug)]
pub struct GroupQuery {
    pub page: CursorParams<GroupId>,
    pub name: Option<GroupName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupSort {
    CreatedOn,
    /// By code points, in both databases.
    Name,
}

/// A page of the address book's list.
#[derive(Clone, Copy, Debug)]
pub struct GroupOffsetQuery {
    pub field: GroupSort,
    pub page: OffsetParams,
}

impl Resource for Group {
    fn first_created(self, stored: &Self) -> Self {
        let created_at = stored.created_at;
        Self { id: stored.id, created_at, updated_at: created_at, ..self }
    }
}

impl Group {
    #[must_use]
    pub fn new(new: NewGroup) -> Self {
        let NewGroup { name, description } = new;
        let (id, created_at) = GroupId::generate();
        Self { id, name, description, member_count: 0, created_at, updated_at: created_at, version: 1 }
    }

    /// Applies a patch; returns an equal group, version included, if nothing differs.
    #[must_use]
    pub fn patched(&self, patch: GroupPatch, now: Timestamp) -> Self {
        let GroupPatch { name, description } = patch;
        let mut patched = Self {
            id: self.id,
            name: name.unwrap_or_else(|| self.name.clone()),
            description: description.unwrap_or_else(|| self.description.clone()),
            member_count: self.member_count,
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
        };
        if patched != *self {
            // Monotonic even if the system clock was set back.
            patched.updated_at = now.max(self.updated_at);
            patched.version += 1;
        }
        patched
    }
}
