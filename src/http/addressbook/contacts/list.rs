//! The query parameters of `GET /addressbook/contacts`.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use crate::config::Limits;
use crate::domain::Violation;
use crate::domain::contact::{ContactOffsetQuery, ContactSort};
use crate::http::addressbook::pagination;
use crate::http::extract::{Parameters, Violations, query};
use crate::http::openapi::fields;

/// The values of `sortField`, enumerated in a sentence.
const FIELDS: &str = "created_on, alias, msisdn";
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // wire names, which violations repeat
pub(super) struct ListRecords {
    #[param(schema_with = sort_field, required = false)]
    sortField: Option<String>,
    #[param(schema_with = pagination::sort_direction, required = false)]
    sortDir: Option<String>,
    #[param(schema_with = offset, required = false)]
    offset: Option<String>,
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
}

fn sort_field() -> Object {
    pagination::enumeration("SortField", "The field to sort by.", FIELDS, "created_on")
}

fn offset() -> Object {
    pagination::offset("contacts")
}

impl Parameters for ListRecords {
    type Command = ContactOffsetQuery;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<ContactOffsetQuery> {
        let Self { sortField, sortDir, offset, limit } = self;
        let field =
            violations.parse("sortField", sortField.or(Some("created_on".to_owned())), |text| match text {
                "created_on" => Ok(ContactSort::CreatedOn),
                "alias" => Ok(ContactSort::Handle),
                "msisdn" => Ok(ContactSort::Phone),
                _ => Err(Violation::NotOneOf { allowed: FIELDS }),
            });
        let direction = pagination::parse_direction(sortDir, violations);
        let offset = pagination::parse_offset(offset, violations);
        let limit = query::limit("limit", limit, limits, violations);
        Some(ContactOffsetQuery { field: field?, direction: direction?, offset: offset?, limit: limit? })
    }
}
