//! The example field, of the example contact's `meta`.

use crate::domain::Timestamp;
use crate::domain::field::{Field, FieldId, FieldKey, FieldNumber, FieldState, FieldType};

pub const KEY: &str = "CITY";
pub const OTHER_KEY: &str = "AGE";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn field() -> Field {
    Field {
        id: FieldId::parse(super::ID).expect("an id"),
        number: FieldNumber::new(1),
        key: FieldKey::parse(KEY).expect("a key"),
        field_type: FieldType::Text,
        state: FieldState::Building,
        indexed: 0,
        mismatched: 0,
        created_at: Timestamp::parse(super::CREATED_AT).expect("a timestamp"),
    }
}
