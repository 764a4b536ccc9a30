//! What the lists of contacts of both dialects have for orders of the request.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::filter::{ContactOrder, MAX_CHARS, OrderPlace, PropertyNames};
use crate::domain::violation::Violation;
use crate::http::extract::QueryReader;

/// Reads `order_by`. `conflict` is the name of a parameter of the request that excludes it.
pub fn read(
    query: &mut QueryReader<'_>,
    names: &'static PropertyNames,
    about: &str,
    conflict: Option<&'static str>,
) -> Option<ContactOrder> {
    let parse = |text: &str| match conflict {
        Some(with) => Err(Violation::NotTogether { with }),
        None => ContactOrder::parse(text, names),
    };
    query.filter("order_by", || schema(names, about), parse, |order| order.in_dialect(names).to_string())
}

fn schema(names: &PropertyNames, about: &str) -> Object {
    let [handle, phone, display_name, created_at, updated_at] =
        ContactOrder::PROPERTIES.map(|property| names.name(property));
    let about = format!(
        "The order of the contacts: by `{handle}`, `{phone}`, `{display_name}`, `{created_at}`, `{updated_at}` or a key \
         of `meta` that is declared as a field, such as `meta.CITY`, ascending, or descending with ` desc` behind it. Texts \
         are in the order of their code points. A contact without a display name stands where its `{handle}` belongs. Contacts with equal values are in the order of their creation, in the same direction; those \
         without a value, or with one that does not fit the type of the field, come last in both directions, the newest \
         first. {about}"
    );
    ObjectBuilder::new()
        .description(Some(about))
        .examples([format!("{handle} desc")])
        .schema_type(SchemaType::new(Type::String))
        .min_length(Some(1))
        .max_length(Some(MAX_CHARS))
        .build()
}

/// The schema of a place in an order.
#[must_use]
pub fn place(about: &str) -> Object {
    ObjectBuilder::new()
        .description(Some(about))
        .examples(["=john"])
        .schema_type(SchemaType::new(Type::String))
        .min_length(Some(1))
        .max_length(Some(OrderPlace::MAX_CHARS))
        .pattern(Some(OrderPlace::PATTERN))
        .build()
}
