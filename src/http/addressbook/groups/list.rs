//! The query parameters of the lists under `/addressbook/groups`.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use crate::config::Limits;
use crate::domain::Violation;
use crate::domain::group::{GroupOffsetQuery, GroupSort};
use crate::domain::pagination::OffsetParams;
use crate::http::addressbook::pagination;
use crate::http::extract::{Parameters, Violations, query};
use crate::http::openapi::fields;

/// The values of `sortField`, enumerated in a sentence.
const FIELDS: &str = "created_on, name";

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
    pagination::enumeration("GroupSortField", "The field to sort by.", FIELDS, "created_on")
}

fn offset() -> Object {
    pagination::offset("groups")
}

impl Parameters for ListRecords {
    type Command = GroupOffsetQuery;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<GroupOffsetQuery> {
        let Self { sortField, sortDir, offset, limit } = self;
        let field =
            violations.parse("sortField", sortField.or(Some("created_on".to_owned())), |text| match text {
                "created_on" => Ok(GroupSort::CreatedOn),
                "name" => Ok(GroupSort::Name),
                _ => Err(Violation::NotOneOf { allowed: FIELDS }),
            });
        let direction = pagination::parse_direction(sortDir, violations);
        let offset = pagination::parse_offset(offset, violations);
        let limit = query::limit("limit", limit, limits, violations);
        let page = OffsetParams { direction: direction?, offset: offset?, limit: limit? };
        Some(GroupOffsetQuery { field: field?, page })
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListMembers {
    #[param(schema_with = contacts_offset, required = false)]
    offset: Option<String>,
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
}

fn contacts_offset() -> Object {
    pagination::offset("contacts")
}

pub(super) struct MemberQuery {
    pub(super) offset: u64,
    pub(super) limit: u64,
}

impl Parameters for ListMembers {
    type Command = MemberQuery;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<MemberQuery> {
        let Self { offset, limit } = self;
        let offset = pagination::parse_offset(offset, violations);
        let limit = query::limit("limit", limit, limits, violations);
        Some(MemberQuery { offset: offset?, limit: limit? })
    }
}
