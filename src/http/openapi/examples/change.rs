//! The example changes: the example contact moved, and a contact was deleted.

use crate::domain::change::{Change, ChangePage, ChangePosition, ChangeType, ChangedField, Current};
use crate::domain::contact::ContactField;
use crate::domain::{Contact, Timestamp};

const AT: &str = "2025-11-12T08:30:00.000Z";
const DELETED: &str = "019a6f5b-0f80-7a79-9ef8-7dc174836689";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn page() -> ChangePage {
    let at = Timestamp::parse(AT).expect("a timestamp");
    let contact = Contact { version: 2, updated_at: at, ..super::contact() };
    let next = super::change_position();
    let updated = Change {
        position: ChangePosition { sequence: next.sequence - 1, ..next },
        change_type: ChangeType::ContactUpdated,
        id: contact.id.as_uuid(),
        member: None,
        at,
        version: Some(2),
        changed: vec![ChangedField::OfContact(ContactField::Meta("CITY".to_owned()))],
        current: Some(Current::Contact(contact)),
    };
    let deleted = Change {
        position: next,
        change_type: ChangeType::ContactDeleted,
        id: DELETED.parse().expect("an id"),
        member: None,
        at,
        version: Some(1),
        changed: Vec::new(),
        current: None,
    };
    ChangePage { changes: vec![updated, deleted], next, has_more: false }
}
