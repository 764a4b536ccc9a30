//! The query parameters of `GET /v1/opt_outs`.

use actix_web::http::header::HeaderValue;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use crate::config::Limits;
use crate::domain::OptOut;
use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::OptOutQuery;
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::http::extract::{Parameters, Violations, query};
use crate::http::openapi::fields;
use crate::http::v1::pagination;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListOptOuts {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after, required = false)]
    starting_after: Option<String>,
    #[param(schema_with = ending_before, required = false)]
    ending_before: Option<String>,
    #[param(schema_with = phone_number, required = false)]
    phone_number: Option<String>,
}

fn starting_after() -> Object {
    pagination::starting_after("opt-out")
}

fn ending_before() -> Object {
    pagination::ending_before("opt-out")
}

fn phone_number() -> Object {
    fields::with_description(
        fields::phone(),
        "Only the opt-out of this phone number, in any accepted spelling.",
    )
}

impl Parameters for ListOptOuts {
    type Command = OptOutQuery;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<OptOutQuery> {
        let Self { limit, starting_after, ending_before, phone_number } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let cursor = pagination::parse_cursor(starting_after, ending_before, violations);
        let phone = violations.parse("phone_number", phone_number, Phone::parse);
        Some(OptOutQuery { page: CursorParams { cursor, limit: limit? }, phone })
    }
}

pub(super) fn links(path: &str, query: &OptOutQuery, page: &CursorPage<OptOut>) -> Option<HeaderValue> {
    let OptOutQuery { page: CursorParams { cursor, limit }, phone } = query;
    let filters = [("phone_number", phone.as_ref().map(|phone| phone.as_str().to_owned()))];
    pagination::links(path, cursor, *limit, &filters, page, |opt_out| opt_out.id)
}
