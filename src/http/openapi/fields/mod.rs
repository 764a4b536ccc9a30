//! Schemas of members that both dialects share. Their limits are the constants that the domain enforces.

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

/// The schema of `meta` is a named component: generators would otherwise invent a type for each use.
pub const META: &str = "ContactMeta";

/// A schema, or null. (Not all generators support a list of types.)
#[must_use]
fn or_null(schema: impl Into<RefOr<Schema>>, about: &str) -> Schema {
    let null = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
    OneOfBuilder::new().description(Some(about)).item(schema).item(null).into()
}

fn without_description(mut schema: Object) -> Object {
    schema.description = None;
    schema
}

#[must_use]
pub fn with_description(mut schema: Object, about: &str) -> Object {
    schema.description = Some(about.to_owned());
    schema
}

/// Rejects texts that match an ECMA 262 pattern. Generated clients check `pattern` with the regular expressions of their
/// language and ignore `if`, which only JSON Schema validators evaluate. `not` would be equivalent, but generators turn a
/// schema with it into `any`, or into one that rejects everything. A matching text is never empty, so `maxLength: 0`
/// rejects it. (utoipa has no fields for these keywords and serialises extensions as they are.)
fn reject_matches(pattern: &str) -> Extensions {
    Extensions::from_iter([("if", json!({"pattern": pattern})), ("then", json!({"maxLength": 0}))])
}

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
        .extensions(Some(reject_matches(&Handle::forbidden_pattern())))
        .examples([examples::HANDLE])
        .build()
}

#[must_use]
pub fn stored_handle() -> Object {
    let about = "The name that messages use to refer to the contact.";
    text().description(Some(about)).max_length(Some(Handle::MAX_CHARS)).examples([examples::HANDLE]).build()
}

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

/// With `+`.
#[must_use]
pub fn stored_phone() -> Object {
    text()
        .description(Some("The phone number in E.164 format."))
        .pattern(Some(format!("^\\+[1-9][0-9]{{{},{}}}$", Phone::MIN_DIGITS - 1, Phone::MAX_DIGITS - 1)))
        .examples([examples::PHONE])
        .build()
}

/// Any accepted spelling, with an example without `+`.
#[must_use]
pub fn msisdn() -> Object {
    let mut schema = phone();
    schema.examples = vec![examples::MSISDN.into()];
    schema
}

/// Without `+`.
#[must_use]
pub fn stored_msisdn() -> Object {
    text()
        .description(Some("The phone number in international format, digits only."))
        .pattern(Some(format!("^[1-9][0-9]{{{},{}}}$", Phone::MIN_DIGITS - 1, Phone::MAX_DIGITS - 1)))
        .examples([examples::MSISDN])
        .build()
}

#[must_use]
pub fn display_name() -> Object {
    text()
        .description(Some("The display name of the contact in lists. By default, this is the username."))
        .min_length(Some(1))
        .max_length(Some(DisplayName::MAX_CHARS))
        .pattern(Some(DisplayName::PATTERN))
        .extensions(Some(reject_matches(&DisplayName::forbidden_pattern())))
        .examples([examples::DISPLAY_NAME])
        .build()
}

#[must_use]
pub fn display_name_or_null() -> Schema {
    or_null(
        without_description(display_name()),
        "The display name of the contact in lists; null resets it to the username.",
    )
}

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

#[must_use]
pub fn avatar_url_or_null() -> Schema {
    or_null(without_description(avatar_url()), "The URL of a picture: http or https; null removes it.")
}

#[must_use]
pub fn stored_avatar_url() -> Schema {
    or_null(
        text().max_length(Some(AvatarUrl::MAX_CHARS)).examples([examples::AVATAR_URL]),
        "The URL of a picture, or null.",
    )
}

#[must_use]
pub fn meta() -> Ref {
    Ref::from_schema_name(META)
}

/// The component [`META`].
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

#[must_use]
pub fn meta_patch() -> Schema {
    or_null(
        meta(),
        "The changes to the contact's own data, merged as in RFC 7396: a null member is removed, an object \
         is merged, any other value is set. Null in place of the object removes all data.",
    )
}

#[must_use]
pub fn id() -> Object {
    id_of("contact")
}

#[must_use]
pub fn id_of(noun: &str) -> Object {
    text()
        .description(Some(format!("The id of the {noun}, assigned by the server.")))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .examples([examples::ID])
        .build()
}

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

#[must_use]
pub fn created() -> Object {
    timestamp("The time at which the contact was created, in UTC with millisecond precision.")
}

#[must_use]
pub fn updated() -> Object {
    timestamp("The time at which the contact was last changed, in UTC with millisecond precision.")
}

#[must_use]
pub fn timestamp(about: &str) -> Object {
    text()
        .description(Some(about))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples([examples::CREATED_AT])
        .build()
}

/// The `limit` of a list; the document adds the limits of the settings.
#[must_use]
pub fn page_limit() -> Object {
    ObjectBuilder::new()
        .description(Some("The maximum number of items on the page."))
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(1))
        .build()
}
