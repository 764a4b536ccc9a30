//! Bodies of `/addressbook/groups`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::Timestamp;
use crate::domain::group::{Group, GroupDescription, GroupId, GroupName, NewGroup};
use crate::http::extract::{Payload, Violations};
use crate::http::openapi::examples::group as examples;
use crate::http::openapi::fields;

/// A new group. `name` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAddressBookGroup)]
pub struct CreateRecord {
    #[validate(required)]
    #[schema(schema_with = fields::group::name, required)]
    name: Option<String>,
    #[schema(schema_with = fields::group::description, required = false)]
    description: Option<String>,
}

impl CreateRecord {
    pub(super) fn example() -> Value {
        json!({"name": examples::NAME, "description": examples::DESCRIPTION})
    }
}

impl Payload for CreateRecord {
    type Command = NewGroup;

    fn into_command(self, violations: &mut Violations) -> Option<NewGroup> {
        let Self { name, description } = self;
        let name = violations.parse("name", name, GroupName::parse);
        let description = violations.parse("description", description, GroupDescription::parse);
        Some(NewGroup { name: name?, description })
    }
}

/// A group in the address book dialect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookGroup)]
pub struct Record {
    #[schema(schema_with = fields::group::id)]
    id: GroupId,
    #[schema(schema_with = fields::group::stored_name)]
    name: String,
    #[schema(schema_with = fields::group::stored_description, required)]
    description: Option<String>,
    #[schema(schema_with = fields::group::member_count)]
    member_count: u64,
    #[schema(schema_with = fields::group::created)]
    created_on: Timestamp,
    #[schema(schema_with = fields::group::updated)]
    updated_on: Timestamp,
}

impl From<Group> for Record {
    fn from(group: Group) -> Self {
        let Group {
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
            created_on: created_at,
            updated_on: updated_at,
        }
    }
}

/// A response with one group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookGroupAnswer)]
pub struct RecordResponse {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// The group.
    record: Record,
}

impl From<Group> for RecordResponse {
    fn from(group: Group) -> Self {
        Self { success: true, record: group.into() }
    }
}

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookGroupList)]
pub struct RecordList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The groups, in the requested order.
    pub records: Vec<Record>,
    /// The number of groups that were skipped at the start.
    #[schema(format = Int32)]
    pub offset: u64,
    /// The maximum number of groups on the page.
    #[schema(format = Int32)]
    pub limit: u64,
    /// The total number of groups in the account.
    pub total: u64,
}
