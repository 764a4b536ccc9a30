//! The example erasure, of the example contact.

use crate::domain::Timestamp;
use crate::domain::contact::ContactId;
use crate::domain::erasure::{Erasure, ErasureId, ErasurePlace, ErasureState, Places, SelectedBy};

const COMPLETED_AT: &str = "2025-11-10T20:15:13.000Z";
const BACKUPS_UNTIL: &str = "2025-11-18T20:15:13.000Z";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn erasure() -> Erasure {
    let timestamp = |text| Timestamp::parse(text).expect("a timestamp");
    let mut places = Places::default();
    for (place, erased, kept) in [
        (ErasurePlace::Contacts, 1, 0),
        (ErasurePlace::GroupMemberships, 2, 0),
        (ErasurePlace::ImportRows, 1, 0),
        (ErasurePlace::OptOuts, 0, 1),
    ] {
        places.add(place, erased, kept);
    }
    Erasure {
        id: ErasureId::parse(super::ID).expect("an id"),
        state: ErasureState::Complete,
        selected_by: SelectedBy::ContactId,
        contacts: vec![ContactId::parse(super::ID).expect("an id")],
        places,
        created_at: timestamp(super::CREATED_AT),
        completed_at: Some(timestamp(COMPLETED_AT)),
        backups_until: Some(timestamp(BACKUPS_UNTIL)),
    }
}
