//! The one example opt-out: of the number of the example contact.

use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::{Note, Source};
use crate::domain::{OptOut, OptOutId, Timestamp};

/// How the number was opted out.
pub const SOURCE: &str = "STOP by SMS";
/// The note.
pub const NOTE: &str = "Wants no offers";

/// The opt-out.
///
/// # Panics
/// The constants are not what the domain takes: seen by every test that makes the document.
#[must_use]
pub fn opt_out() -> OptOut {
    OptOut {
        id: OptOutId::parse(super::ID).expect("an id"),
        phone: Phone::parse(super::PHONE).expect("a phone number"),
        source: Some(Source::parse(SOURCE).expect("a source")),
        note: Some(Note::parse(NOTE).expect("a note")),
        created_at: Timestamp::parse(super::CREATED_AT).expect("a moment"),
    }
}
