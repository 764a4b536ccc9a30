//! The group: its model, its keys and list queries, and how it is created and patched.
//!
//! Invariant: `version` and `updated_at` cover name and description; membership changes leave both.

use super::fields::{GroupDescription, GroupName};

use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::named::{NamedKey, NamedQuery, NamedResource};
use crate::domain::timestamp::Timestamp;

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

pub type GroupKey = NamedKey<GroupId, GroupName>;

/// A group in the representation of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRef {
    pub id: GroupId,
    pub name: GroupName,
}

/// A page of v1's list.
pub type GroupQuery = NamedQuery<GroupId, GroupName>;

impl Resource for Group {
    fn first_created(self, stored: &Self) -> Self {
        let created_at = stored.created_at;
        Self { id: stored.id, created_at, updated_at: created_at, ..self }
    }
}

impl NamedResource for Group {
    type Id = GroupId;
    type Name = GroupName;
    type New = NewGroup;
    type Patch = GroupPatch;

    const KIND: &'static str = "group";

    fn new(new: NewGroup) -> Self {
        let NewGroup { name, description } = new;
        let (id, created_at) = GroupId::generate();
        Self { id, name, description, member_count: 0, created_at, updated_at: created_at, version: 1 }
    }

    fn id(&self) -> GroupId {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn set_fields(&mut self, GroupPatch { name, description }: GroupPatch) {
        self.name = name.unwrap_or_else(|| self.name.clone());
        self.description = description.unwrap_or_else(|| self.description.clone());
    }

    fn changed_fields(&self, before: &Self) -> Vec<&'static str> {
        let fields =
            [("name", self.name != before.name), ("description", self.description != before.description)];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    fn revision_mut(&mut self) -> (&mut i64, &mut Timestamp) {
        (&mut self.version, &mut self.updated_at)
    }
}
