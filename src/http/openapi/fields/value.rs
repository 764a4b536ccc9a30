//! What the descriptions of all members build on.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::domain::audience::AudienceId;
use crate::domain::contact::fields::Phone;
use crate::domain::erasure::ErasureId;
use crate::domain::field::FieldId;
use crate::domain::group::GroupId;
use crate::domain::id::Id;
use crate::domain::import::ImportId;
use crate::domain::segment::SegmentId;
use crate::domain::{ContactId, OptOutId, TemplateId, Timestamp, Violation};
use crate::http::extract::PathValue;
use crate::http::openapi::examples;

/// Lets DTOs have a type of the domain as a member: implements what utoipa requires of it, with an inlined schema. (A
/// generic implementation is not possible: the traits are not of this crate.)
macro_rules! inline_schema {
    ($type:ident, $schema:expr) => {
        impl utoipa::__dev::ComposeSchema for $type {
            fn compose(
                _: Vec<utoipa::openapi::RefOr<utoipa::openapi::Schema>>,
            ) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                [$crate::http::field::INLINE, stringify!($type)].concat().into()
            }
        }
    };
}
pub(super) use inline_schema;

/// For types that are [`WireText`](crate::http::field::WireText).
macro_rules! texts {
    ($($type:ident),*) => {
        $($crate::http::openapi::fields::value::inline_schema!(
            $type,
            <$type as $crate::http::field::WireText>::doc().stored()
        );)*
    };
}
pub(super) use texts;

/// An id of a kind of resource.
pub trait ResourceId: Id {
    const NOUN: &'static str;
}

macro_rules! ids {
    ($($type:ident of $noun:literal),*) => {
        $(
            impl ResourceId for $type {
                const NOUN: &'static str = $noun;
            }

            inline_schema!($type, id_of($noun));
        )*
    };
}

ids!(
    ContactId of "contact",
    GroupId of "group",
    OptOutId of "opt-out",
    TemplateId of "template",
    AudienceId of "audience",
    ImportId of "import",
    FieldId of "field",
    SegmentId of "segment",
    ErasureId of "erasure"
);

inline_schema!(Timestamp, timestamp(""));

/// The path parameter `{id}`.
impl<T: ResourceId> PathValue for T {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        <Self as Id>::parse(text).ok_or(Violation::NotUuid)
    }

    fn schema() -> Object {
        id_of(Self::NOUN)
    }
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

#[must_use]
pub fn with_description(mut schema: Object, about: &str) -> Object {
    schema.description = Some(about.to_owned());
    schema
}

#[must_use]
pub fn id_of(noun: &str) -> Object {
    text()
        .description(Some(format!("The id of the {noun}, assigned by the server.")))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .examples([examples::ID])
        .build()
}

/// One of some words in a response, each with its meaning. A pattern in place of `enum`: generators would create a type for
/// each, which does not compile in C and C++.
#[must_use]
pub fn word_of(about: &str, words: &[(&str, &str)]) -> Object {
    let names: Vec<String> = words.iter().map(|(word, _)| regex::escape(word)).collect();
    let listed: Vec<String> = words.iter().map(|(word, about)| format!("`{word}` ({about})")).collect();
    text()
        .description(Some(format!("{about}: {}.", listed.join(", "))))
        .pattern(Some(format!("^({})$", names.join("|"))))
        .examples(words.first().map(|(word, _)| *word))
        .build()
}

/// The names and descriptions of all values of an enumeration, for [`word_of`].
macro_rules! names {
    ($type:ident) => {
        $type::ALL.map(|value| (value.as_str(), value.about()))
    };
}
pub(super) use names;

/// A number of things in a response.
#[must_use]
pub fn count(about: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some(about))
        .minimum(Some(0))
        .examples([1])
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
pub fn timestamp(about: &str) -> Object {
    text()
        .description(Some(about))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples([examples::CREATED_AT])
        .build()
}
