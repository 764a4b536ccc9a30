//! The query parameters of `GET /addressbook/optouts`.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use crate::config::Limits;
use crate::domain::pagination::OffsetParams;
use crate::http::addressbook::pagination;
use crate::http::extract::{Parameters, Violations, query};
use crate::http::openapi::fields;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // wire names, which violations repeat
pub(super) struct ListRecords {
    #[param(schema_with = pagination::sort_direction, required = false)]
    sortDir: Option<String>,
    #[param(schema_with = offset, required = false)]
    offset: Option<String>,
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
}

fn offset() -> Object {
    pagination::offset("opt-outs")
}

impl Parameters for ListRecords {
    type Command = OffsetParams;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<OffsetParams> {
        let Self { sortDir, offset, limit } = self;
        let direction = pagination::parse_direction(sortDir, violations);
        let offset = pagination::parse_offset(offset, violations);
        let limit = query::limit("limit", limit, limits, violations);
        Some(OffsetParams { direction: direction?, offset: offset?, limit: limit? })
    }
}
