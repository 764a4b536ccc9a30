//! Schemas of the members that both dialects have: their limits are the constants that the domain
//! enforces.

pub mod group;
pub mod opt_out;
pub mod template;

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, Object, ObjectBuilder, OneOfBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

use super::examples;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// The name of the schema of a contact's own data. It has one because generators make up one for each
/// place otherwise.
pub const META: &str = "ContactMeta";

/// A schema, or null. (A list of types would say it, too, but not to every generator.)
#[must_use]
fn or_null(schema: impl Into<RefOr<Schema>>, about: &str) -> Schema {
    let null = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
    OneOfBuilder::new().description(Some(about)).item(schema).item(null).into()
}

/// The same, without words about it.
fn bare(mut schema: Object) -> Object {
    schema.description = None;
    schema
}

/// The same, with other words about it.
#[must_use]
pub fn described(mut schema: Object, about: &str) -> Object {
    schema.description = Some(about.to_owned());
    schema
}

/// Refuses texts that match a pattern in ECMA 262's own terms. Clients check `pattern` with the regular
/// expressions of their language, and leave `if` to validators of JSON Schema. `not` would say the same,
/// but generators turn a schema with it into `any`, or into one that refuses everything. A text that
/// matches is never empty, so `maxLength: 0` refuses it. (utoipa has no member for these keywords, and
/// writes extensions as they stand.)
fn refuse(pattern: &str) -> Extensions {
    Extensions::from_iter([("if", json!({"pattern": pattern})), ("then", json!({"maxLength": 0}))])
}

/// A handle in a request.
#[must_use]
pub fn handle() -> Object {
    text()
        .description(Some(
            "The name that messages use to refer to the contact. Unique within the account and compared \
             exactly; leading and trailing whitespace is removed.",
        ))
        .min_length(Some(1))
        .max_length(Some(Handle::MAX_CHARS))
        .pattern(Some(Handle::PATTERN))
        .extensions(Some(refuse(&Handle::forbidden_pattern())))
        .examples([examples::HANDLE])
        .build()
}

/// A handle in a response.
#[must_use]
pub fn stored_handle() -> Object {
    let about = "The name that messages use to refer to the contact.";
    text().description(Some(about)).max_length(Some(Handle::MAX_CHARS)).examples([examples::HANDLE]).build()
}

/// A phone number in a request, in any accepted spelling.
#[must_use]
pub fn phone() -> Object {
    text()
        .description(Some(
            "The phone number in international format: `+`, `00` or no prefix, an assigned country code, and \
             7 to 15 digits in all. Spaces, dots, dashes and brackets are ignored.",
        ))
        .min_length(Some(Phone::MIN_DIGITS))
        .max_length(Some(Phone::MAX_CHARS))
        .pattern(Some(format!("^{}$", Phone::pattern())))
        .examples([examples::PHONE])
        .build()
}

/// A phone number in a response of v1: with `+`.
#[must_use]
pub fn stored_phone() -> Object {
    text()
        .description(Some("The phone number in E.164 format."))
        .pattern(Some(format!("^\\+[1-9][0-9]{{{},{}}}$", Phone::MIN_DIGITS - 1, Phone::MAX_DIGITS - 1)))
        .examples([examples::PHONE])
        .build()
}

/// A phone number in the address book: without `+`.
#[must_use]
pub fn msisdn() -> Object {
    let mut schema = phone();
    schema.examples = vec![examples::MSISDN.into()];
    schema
}

/// A phone number in a response of the address book.
#[must_use]
pub fn stored_msisdn() -> Object {
    text()
        .description(Some("The phone number in international format, digits only."))
        .pattern(Some(format!("^[1-9][0-9]{{{},{}}}$", Phone::MIN_DIGITS - 1, Phone::MAX_DIGITS - 1)))
        .examples([examples::MSISDN])
        .build()
}

/// A display name in a request that creates.
#[must_use]
pub fn display_name() -> Object {
    text()
        .description(Some("The display name of the contact in lists. By default, this is the username."))
        .min_length(Some(1))
        .max_length(Some(DisplayName::MAX_CHARS))
        .pattern(Some(DisplayName::PATTERN))
        .extensions(Some(refuse(&DisplayName::forbidden_pattern())))
        .examples([examples::DISPLAY_NAME])
        .build()
}

/// A display name in a request that changes.
#[must_use]
pub fn display_name_or_null() -> Schema {
    or_null(bare(display_name()), "The display name of the contact in lists; null resets it to the username.")
}

/// A display name in a response.
#[must_use]
pub fn stored_display_name() -> Object {
    text()
        .description(Some(
            "The display name of the contact in lists: the username unless another name was set.",
        ))
        .max_length(Some(DisplayName::MAX_CHARS))
        .examples([examples::DISPLAY_NAME])
        .build()
}

/// An avatar's address in a request that creates.
#[must_use]
pub fn avatar_url() -> Object {
    text()
        .description(Some(
            "The URL of a picture: http or https, without a user name or password. The server never \
             fetches it.",
        ))
        .min_length(Some("http://a".len()))
        .max_length(Some(AvatarUrl::MAX_CHARS))
        .pattern(Some(AvatarUrl::PATTERN))
        .examples([examples::AVATAR_URL])
        .build()
}

/// An avatar's address in a request that changes.
#[must_use]
pub fn avatar_url_or_null() -> Schema {
    or_null(bare(avatar_url()), "The URL of a picture: http or https; null removes it.")
}

/// An avatar's address in a response.
#[must_use]
pub fn stored_avatar_url() -> Schema {
    or_null(
        text().max_length(Some(AvatarUrl::MAX_CHARS)).examples([examples::AVATAR_URL]),
        "The URL of a picture, or null.",
    )
}

/// The contact's own data, in requests that create and in responses.
#[must_use]
pub fn meta() -> Ref {
    Ref::from_schema_name(META)
}

/// What [`META`] is.
#[must_use]
pub fn meta_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Object))
        .description(Some(format!(
            "The contact's own data, for message personalisation: any JSON object with keys of 1 to {} \
             characters, nested up to {} levels, and at most {} KiB as JSON.",
            Meta::MAX_KEY_CHARS,
            Meta::MAX_DEPTH,
            Meta::MAX_BYTES / 1024
        )))
        .max_properties(Some(Meta::MAX_KEYS))
        .property_names(Some(
            text()
                .min_length(Some(1))
                .max_length(Some(Meta::MAX_KEY_CHARS))
                .pattern(Some("^[^\\x00]*$"))
                .build(),
        ))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([examples::meta()])
        .build()
}

/// A change to the contact's own data.
#[must_use]
pub fn meta_patch() -> Schema {
    or_null(
        meta(),
        "The changes to the contact's own data, merged as in RFC 7396: a null member is removed, an object \
         is merged, any other value is set. Null in place of the object removes all data.",
    )
}

/// The id of a contact.
#[must_use]
pub fn id() -> Object {
    id_of("contact")
}

/// The id of such a thing.
#[must_use]
pub fn id_of(noun: &str) -> Object {
    text()
        .description(Some(format!("The id of the {noun}, assigned by the server.")))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .examples([examples::ID])
        .build()
}

/// An id or a phone number, in a path.
#[must_use]
pub fn id_or_phone(about: &str) -> Object {
    let uuid = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
    text()
        .description(Some(about))
        .min_length(Some(Phone::MIN_DIGITS))
        .max_length(Some(Phone::MAX_CHARS))
        .pattern(Some(format!("^({uuid}|{})$", Phone::pattern())))
        .examples([examples::MSISDN, examples::ID])
        .build()
}

/// The moment of creation, in a response.
#[must_use]
pub fn created() -> Object {
    moment("The time at which the contact was created, in UTC with millisecond precision.")
}

/// The moment of the last change, in a response.
#[must_use]
pub fn updated() -> Object {
    moment("The time at which the contact was last changed, in UTC with millisecond precision.")
}

/// A moment.
#[must_use]
pub fn moment(about: &str) -> Object {
    text()
        .description(Some(about))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples([examples::CREATED_AT])
        .build()
}

/// The `limit` of a list. The document puts in what the settings say.
#[must_use]
pub fn page_limit() -> Object {
    ObjectBuilder::new()
        .description(Some("The maximum number of items on the page."))
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(1))
        .build()
}
