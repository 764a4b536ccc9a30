//! The example opt-out, of the example contact's number.

use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::{Note, Source};
use crate::domain::{OptOut, OptOutId, Timestamp};

pub const SOURCE: &str = "STOP by SMS";
pub const NOTE: &str = "Wants no offers";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn opt_out() -> OptOut {
    OptOut {
        id: OptOutId::parse(super::ID).expect("an id"),
        phone: Phone::parse(super::PHONE).expect("a phone number"),
        source: Some(Source::parse(SOURCE).expect("a source")),
        note: Some(Note::parse(NOTE).expect("a note")),
        created_at: Timestamp::parse(super::CREATED_AT).expect("a timestamp"),
    }
}
