//! The parameters of offset-based lists.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::Violation;
use crate::domain::named::{NamedOffsetQuery, NamedSort};
use crate::domain::pagination::{OffsetParams, SortDirection};
use crate::http::extract::QueryReader;
use crate::http::extract::query::{integer, number};

/// The values of `sortDir`, enumerated in a sentence.
pub(super) const DIRECTIONS: &str = "ASC, DESC";

const MAX_OFFSET: u64 = i32::MAX as u64;

/// Reads `sortField`. `values` enumerates its values in a sentence.
pub(super) fn sort_field<T>(
    query: &mut QueryReader<'_>,
    title: &str,
    values: &'static str,
    parse: fn(&str) -> Option<T>,
) -> Option<T> {
    enumeration(query, "sortField", (title, "The field to sort by."), values, "created_on", parse)
}

/// Reads `sortDir`.
pub(super) fn sort_direction(query: &mut QueryReader<'_>) -> Option<SortDirection> {
    let parse = |text: &str| match text {
        "ASC" | "asc" => Some(SortDirection::Ascending),
        "DESC" | "desc" => Some(SortDirection::Descending),
        _ => None,
    };
    enumeration(query, "sortDir", ("SortDirection", "The sort direction."), DIRECTIONS, "DESC", parse)
}

/// Reads the parameters of a list of named resources, `nouns`. `title` is that of `sortField`.
pub(super) fn named_offset_query(
    query: &mut QueryReader<'_>,
    title: &str,
    nouns: &str,
) -> Option<NamedOffsetQuery> {
    let field = sort_field(query, title, "created_on, name", |text| match text {
        "created_on" => Some(NamedSort::CreatedOn),
        "name" => Some(NamedSort::Name),
        _ => None,
    });
    let direction = sort_direction(query);
    let offset = offset(query, nouns);
    let limit = query.limit();
    let page = OffsetParams { direction: direction?, offset: offset?, limit: limit? };
    Some(NamedOffsetQuery { field: field?, page })
}

/// A page of a list of contacts in a fixed order.
pub(super) struct ContactWindow {
    pub(super) offset: u64,
    pub(super) limit: u64,
}

impl ContactWindow {
    pub(super) fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let offset = offset(query, "contacts");
        let limit = query.limit();
        Some(Self { offset: offset?, limit: limit? })
    }
}

/// Reads `offset` of a list of `nouns`.
pub(super) fn offset(query: &mut QueryReader<'_>, nouns: &str) -> Option<u64> {
    let schema = || {
        integer(&format!("The number of {nouns} to skip at the start."))
            .minimum(Some(0))
            .maximum(Some(MAX_OFFSET as usize))
            .default(Some(0.into()))
    };
    query.parameter("offset", schema, |text, _, violations| match text {
        None => Some(0),
        Some(text) => violations.check("offset", number(&text, 0, MAX_OFFSET)),
    })
}

/// An enumeration with a title, from which generators can derive a type name. (A named component would do so for every
/// generator, but then the C client does not compile, and the C++ client sends the name of a value in its place.)
fn enumeration<T>(
    query: &mut QueryReader<'_>,
    name: &'static str,
    (title, about): (&str, &str),
    values: &'static str,
    default: &str,
    parse: fn(&str) -> Option<T>,
) -> Option<T> {
    let schema = || -> Object {
        ObjectBuilder::new()
            .title(Some(title))
            .description(Some(about))
            .schema_type(SchemaType::new(Type::String))
            .enum_values(Some(values.split(", ")))
            .default(Some(default.into()))
            .build()
    };
    query.parameter(name, schema, |text, _, violations| {
        let value = parse(text.as_deref().unwrap_or(default));
        violations.check(name, value.ok_or(Violation::NotOneOf { allowed: values }))
    })
}
