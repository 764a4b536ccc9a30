//! Members of bodies whose values are domain types. The type of the value describes it, once: how it is parsed and
//! written, and its schemas. The type around it states whether a request must have the member ([`Required`]), may leave it
//! out ([`Optional`]) or may clear it ([`Clearable`]), and whether a response may have null ([`Nullable`]).
//!
//! Their schemas are inlined where a DTO refers to them ([`inline`]): generators would otherwise invent a type for each.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{ArrayItems, Object, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use validator::ValidateRequired;

use crate::domain::text::{self, Text};

/// A text on the wire: a domain type, or a dialect's way to write one.
pub trait WireText: Text {
    fn doc() -> TextDoc;
}

/// The description of a [`WireText`], from which its schemas are built.
pub struct TextDoc {
    /// In a response; also in a request unless that has a description of its own.
    about: Cow<'static, str>,
    in_requests: Option<Cow<'static, str>>,
    in_updates: &'static str,
    or_null: &'static str,
    min_chars: usize,
    max_chars: usize,
    pattern: Cow<'static, str>,
    rejected: Option<String>,
    /// Of responses, in place of the maximum length.
    stored_pattern: Option<String>,
    example: &'static str,
}

impl TextDoc {
    /// A text of 1 to `max_chars` characters, without control characters, and not blank.
    #[must_use]
    pub fn new(about: &'static str, max_chars: usize, example: &'static str) -> Self {
        Self {
            about: about.into(),
            in_requests: None,
            in_updates: "",
            or_null: "",
            min_chars: 1,
            max_chars,
            pattern: text::PATTERN.into(),
            rejected: Some(text::forbidden_pattern(false)),
            stored_pattern: None,
            example,
        }
    }

    /// A text that is stored without leading and trailing whitespace.
    #[must_use]
    pub fn trimmed(about: &'static str, max_chars: usize, example: &'static str) -> Self {
        let in_requests = format!("{about} Leading and trailing whitespace is removed.");
        Self::new(about, max_chars, example).in_requests(in_requests)
    }

    /// A name that no other resource of the account has.
    #[must_use]
    pub fn unique_name(about: &'static str, max_chars: usize, example: &'static str) -> Self {
        let in_requests = format!(
            "{about} Unique within the account and compared exactly; leading and trailing whitespace is removed."
        );
        Self::new(about, max_chars, example)
            .in_requests(in_requests)
            .pattern(text::PATTERN, Some(text::forbidden_pattern(true)))
    }

    /// The description in requests.
    #[must_use]
    pub fn in_requests(self, about: impl Into<Cow<'static, str>>) -> Self {
        Self { in_requests: Some(about.into()), ..self }
    }

    /// The descriptions of a member that can be null: in an update, which it clears, and in a response.
    #[must_use]
    pub fn or_null(self, in_updates: &'static str, in_responses: &'static str) -> Self {
        Self { in_updates, or_null: in_responses, ..self }
    }

    #[must_use]
    pub fn min_chars(self, min_chars: usize) -> Self {
        Self { min_chars, ..self }
    }

    /// The regular expression that an accepted text matches, and the one that it must not match.
    #[must_use]
    pub fn pattern(self, pattern: impl Into<Cow<'static, str>>, rejected: Option<String>) -> Self {
        Self { pattern: pattern.into(), rejected, ..self }
    }

    #[must_use]
    pub fn stored_pattern(self, pattern: String) -> Self {
        Self { stored_pattern: Some(pattern), ..self }
    }

    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Self { about: about.into(), ..self }
    }

    #[must_use]
    pub fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// What a request can have.
    #[must_use]
    pub fn accepted(self) -> Object {
        text_schema()
            .description(Some(self.in_requests.unwrap_or(self.about)))
            .min_length(Some(self.min_chars))
            .max_length(Some(self.max_chars))
            .pattern(Some(self.pattern))
            .extensions(self.rejected.map(|pattern| reject_matches(&pattern)))
            .examples([self.example])
            .build()
    }

    /// What a response has.
    #[must_use]
    pub fn stored(self) -> Object {
        let schema = text_schema().description(Some(self.about)).examples([self.example]);
        match self.stored_pattern {
            Some(pattern) => schema.pattern(Some(pattern)).build(),
            None => schema.max_length(Some(self.max_chars)).build(),
        }
    }
}

fn text_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// Rejects texts that match an ECMA 262 pattern. Generated clients check `pattern` with the regular expressions of their
/// language and ignore `if`, which only JSON Schema validators evaluate. `not` would be equivalent, but generators turn a
/// schema with it into `any`, or into one that rejects everything. A matching text is never empty, so `maxLength: 0`
/// rejects it. (utoipa has no fields for these keywords and serialises extensions as they are.)
fn reject_matches(pattern: &str) -> Extensions {
    Extensions::from_iter([("if", json!({"pattern": pattern})), ("then", json!({"maxLength": 0}))])
}

/// A schema, or null. (Not all generators support a list of types.)
#[must_use]
pub fn or_null(schema: impl Into<RefOr<Schema>>, about: &str) -> Schema {
    let mut schema = schema.into();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.description = None;
    }
    let null = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
    OneOfBuilder::new().description(Some(about)).item(schema).item(null).into()
}

/// A member that a request must have. It is optional to serde, so that `validator` reports all missing members together.
#[derive(Debug)]
pub struct Required<T> {
    text: Option<String>,
    value: PhantomData<T>,
}

/// A member that a request may leave out; null means the same.
#[derive(Debug)]
pub struct Optional<T> {
    text: Option<String>,
    value: PhantomData<T>,
}

/// A member of an update that null clears. Requires `#[serde(default)]`, as [`Patch`] does.
#[derive(Debug)]
pub struct Clearable<T> {
    text: Patch<String>,
    value: PhantomData<T>,
}

/// A member of a response that is null if there is no value.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

/// A member for which absent, null and a value mean different things. (In other optional members, `Option`s, null is
/// treated as absent: clients in several languages send it for members that are not set.) Requires `#[serde(default)]`,
/// which makes an absent member [`Patch::Absent`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Keeps the stored value.
    #[default]
    Absent,
    /// Clears it.
    Null,
    Value(T),
}

/// A member that has the text of a `T`, if the request has the member.
pub trait TextMember<T> {
    fn into_text(self) -> Option<String>;
}

impl<T> TextMember<T> for Required<T> {
    fn into_text(self) -> Option<String> {
        self.text
    }
}

impl<T> TextMember<T> for Optional<T> {
    fn into_text(self) -> Option<String> {
        self.text
    }
}

impl<T> Clearable<T> {
    pub fn into_patch(self) -> Patch<String> {
        self.text
    }
}

impl<T> Default for Clearable<T> {
    fn default() -> Self {
        Self { text: Patch::Absent, value: PhantomData }
    }
}

impl<T> ValidateRequired for Required<T> {
    fn is_some(&self) -> bool {
        self.text.is_some()
    }
}

/// `validator` copies the value into its error.
impl<T> Serialize for Required<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Required<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { text: Option::deserialize(deserializer)?, value: PhantomData })
    }
}

impl<'de, T> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { text: Option::deserialize(deserializer)?, value: PhantomData })
    }
}

impl<'de, T> Deserialize<'de> for Clearable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { text: Patch::deserialize(deserializer)?, value: PhantomData })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

/// Begins the names of schemas that are inlined. No component can have such a name.
pub const INLINE: &str = "inline:";
/// Of those whose member is not required.
const OPTIONAL: &str = "inline:optional:";

/// Implements what utoipa requires of the type of a member, with a schema that follows from the description.
macro_rules! wrapper_schema {
    ($wrapper:ident, $name:expr, $schema:expr) => {
        impl<T: WireText> ComposeSchema for $wrapper<T> {
            fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
                let schema: fn(TextDoc) -> RefOr<Schema> = $schema;
                schema(T::doc())
            }
        }

        impl<T: WireText> ToSchema for $wrapper<T> {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

wrapper_schema!(Required, INLINE, |doc| doc.accepted().into());
wrapper_schema!(Optional, OPTIONAL, |doc| doc.accepted().into());
wrapper_schema!(Clearable, "inline:clearable:", |doc| {
    let about = doc.in_updates;
    or_null(doc.accepted(), about).into()
});
wrapper_schema!(Nullable, "inline:nullable:", |doc| {
    let about = doc.or_null;
    or_null(doc.stored(), about).into()
});

/// Replaces each reference to an inlined schema by the schema, with the description at the reference if there is one.
pub fn inline(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let inlined: BTreeMap<String, RefOr<Schema>> =
        schemas.extract_if(.., |name, _| name.starts_with(INLINE)).collect();
    for schema in schemas.values_mut() {
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        for (member, property) in &mut object.properties {
            if inlined_name(property).is_some_and(|name| name.starts_with(OPTIONAL)) {
                object.required.retain(|required| required != member);
            }
            inline_property(property, &inlined);
        }
    }
}

fn inlined_name(property: &RefOr<Schema>) -> Option<&str> {
    let RefOr::Ref(reference) = property else { return None };
    let (_, name) = reference.ref_location.rsplit_once('/')?;
    name.starts_with(INLINE).then_some(name)
}

fn inline_property(property: &mut RefOr<Schema>, inlined: &BTreeMap<String, RefOr<Schema>>) {
    if let RefOr::T(Schema::Array(array)) = property
        && let ArrayItems::RefOrSchema(items) = &mut array.items
    {
        inline_property(items, inlined);
    }
    let Some(mut schema) = inlined_name(property).and_then(|name| inlined.get(name).cloned()) else { return };
    if let (RefOr::Ref(reference), RefOr::T(Schema::Object(object))) = (&*property, &mut schema)
        && !reference.description.is_empty()
    {
        object.description = Some(reference.description.clone());
    }
    *property = schema;
}
