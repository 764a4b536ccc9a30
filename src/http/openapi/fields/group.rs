//! The members of a group and of batches of its contacts.

use utoipa::openapi::schema::{Array, ArrayBuilder, Object};
use utoipa::openapi::{RefOr, Schema};

use super::value::{count, texts, timestamp, with_description, word_of};
use crate::domain::group::{GroupDescription, GroupName, MemberOutcome};
use crate::domain::pagination::MAX_BATCH;
use crate::http::field::{TextDoc, WireText};
use crate::http::openapi::examples::group as examples;

texts!(GroupName, GroupDescription);

impl WireText for GroupName {
    fn doc() -> TextDoc {
        TextDoc::unique_name("The name of the group.", Self::MAX_CHARS, examples::NAME)
    }
}

impl WireText for GroupDescription {
    fn doc() -> TextDoc {
        TextDoc::trimmed("The purpose of the group.", Self::MAX_CHARS, examples::DESCRIPTION)
            .or_null("The purpose of the group; null removes it.", "The purpose of the group, or null.")
    }
}

/// The id or the name.
#[must_use]
pub fn key() -> Object {
    with_description(GroupName::doc().accepted(), "The id of the group, or its name.")
}

#[must_use]
pub fn member_count() -> Object {
    count("The number of contacts in the group.")
}

/// In the response to a change.
#[must_use]
pub fn shown_member_count() -> Object {
    with_description(
        member_count(),
        "The number of contacts in the group; absent if the key may not read groups.",
    )
}

#[must_use]
pub fn updated() -> Object {
    timestamp(
        "The time at which the name or the description of the group was last changed, in UTC with \
         millisecond precision. Adding or removing contacts does not affect it.",
    )
}

/// The result for a contact of a batch.
#[must_use]
pub fn outcome() -> Object {
    outcome_of(&[
        MemberOutcome::Added,
        MemberOutcome::AlreadyMember,
        MemberOutcome::Removed,
        MemberOutcome::NotMember,
        MemberOutcome::NoSuchContact,
    ])
}

/// For batches that only add contacts, by number or alias.
#[must_use]
pub fn outcome_of_adding() -> Object {
    outcome_of(&[
        MemberOutcome::Added,
        MemberOutcome::AlreadyMember,
        MemberOutcome::NoSuchContact,
        MemberOutcome::Ambiguous,
    ])
}

fn outcome_of(outcomes: &[MemberOutcome]) -> Object {
    let words: Vec<_> = outcomes.iter().map(|outcome| (outcome.as_str(), outcome.about())).collect();
    word_of("The result for the contact", &words)
}

/// A list of a batch. It may be empty if another one is not.
#[must_use]
pub fn batch(item: impl Into<RefOr<Schema>>, about: &str) -> Array {
    ArrayBuilder::new().items(item.into()).description(Some(about)).max_items(Some(MAX_BATCH)).build()
}
