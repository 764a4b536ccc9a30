//! Bodies of `/v1/groups`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::Timestamp;
use crate::domain::group::{self, GroupDescription, GroupId, GroupName, GroupPatch, NewGroup};
use crate::http::extract::{Patch, Payload, Violations};
use crate::http::openapi::examples::group as examples;
use crate::http::openapi::fields;
use crate::http::v1::updated::Updated;

/// A new group. `name` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    #[validate(required)]
    #[schema(schema_with = fields::group::name, required)]
    name: Option<String>,
    #[schema(schema_with = fields::group::description, required = false)]
    description: Option<String>,
}

impl CreateGroup {
    pub(super) fn minimal_example() -> Value {
        json!({"name": examples::NAME})
    }

    pub(super) fn full_example() -> Value {
        json!({"name": examples::NAME, "description": examples::DESCRIPTION})
    }
}

impl Payload for CreateGroup {
    type Command = NewGroup;

    fn into_command(self, violations: &mut Violations) -> Option<NewGroup> {
        let Self { name, description } = self;
        let name = violations.parse("name", name, GroupName::parse);
        let description = violations.parse("description", description, GroupDescription::parse);
        Some(NewGroup { name: name?, description })
    }
}

/// The changes to a group. An absent member keeps its value, a value sets it. Null clears `description`;
/// `name` cannot be cleared, and null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateGroup {
    #[schema(schema_with = fields::group::name, required = false)]
    name: Option<String>,
    #[serde(default)]
    #[schema(schema_with = fields::group::description_or_null, required = false)]
    description: Patch<String>,
}

impl UpdateGroup {
    pub(super) fn example() -> Value {
        json!({"name": "greater london", "description": null})
    }
}

impl Payload for UpdateGroup {
    type Command = GroupPatch;

    fn into_command(self, violations: &mut Violations) -> Option<GroupPatch> {
        let Self { name, description } = self;
        Some(GroupPatch {
            name: violations.parse("name", name, GroupName::parse),
            description: violations.parse_patch("description", description, GroupDescription::parse),
        })
    }
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub struct Group {
    #[schema(schema_with = fields::group::id)]
    id: GroupId,
    #[schema(schema_with = fields::group::stored_name)]
    name: String,
    #[schema(schema_with = fields::group::stored_description, required)]
    description: Option<String>,
    #[schema(schema_with = fields::group::member_count)]
    member_count: u64,
    #[schema(schema_with = fields::group::created)]
    created_at: Timestamp,
    #[schema(schema_with = fields::group::updated)]
    updated_at: Timestamp,
}

impl From<group::Group> for Group {
    fn from(group: group::Group) -> Self {
        let group::Group {
            id,
            name,
            description,
            member_count,
            created_at,
            updated_at,
            version: _, // not shown
        } = group;
        Self {
            id,
            name: name.into_string(),
            description: description.map(GroupDescription::into_string),
            member_count,
            created_at,
            updated_at,
        }
    }
}

/// A group after an update.
pub type UpdatedGroup = Updated<Group>;

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupList {
    /// Whether there are more groups in the direction of the cursor.
    pub has_more: bool,
    /// The groups, newest first.
    pub data: Vec<Group>,
}
