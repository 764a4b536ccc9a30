//! Filters: the parameter and the member `filter`.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::filter::{Filter, MAX_CHARS, Property, PropertyNames};
use crate::domain::{ErrorCode, FieldViolation, Permission, Violation};
use crate::http::extract::QueryReader;

pub const FILTER: &str = "filter";

/// When a filter needs `read:Groups`, `read:OptOuts`, and `read:Segments`.
pub const GROUP_IN_FILTER: &str = "`filter` has a condition on `group` or `segment`";
pub const OPTED_OUT_IN_FILTER: &str = "`filter` has a condition on `opted_out` or `segment`";
pub const SEGMENT_IN_FILTER: &str = "`filter` has a condition on `segment`";

/// The same of the filter of a segment.
pub const GROUP_IN_STORED_FILTER: &str = "the filter of the segment has a condition on `group`";
pub const OPTED_OUT_IN_STORED_FILTER: &str = "the filter of the segment has a condition on `opted_out`";

/// Whether a filter needs `read:Groups`.
#[must_use]
pub fn mentions_groups(filter: Option<&Filter>) -> bool {
    needs(filter, Permission::ReadGroups)
}

/// Whether a filter needs `read:OptOuts`.
#[must_use]
pub fn mentions_opt_outs(filter: Option<&Filter>) -> bool {
    needs(filter, Permission::ReadOptOuts)
}

/// Whether a filter needs `read:Segments`.
#[must_use]
pub fn mentions_segments(filter: Option<&Filter>) -> bool {
    needs(filter, Permission::ReadSegments)
}

fn needs(filter: Option<&Filter>, permission: Permission) -> bool {
    filter.is_some_and(|filter| filter.permissions().contains(&permission))
}

/// Reads the parameter.
pub fn parameter(query: &mut QueryReader<'_>, names: &'static PropertyNames) -> Option<Filter> {
    let schema = || schema(names, "Only contacts that match.");
    let parse = |text: &str| Filter::parse(text, names);
    query.filter(FILTER, schema, parse, |filter| filter.in_dialect(names).to_string())
}

/// What a filter is, after a sentence on what it is for.
#[must_use]
pub fn schema(names: &PropertyNames, about: &str) -> Object {
    let property = |property| names.name(property);
    let about = format!(
        "{about} Conditions such as `meta.CITY = \"London\"`, `{phone} = \"+4479*\"`, `meta.AGE >= 18`, `meta.VIP:*` (is \
         there) or `meta.CITY IN (\"London\", \"Leeds\")` are joined by `AND`, `OR` and `NOT`, with parentheses where `AND` \
         and `OR` meet. They are about `{handle}`, `{phone}`, `display_name`, `{created}`, `{updated}` (with times such as \
         `\"2026-01-31T12:00:00Z\"`, `\"2026-01-31\"` or `now() - 30d`), `group` and `segment` (id or name), `opted_out`, and the keys of \
         `meta` that are declared as fields. A comparison with a value that is missing or does not fit the type of its field \
         is false, `!=` included, and `NOT` of it is true. At most 50 conditions. The whole language is described under \
         `/docs/filters`.",
        handle = property(Property::Handle),
        phone = property(Property::Phone),
        created = property(Property::CreatedAt),
        updated = property(Property::UpdatedAt),
    );
    let example = format!(
        "{} = \"+4479*\" AND {} > now() - 30d",
        property(Property::Phone),
        property(Property::CreatedAt)
    );
    ObjectBuilder::new()
        .description(Some(about))
        .examples([example])
        .schema_type(SchemaType::new(Type::String))
        .min_length(Some(1))
        .max_length(Some(MAX_CHARS))
        .build()
}

/// The errors of a filter in addition to its violations.
pub const ERRORS: &[ErrorCode] =
    &[ErrorCode::FieldNotDeclared, ErrorCode::FieldNotReady, ErrorCode::NotFound];

/// For examples.
#[must_use]
pub fn invalid() -> FieldViolation {
    let message = "expected AND, OR or the end, in capitals".into();
    FieldViolation::at(FILTER, Violation::FilterSyntax { position: 24, message })
}

/// The number of contacts.
#[must_use]
pub fn count() -> Object {
    super::count("The number of contacts that match.")
}
