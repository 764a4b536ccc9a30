//! The parameters of `GET /addressbook/contacts`.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::config::Limits;
use crate::domain::Fault;
use crate::domain::page::{OffsetQuery, SortDirection, SortField};
use crate::http::extract::{Faults, Parameters, query};
use crate::http::openapi::fields;

/// What `sortField` can be, as a sentence lists it.
const FIELDS: &str = "created_on, alias, msisdn";
/// What `sortDir` can be, as a sentence lists it.
pub(super) const DIRECTIONS: &str = "ASC, DESC";

/// Most contacts that can be left out at the beginning.
const MAX_OFFSET: u64 = i32::MAX as u64;

/// The parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // as they are on the wire: faults name them so
pub(super) struct ListRecords {
    #[param(schema_with = sort_field, required = false)]
    sortField: Option<String>,
    #[param(schema_with = sort_direction, required = false)]
    sortDir: Option<String>,
    #[param(schema_with = offset, required = false)]
    offset: Option<String>,
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
}

fn choice(about: &str, list: &str, default: &str) -> Object {
    ObjectBuilder::new()
        .description(Some(about))
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(list.split(", ")))
        .default(Some(default.into()))
        .build()
}

const SORT_FIELD: &str = "AddressBookSortField";
const SORT_DIRECTION: &str = "SortDirection";

/// Choices are schemas with names: clients have types of these names.
pub(in crate::http) fn schemas() -> [(String, RefOr<Schema>); 2] {
    [
        (SORT_FIELD.to_owned(), choice("What a list is sorted by.", FIELDS, "created_on").into()),
        (SORT_DIRECTION.to_owned(), choice("Which way a list is sorted.", DIRECTIONS, "DESC").into()),
    ]
}

fn sort_field() -> Ref {
    Ref::builder().ref_location_from_schema_name(SORT_FIELD).description(Some("What to sort by.")).build()
}

fn sort_direction() -> Ref {
    Ref::builder()
        .ref_location_from_schema_name(SORT_DIRECTION)
        .description(Some("Which way to sort."))
        .build()
}

fn offset() -> Object {
    ObjectBuilder::new()
        .description(Some("How many contacts to leave out at the beginning."))
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(0))
        .maximum(Some(MAX_OFFSET as usize))
        .default(Some(0.into()))
        .build()
}

impl Parameters for ListRecords {
    type Command = OffsetQuery;

    fn into_command(self, limits: &Limits, faults: &mut Faults) -> Option<OffsetQuery> {
        let Self { sortField, sortDir, offset, limit } = self;
        let field =
            faults.read("sortField", sortField.or(Some("created_on".to_owned())), |text| match text {
                "created_on" => Ok(SortField::CreatedOn),
                "alias" => Ok(SortField::Handle),
                "msisdn" => Ok(SortField::Phone),
                _ => Err(Fault::NotOneOf { allowed: FIELDS }),
            });
        let direction = faults.read("sortDir", sortDir.or(Some("DESC".to_owned())), |text| match text {
            "ASC" | "asc" => Ok(SortDirection::Ascending),
            "DESC" | "desc" => Ok(SortDirection::Descending),
            _ => Err(Fault::NotOneOf { allowed: DIRECTIONS }),
        });
        let offset = offset.map_or(Some(0), |text| query::number("offset", &text, 0, MAX_OFFSET, faults));
        let limit = query::limit("limit", limit, limits, faults);
        Some(OffsetQuery { field: field?, direction: direction?, offset: offset?, limit: limit? })
    }
}
