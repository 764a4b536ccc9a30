//! The example group, which contains the example contact.

use crate::domain::Timestamp;
use crate::domain::group::{Group, GroupDescription, GroupId, GroupName, GroupRef};

/// Needs no escaping in the URLs of samples.
pub const NAME: &str = "london";
pub const DESCRIPTION: &str = "Customers in London";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn group() -> Group {
    let created_at = Timestamp::parse(super::CREATED_AT).expect("a timestamp");
    Group {
        id: GroupId::parse(super::ID).expect("an id"),
        name: GroupName::parse(NAME).expect("a name"),
        description: Some(GroupDescription::parse(DESCRIPTION).expect("a description")),
        member_count: 1,
        created_at,
        updated_at: created_at,
        version: 1,
    }
}

/// A new group has no members.
#[must_use]
pub fn new_group() -> Group {
    Group { member_count: 0, ..group() }
}

#[must_use]
pub fn group_ref() -> GroupRef {
    let group = group();
    GroupRef { id: group.id, name: group.name }
}
