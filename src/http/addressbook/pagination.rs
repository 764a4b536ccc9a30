//! Lists by offset: the parameters that they share.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::domain::Violation;
use crate::domain::pagination::SortDirection;
use crate::http::extract::{Violations, query};

/// What `sortDir` can be, as a sentence lists it.
pub(super) const DIRECTIONS: &str = "ASC, DESC";

/// Most things that can be left out at the beginning.
const MAX_OFFSET: u64 = i32::MAX as u64;

/// A choice has a title, which generators make a name of; those that want a type of this name have an
/// option for it. (A schema of its own would name it for all, but the C client then does not compile, and
/// the C++ client sends the name of a value in place of it.)
pub(super) fn choice(name: &str, about: &str, list: &str, default: &str) -> Object {
    ObjectBuilder::new()
        .title(Some(name))
        .description(Some(about))
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(list.split(", ")))
        .default(Some(default.into()))
        .build()
}

/// The schema of `sortDir`.
pub(super) fn sort_direction() -> Object {
    choice("SortDirection", "The sort direction.", DIRECTIONS, "DESC")
}

/// The schema of `offset`, in a list of such things.
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

/// Reads `sortDir`.
pub(super) fn read_direction(text: Option<String>, violations: &mut Violations) -> Option<SortDirection> {
    violations.parse("sortDir", text.or(Some("DESC".to_owned())), |text| match text {
        "ASC" | "asc" => Ok(SortDirection::Ascending),
        "DESC" | "desc" => Ok(SortDirection::Descending),
        _ => Err(Violation::NotOneOf { allowed: DIRECTIONS }),
    })
}

/// Reads `offset`.
pub(super) fn read_offset(text: Option<String>, violations: &mut Violations) -> Option<u64> {
    text.map_or(Some(0), |text| query::number("offset", &text, 0, MAX_OFFSET, violations))
}
