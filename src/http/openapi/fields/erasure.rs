//! The members of an erasure.

use utoipa::openapi::Schema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object};

use super::value::{id_of, names, timestamp, word_of};
use super::{count, with_description};
use crate::domain::erasure::{ErasurePlace, ErasureState, SelectedBy};
use crate::http::field::or_null;

#[must_use]
pub fn contact_id() -> Object {
    let about = "The id of a contact, also of one that was deleted.";
    with_description(id_of("contact"), about)
}

#[must_use]
pub fn state() -> Object {
    word_of("How far it is", &names!(ErasureState))
}

#[must_use]
pub fn selected_by() -> Object {
    word_of("Which member of the request named the person", &names!(SelectedBy))
}

#[must_use]
pub fn place() -> Object {
    word_of("What was looked through", &names!(ErasurePlace))
}

#[must_use]
pub fn contact_ids() -> Array {
    let about = "The ids of the contacts that were deleted, and the one of the request, which say nothing any more: at most 100.";
    ArrayBuilder::new().items(id_of("contact")).description(Some(about)).build()
}

#[must_use]
pub fn erased() -> Object {
    count("How many were found and erased.")
}

#[must_use]
pub fn kept() -> Object {
    count(
        "How many have to stay: opt-outs of the person's numbers, as hashes, so that no messages are sent to the numbers.",
    )
}

#[must_use]
pub fn completed_at() -> Schema {
    let about = "The time from which on nothing of the person was left; null until then.";
    or_null(timestamp(about), about)
}

#[must_use]
pub fn backups_until() -> Schema {
    let about = "The time by which the last backup that has the person is deleted, as the operator has set; null until the \
                 erasure is complete, and if no backups are made.";
    or_null(timestamp(about), about)
}
