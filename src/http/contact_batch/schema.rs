//! The members of batches that both dialects share, in the document.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::http::openapi::examples;
use crate::http::openapi::fields::{id, with_description, word_of};

pub(super) const CREATE: &str = "create";
pub(super) const UPDATE: &str = "update";
pub(super) const UPSERT: &str = "upsert";
/// Enumerated in a sentence.
pub(super) const MODES: &str = "create, update, upsert";

/// The statuses of items, with their meanings.
pub(super) const CREATED: (&str, &str) = ("created", "a contact was created");
pub(super) const UPDATED: (&str, &str) = ("updated", "the contact was changed");
pub(super) const UNCHANGED: (&str, &str) = ("unchanged", "the contact already was as requested");
pub(super) const FAILED: (&str, &str) = ("failed", "nothing was changed; `error` says why");
pub(super) const DELETED: (&str, &str) = ("deleted", "the contact was deleted");
pub(super) const NOT_FOUND: (&str, &str) = ("not_found", "there is no such contact");

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

#[must_use]
pub fn mode() -> Object {
    text()
        .title(Some("BatchMode"))
        .description(Some(
            "What the items are: with `create`, each creates a contact; with `update`, each changes an existing \
             one; with `upsert`, each changes its contact if there is one, and else creates it.",
        ))
        .enum_values(Some([CREATE, UPDATE, UPSERT]))
        .build()
}

/// `names` are those of username, id and number.
#[must_use]
pub fn match_by(title: &str, names: [&str; 3]) -> Object {
    let [handle, id, phone] = names;
    text()
        .title(Some(title))
        .description(Some(format!(
            "The member of an item that says which contact it changes. By `{id}`, an item without one creates a \
             contact, if the mode is `upsert`. By `{phone}`, an item fails if several contacts have the number. \
             Ignored if the mode is `create`."
        )))
        .enum_values(Some(names))
        .default(Some(handle.into()))
        .build()
}

#[must_use]
pub fn item_id() -> Object {
    with_description(id(), "The id of the contact to change; only if `match_by` is `id`.")
}

#[must_use]
pub fn if_match() -> Object {
    text()
        .description(Some(
            "The entity tag of the version that the client has, or a list of such tags, or `*`, as in the header \
             `If-Match`: the item fails if the contact has another version, or does not exist.",
        ))
        .examples([examples::entity_tag()])
        .build()
}

#[must_use]
pub fn index() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some("The index of the item in the request, from 0."))
        .minimum(Some(0))
        .examples([0])
        .build()
}

/// The result of an item.
#[must_use]
pub fn change() -> Object {
    word_of("The result of the item", &[CREATED, UPDATED, UNCHANGED, FAILED])
}

/// The result of a deletion.
#[must_use]
pub fn deletion() -> Object {
    word_of("The result for the contact", &[DELETED, NOT_FOUND])
}
