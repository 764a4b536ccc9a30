//! The parameters of `GET /addressbook/contacts`.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

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

/// A choice has a title, which generators make a name of; those that want a type of this name have an
/// option for it. (A schema of its own would name it for all, but the C client then does not compile, and
/// the C++ client sends the name of a value in place of it.)
fn choice(name: &str, about: &str, list: &str, default: &str) -> Object {
    ObjectBuilder::new()
        .title(Some(name))
        .description(Some(about))
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(list.split(", ")))
        .default(Some(default.into()))
        .build()
}

fn sort_field() -> Object {
    choice("SortField", "What to sort by.", FIELDS, "created_on")
}

fn sort_direction() -> Object {
    choice("SortDirection", "Which way to sort.", DIRECTIONS, "DESC")
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
