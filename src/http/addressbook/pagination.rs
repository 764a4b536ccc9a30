//! Offset-based lists: schemas and parsers of their parameters.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::domain::Violation;
use crate::domain::pagination::SortDirection;
use crate::http::extract::{Violations, query};

/// The values of `sortDir`, enumerated in a sentence.
pub(super) const DIRECTIONS: &str = "ASC, DESC";

const MAX_OFFSET: u64 = i32::MAX as u64;

/// An enumeration with a title, from which generators can derive a type name. (A named component would do so for every
/// generator, but then the C client does not compile, and the C++ client sends the name of a value in its place.)
pub(super) fn enumeration(name: &str, about: &str, list: &str, default: &str) -> Object {
    ObjectBuilder::new()
        .title(Some(name))
        .description(Some(about))
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(list.split(", ")))
        .default(Some(default.into()))
        .build()
}

pub(super) fn sort_direction() -> Object {
    enumeration("SortDirection", "The sort direction.", DIRECTIONS, "DESC")
}

pub(super) fn offset(nouns: &str) -> Object {
    ObjectBuilder::new()
        .description(Some(format!("The number of {nouns} to skip at the start.")))
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(0))
        .maximum(Some(MAX_OFFSET as usize))
        .default(Some(0.into()))
        .build()
}

pub(super) fn parse_direction(text: Option<String>, violations: &mut Violations) -> Option<SortDirection> {
    violations.parse("sortDir", text.or(Some("DESC".to_owned())), |text| match text {
        "ASC" | "asc" => Ok(SortDirection::Ascending),
        "DESC" | "desc" => Ok(SortDirection::Descending),
        _ => Err(Violation::NotOneOf { allowed: DIRECTIONS }),
    })
}

pub(super) fn parse_offset(text: Option<String>, violations: &mut Violations) -> Option<u64> {
    text.map_or(Some(0), |text| query::number("offset", &text, 0, MAX_OFFSET, violations))
}
