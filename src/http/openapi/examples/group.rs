//! The one example group: the example contact is in it.

use crate::domain::Timestamp;
use crate::domain::group::{Group, GroupDescription, GroupId, GroupName, GroupRef};

/// What it is called. (It stands in paths of samples as it is.)
pub const NAME: &str = "london";
/// What it is for.
pub const DESCRIPTION: &str = "Customers in London";

/// The group.
///
/// # Panics
/// The constants are not what the domain takes: seen by every test that makes the document.
#[must_use]
pub fn group() -> Group {
    let made = Timestamp::parse(super::CREATED_AT).expect("a moment");
    Group {
        id: GroupId::parse(super::ID).expect("an id"),
        name: GroupName::parse(NAME).expect("a name"),
        description: Some(GroupDescription::parse(DESCRIPTION).expect("a description")),
        member_count: 1,
        created_at: made,
        updated_at: made,
        version: 1,
    }
}

/// The group when it is made: nobody is in it.
#[must_use]
pub fn new_group() -> Group {
    Group { member_count: 0, ..group() }
}

/// The group as a contact shows it.
#[must_use]
pub fn label() -> GroupRef {
    let group = group();
    GroupRef { id: group.id, name: group.name }
}
