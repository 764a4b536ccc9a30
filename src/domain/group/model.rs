//! A group: contacts that are messaged together. A contact can be in many.

use std::fmt;

use super::fields::{GroupDescription, GroupName};

use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::pagination::{CursorParams, OffsetParams};
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::Violation;

id_type! {
    /// The id of a group.
    GroupId
}

/// A group as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Made by the server.
    pub id: GroupId,
    /// Unique within the account.
    pub name: GroupName,
    /// What it is for.
    pub description: Option<GroupDescription>,
    /// How many contacts are in it.
    pub member_count: u64,
    /// The moment in the id.
    pub created_at: Timestamp,
    /// The moment of the last change of name or description; at first `created_at`.
    pub updated_at: Timestamp,
    /// Grows by one with each such change, from 1.
    pub version: i64,
}

/// What makes a group.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// See [`Group::name`].
    pub name: GroupName,
    /// See [`Group::description`].
    pub description: Option<GroupDescription>,
}

/// What changes a group: `None` keeps, `Some(None)` clears, `Some(Some(value))` sets.
#[derive(Clone, Debug)]
pub struct GroupPatch {
    /// Cannot be cleared.
    pub name: Option<GroupName>,
    /// See [`Group::description`].
    pub description: Option<Option<GroupDescription>>,
}

/// How a request names a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupKey {
    /// By its id.
    Id(GroupId),
    /// By its name.
    Name(GroupName),
    /// By a text that can be either: the group with this id or, where there is none, the one with this name.
    IdOrName(GroupId, GroupName),
}

impl GroupKey {
    /// Reads an id or a name. A name can have the form of an id.
    ///
    /// # Errors
    /// What is wrong with the text as a name.
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

/// A group as a contact shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRef {
    /// See [`Group::id`].
    pub id: GroupId,
    /// See [`Group::name`].
    pub name: GroupName,
}

/// A page of the list that v1 shows: newest first.
#[derive(Clone, Debug)]
pub struct GroupQuery {
    /// Which page.
    pub page: CursorParams<GroupId>,
    /// Only the group with this name.
    pub name: Option<GroupName>,
}

/// What the address book can sort groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupSort {
    /// The moment of creation.
    CreatedOn,
    /// The name, by code points.
    Name,
}

/// A page of the list that the address book shows.
#[derive(Clone, Copy, Debug)]
pub struct GroupOffsetQuery {
    /// Sorted by.
    pub field: GroupSort,
    /// Which page.
    pub page: OffsetParams,
}

impl Resource for Group {
    fn first_created(self, stored: &Self) -> Self {
        let created_at = stored.created_at;
        Self { id: stored.id, created_at, updated_at: created_at, ..self }
    }
}

impl Group {
    /// A group that is about to be stored for the first time: nobody is in it.
    #[must_use]
    pub fn new(new: NewGroup) -> Self {
        let NewGroup { name, description } = new;
        let (id, created_at) = GroupId::generate();
        Self { id, name, description, member_count: 0, created_at, updated_at: created_at, version: 1 }
    }

    /// The group after a change; the same one, version and all, where nothing differs.
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
            // A clock that was set back must not let a change look older than the one before it.
            patched.updated_at = now.max(self.updated_at);
            patched.version += 1;
        }
        patched
    }
}
