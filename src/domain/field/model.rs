//! The field: its key, its type, and how far it is indexed.

use crate::domain::contact::fields::Meta;
use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::text::stored_text;
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::Violation;
use crate::domain::wire_names::wire_names;

/// Of one account: each write of a contact maintains the index of all of them.
pub const MAX_FIELDS: usize = 20;

id_type! {
    FieldId
}

/// A key of `meta`, at the top level; compared exactly, as those of JSON are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldKey(String);

stored_text!(FieldKey);

impl FieldKey {
    pub const MAX_CHARS: usize = Meta::MAX_KEY_CHARS;

    /// Takes the text as it is: `meta` does not trim or normalise its keys either.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        if text.is_empty() {
            Err(Violation::Blank)
        } else if text.chars().count() > Self::MAX_CHARS {
            Err(Violation::TooLong { max: Self::MAX_CHARS })
        } else if !Meta::is_key(text) {
            Err(Violation::NulCharacter)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

/// Identifies a field within its account in the index, where an id would be four times as long. A number is not used
/// again while the index has values of the field that had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldNumber(i32);

impl FieldNumber {
    /// Numbers begin after it.
    pub const UNASSIGNED: Self = Self(0);

    #[must_use]
    pub fn new(number: i32) -> Self {
        Self(number)
    }

    #[must_use]
    pub fn get(self) -> i32 {
        self.0
    }
}

wire_names! {
    /// Which values of `meta` a field indexes, and in which order.
    FieldType {
        Text => "text", "texts of at most 255 bytes of UTF-8, in the order of their code points; numbers and booleans as they stand in JSON";
        Number => "number", "numbers, and texts that are a JSON number, such as `18`";
        Boolean => "boolean", "`true` and `false`, and the texts that say so; false comes before true";
        DateTime => "datetime", "texts that are an RFC 3339 time, or a date such as `2025-11-10`, which is its midnight in UTC; truncated to milliseconds";
    }
}

wire_names! {
    FieldState {
        Building => "building", "the contacts that existed before it are still being indexed";
        Ready => "ready", "all contacts are indexed";
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub id: FieldId,
    pub number: FieldNumber,
    /// Unique within the account.
    pub key: FieldKey,
    pub field_type: FieldType,
    pub state: FieldState,
    /// How many contacts are in the index: those with a value of the type. While the field is built, of those that have
    /// been read so far, as the next one.
    pub indexed: u64,
    /// How many contacts have a value that does not fit the type.
    pub mismatched: u64,
    /// The timestamp in the id.
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewField {
    pub key: FieldKey,
    pub field_type: FieldType,
}

impl Field {
    /// A field that nothing is indexed under yet. Its number is assigned when it is stored.
    #[must_use]
    pub fn new(new: NewField) -> Self {
        let NewField { key, field_type } = new;
        let (id, created_at) = FieldId::generate();
        let (number, state) = (FieldNumber::UNASSIGNED, FieldState::Building);
        Self { id, number, key, field_type, state, indexed: 0, mismatched: 0, created_at }
    }
}

impl Resource for Field {
    fn first_created(self, stored: &Self) -> Self {
        Self { id: stored.id, number: stored.number, created_at: stored.created_at, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_fields_are_those_of_meta() {
        let longest = "ø".repeat(FieldKey::MAX_CHARS);
        for text in ["CITY", " ", "a.b", "\u{1f468}", &longest, "", &format!("{longest}x"), "a\0"] {
            assert_eq!(FieldKey::parse(text).is_ok(), Meta::is_key(text), "{text:?}");
        }
        assert_eq!(FieldKey::parse(" CITY ").map(FieldKey::into_string), Ok(" CITY ".to_owned()));
        assert_eq!(FieldKey::parse(""), Err(Violation::Blank));
        assert_eq!(FieldKey::parse("a\0"), Err(Violation::NulCharacter));
    }
}
