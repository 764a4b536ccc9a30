//! The members of a contact.

use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, Schema};

use super::value::{id_of, texts};
use crate::domain::Violation;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::text::Text;
use crate::http::field::{TextDoc, WireText, or_null};
use crate::http::openapi::examples;

texts!(Handle, Phone, Msisdn, DisplayName, AvatarUrl);

impl WireText for Handle {
    fn doc() -> TextDoc {
        let about = "The name that messages use to refer to the contact.";
        TextDoc::unique_name(about, Self::MAX_CHARS, examples::HANDLE)
            .pattern(Self::PATTERN, Some(Self::forbidden_pattern()))
    }
}

impl WireText for Phone {
    fn doc() -> TextDoc {
        let (min, max) = (Self::MIN_DIGITS - 1, Self::MAX_DIGITS - 1);
        TextDoc::new("The phone number in E.164 format.", Self::MAX_CHARS, examples::PHONE)
            .in_requests(
                "The phone number in international format: `+`, `00` or no prefix, an assigned country code, and \
                 7 to 15 digits in all. Spaces, dots, dashes and brackets are ignored.",
            )
            .min_chars(Self::MIN_DIGITS)
            .pattern(format!("^{}$", Self::pattern()), None)
            .stored_pattern(format!("^\\+[1-9][0-9]{{{min},{max}}}$"))
    }
}

/// A phone number as the address book writes it: without `+`.
#[derive(Debug)]
pub struct Msisdn(pub Phone);

impl Text for Msisdn {
    fn parse(text: &str) -> Result<Self, Violation> {
        Phone::parse(text).map(Self)
    }

    fn as_str(&self) -> &str {
        self.0.msisdn()
    }
}

impl Serialize for Msisdn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl WireText for Msisdn {
    fn doc() -> TextDoc {
        let (min, max) = (Phone::MIN_DIGITS - 1, Phone::MAX_DIGITS - 1);
        Phone::doc()
            .about("The phone number in international format, digits only.")
            .stored_pattern(format!("^[1-9][0-9]{{{min},{max}}}$"))
            .example(examples::MSISDN)
    }
}

impl WireText for DisplayName {
    fn doc() -> TextDoc {
        let about = "The display name of the contact in lists: the username unless another name was set.";
        TextDoc::new(about, Self::MAX_CHARS, examples::DISPLAY_NAME)
            .in_requests("The display name of the contact in lists. By default, this is the username.")
            .or_null("The display name of the contact in lists; null resets it to the username.", "")
            .pattern(Self::PATTERN, Some(Self::forbidden_pattern()))
    }
}

impl WireText for AvatarUrl {
    fn doc() -> TextDoc {
        TextDoc::new("The URL of a picture.", Self::MAX_CHARS, examples::AVATAR_URL)
            .in_requests(
                "The URL of a picture: http or https, without a user name or password. The server never \
                 fetches it.",
            )
            .or_null(
                "The URL of a picture: http or https; null removes it.",
                "The URL of a picture, or null.",
            )
            .min_chars("http://a".len())
            .pattern(Self::PATTERN, None)
    }
}

/// The schema of `meta` is a named component: generators would otherwise invent a type for each use.
pub const META: &str = "ContactMeta";

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
            ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::String))
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
pub fn handle() -> Object {
    Handle::doc().accepted()
}

#[must_use]
pub fn stored_handle() -> Object {
    Handle::doc().stored()
}

#[must_use]
pub fn phone() -> Object {
    Phone::doc().accepted()
}

#[must_use]
pub fn stored_phone() -> Object {
    Phone::doc().stored()
}

#[must_use]
pub fn stored_msisdn() -> Object {
    Msisdn::doc().stored()
}

#[must_use]
pub fn id() -> Object {
    id_of("contact")
}
