//! Members of audience requests and responses that both dialects share: their schemas and parsers.

use utoipa::openapi::schema::{
    Array, ArrayBuilder, ArrayItems, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};

use crate::domain::Violation;
use crate::domain::audience::{Reason, TemplateChoice};
use crate::domain::pagination::MAX_BATCH;
use crate::domain::template::engine::{MissingVariables, Template};
use crate::domain::template::saved::{TemplateId, TemplateKey, TemplateName};
use crate::domain::template::sms::{self, Encoding};
use crate::http::extract::Violations;
use crate::http::openapi::examples::audience;
use crate::http::openapi::fields;

const EXCLUDE: &str = "exclude";
const BLANK: &str = "blank";
/// Enumerated in a sentence.
const MISSING_VARIABLES: &str = "exclude, blank";

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// A list of up to [`MAX_BATCH`] items.
#[must_use]
pub fn list_of(item: impl Into<RefOr<Schema>>, about: &str) -> Array {
    ArrayBuilder::new()
        .description(Some(about))
        .items(ArrayItems::RefOrSchema(Box::new(item.into())))
        .max_items(Some(MAX_BATCH))
        .build()
}

#[must_use]
pub fn missing_variables() -> Object {
    text()
        // Generators name the type after the title, or else invent a name for each use.
        .title(Some("MissingVariables"))
        .description(Some(
            "The handling of recipients that lack a variable: with `exclude`, they get no message; with \
             `blank`, the placeholder is left empty.",
        ))
        .enum_values(Some([EXCLUDE, BLANK]))
        .default(Some(EXCLUDE.into()))
        .build()
}

pub fn parse_missing_variables(
    value: Option<String>,
    violations: &mut Violations,
) -> Option<MissingVariables> {
    match value.as_deref() {
        None | Some(EXCLUDE) => Some(MissingVariables::Exclude),
        Some(BLANK) => Some(MissingVariables::Blank),
        Some(_) => {
            violations.check("missing_variables", Err(Violation::NotOneOf { allowed: MISSING_VARIABLES }))
        }
    }
}

#[must_use]
pub fn group() -> Object {
    let mut schema = fields::handle();
    schema.description = Some("The id or the name of a group; selects all its members.".to_owned());
    schema.examples = vec!["customers".into()];
    schema
}

#[must_use]
pub fn segment() -> Object {
    let about = "The id or the name of a segment; selects all contacts that are in it at this moment.";
    fields::with_description(fields::segment::key(), about)
}

#[must_use]
pub fn all() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Boolean))
        .description(Some("Always true; selects every contact of the account."))
        .build()
}

#[must_use]
pub fn template_text() -> Object {
    text()
        .description(Some(
            "The text with placeholders: `{{NAME}}` is taken from the recipient's `meta` or `fields`, \
             `{{contact.alias}}` and the like from the contact, and `{{ NAME | default(\"friend\") }}` has a \
             fallback. A null or blank value counts as missing.",
        ))
        .min_length(Some(1))
        .max_length(Some(Template::MAX_CHARS))
        .examples([audience::TEMPLATE])
        .build()
}

#[must_use]
pub fn template_id() -> Object {
    fields::with_description(fields::id(), "The id of a saved template.")
}

#[must_use]
pub fn template_name() -> Object {
    let mut schema = fields::handle();
    schema.description = Some("The name of a saved template.".to_owned());
    schema.examples = vec!["welcome".into()];
    schema
}

pub fn parse_template_text(
    path: &'static str,
    text: &str,
    violations: &mut Violations,
) -> Option<TemplateChoice> {
    violations.check(path, Template::parse(text)).map(|template| TemplateChoice::Inline(Box::new(template)))
}

pub fn parse_template_id(
    path: &'static str,
    id: &str,
    violations: &mut Violations,
) -> Option<TemplateChoice> {
    violations
        .check(path, TemplateId::parse(id).ok_or(Violation::NotUuid))
        .map(|id| TemplateChoice::Saved(TemplateKey::Id(id)))
}

pub fn parse_template_name(
    path: &'static str,
    name: &str,
    violations: &mut Violations,
) -> Option<TemplateChoice> {
    violations
        .check(path, TemplateName::parse(name))
        .map(|name| TemplateChoice::Saved(TemplateKey::Name(name)))
}

#[must_use]
pub fn encoding() -> Object {
    let names = Encoding::ALL.map(Encoding::as_str);
    text()
        .description(Some(format!(
            "The encoding of the text: `{}`, the alphabet of GSM 03.38, or `{}` if it has other characters.",
            names[0], names[1]
        )))
        .examples([names[0]])
        .build()
}

#[must_use]
pub fn parts() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some("The number of SMS parts that the text takes."))
        .minimum(Some(1))
        .maximum(Some(sms::MAX_PARTS))
        .build()
}

/// The reason of an exclusion.
#[must_use]
pub fn reason() -> Object {
    let reasons: String = Reason::ALL.iter().map(|(code, about)| format!("\n- `{code}`: {about}")).collect();
    text()
        .description(Some(format!(
            "The reason, for programs. Reasons are added, but never changed or removed.\n{reasons}"
        )))
        .examples(["opted_out"])
        .build()
}
