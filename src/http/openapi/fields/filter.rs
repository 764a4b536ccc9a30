//! Filters: the parameter and the member `filter`.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::contact::ContactFilter;
use crate::domain::filter::{Filter, MAX_CHARS, Property, PropertyNames};
use crate::domain::{ErrorCode, FieldViolation, Permission, Violation};
use crate::http::extract::{ConditionalPermission, Items, QueryReader, Violations};

const FILTER: &str = "filter";

/// A command that may have a filter, and the permissions that this requires. (Groups can be mentioned beside the filter, too: then
/// the operation has a condition of its own.)
pub trait HasFilter: Sized + 'static {
    const GROUPS: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::ReadGroups,
        when: "`filter` has a condition on `group` or `segment`",
        applies: Self::mentions_groups,
    };
    const OPT_OUTS: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::ReadOptOuts,
        when: "`filter` has a condition on `opted_out` or `segment`",
        applies: |command| command.needs(Permission::ReadOptOuts),
    };
    const SEGMENTS: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::ReadSegments,
        when: "`filter` has a condition on `segment`",
        applies: |command| command.needs(Permission::ReadSegments),
    };
    /// Where the response says which contacts match.
    const CONTACTS: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::ReadContacts,
        when: "`filter` is given",
        applies: |command| command.filter().is_some(),
    };

    fn filter(&self) -> Option<&Filter>;

    fn mentions_groups(&self) -> bool {
        self.needs(Permission::ReadGroups)
    }

    fn needs(&self, permission: Permission) -> bool {
        self.filter().is_some_and(|filter| filter.permissions().contains(&permission))
    }
}

impl HasFilter for ContactFilter {
    fn filter(&self) -> Option<&Filter> {
        self.expression.as_ref()
    }
}

/// What the filter of a segment requires.
#[must_use]
pub const fn of_stored<C>() -> [ConditionalPermission<C>; 2] {
    let group = "the filter of the segment has a condition on `group`";
    [ConditionalPermission::of_stored(Permission::ReadGroups, group), opt_outs_of_stored()]
}

/// As [`of_stored`], of conditions on `opted_out`.
#[must_use]
pub const fn opt_outs_of_stored<C>() -> ConditionalPermission<C> {
    let when = "the filter of the segment has a condition on `opted_out`";
    ConditionalPermission::of_stored(Permission::ReadOptOuts, when)
}

/// Reads the member `filter`, which excludes lists of keys; `lists` enumerates them in a sentence.
pub fn in_place_of_lists(
    filter: &str,
    names: &PropertyNames,
    lists: &'static str,
    given: [&Option<Items<String>>; 2],
    violations: &mut Violations,
) -> Option<Filter> {
    let has_items =
        |items: &Option<Items<String>>| items.as_ref().is_some_and(|Items(items)| !items.is_empty());
    if given.into_iter().any(has_items) {
        violations.add(FILTER, Violation::NotTogether { with: lists });
    }
    violations.check(FILTER, Filter::parse(filter, names))
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
