//! Schemas of the members of a group and of batches of its contacts.

use utoipa::openapi::schema::{
    Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};

use super::{id_of, or_null, reject_matches, text, timestamp, with_description, without_description};
use crate::domain::group::{GroupDescription, GroupName, MemberOutcome};
use crate::domain::pagination::MAX_BATCH;
use crate::domain::text as rules;
use crate::http::openapi::examples::group as examples;

const DESCRIPTION: &str = "The purpose of the group.";

#[must_use]
pub fn id() -> Object {
    id_of("group")
}

#[must_use]
pub fn name() -> Object {
    text()
        .description(Some(
            "The name of the group. Unique within the account and compared exactly; leading and trailing \
             whitespace is removed.",
        ))
        .min_length(Some(1))
        .max_length(Some(GroupName::MAX_CHARS))
        .pattern(Some(rules::PATTERN))
        .extensions(Some(reject_matches(&rules::forbidden_pattern(true))))
        .examples([examples::NAME])
        .build()
}

#[must_use]
pub fn stored_name() -> Object {
    let about = "The name of the group.";
    text().description(Some(about)).max_length(Some(GroupName::MAX_CHARS)).examples([examples::NAME]).build()
}

/// The id or the name.
#[must_use]
pub fn key() -> Object {
    with_description(name(), "The id of the group, or its name.")
}

#[must_use]
pub fn description() -> Object {
    text()
        .description(Some(format!("{DESCRIPTION} Leading and trailing whitespace is removed.")))
        .min_length(Some(1))
        .max_length(Some(GroupDescription::MAX_CHARS))
        .pattern(Some(rules::PATTERN))
        .extensions(Some(reject_matches(&rules::forbidden_pattern(false))))
        .examples([examples::DESCRIPTION])
        .build()
}

#[must_use]
pub fn description_or_null() -> Schema {
    or_null(without_description(description()), "The purpose of the group; null removes it.")
}

#[must_use]
pub fn stored_description() -> Schema {
    let stored = text().max_length(Some(GroupDescription::MAX_CHARS)).examples([examples::DESCRIPTION]);
    or_null(stored, "The purpose of the group, or null.")
}

#[must_use]
pub fn member_count() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some("The number of contacts in the group."))
        .minimum(Some(0))
        .examples([1])
        .build()
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
pub fn created() -> Object {
    timestamp("The time at which the group was created, in UTC with millisecond precision.")
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

/// A pattern in place of `enum`: generators would create a type for each, which does not compile in C and C++.
fn outcome_of(outcomes: &[MemberOutcome]) -> Object {
    let words: Vec<&str> = outcomes.iter().map(|outcome| outcome.as_str()).collect();
    let listed: Vec<String> =
        outcomes.iter().map(|outcome| format!("`{}` ({})", outcome.as_str(), outcome.about())).collect();
    text()
        .description(Some(format!("The result for the contact: {}.", listed.join(", "))))
        .pattern(Some(format!("^({})$", words.join("|"))))
        .examples([words[0]])
        .build()
}

/// A list of a batch. It may be empty if another one is not.
#[must_use]
pub fn batch(item: impl Into<RefOr<Schema>>, about: &str) -> Array {
    ArrayBuilder::new().items(item.into()).description(Some(about)).max_items(Some(MAX_BATCH)).build()
}
