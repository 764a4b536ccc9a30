//! The query parameters of `GET /v1/templates`.

use actix_web::http::header::HeaderValue;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use crate::config::Limits;
use crate::domain::SavedTemplate;
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::template::saved::{TemplateName, TemplateQuery};
use crate::http::extract::{Parameters, Violations, query};
use crate::http::openapi::fields;
use crate::http::v1::pagination;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTemplates {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after, required = false)]
    starting_after: Option<String>,
    #[param(schema_with = ending_before, required = false)]
    ending_before: Option<String>,
    #[param(schema_with = name, required = false)]
    name: Option<String>,
}

fn starting_after() -> Object {
    pagination::starting_after("template")
}

fn ending_before() -> Object {
    pagination::ending_before("template")
}

fn name() -> Object {
    fields::with_description(fields::template::name(), "Only the template with this name.")
}

impl Parameters for ListTemplates {
    type Command = TemplateQuery;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<TemplateQuery> {
        let Self { limit, starting_after, ending_before, name } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let cursor = pagination::parse_cursor(starting_after, ending_before, violations);
        let name = violations.parse("name", name, TemplateName::parse);
        Some(TemplateQuery { page: CursorParams { cursor, limit: limit? }, name })
    }
}

pub(super) fn links(
    path: &str,
    query: &TemplateQuery,
    page: &CursorPage<SavedTemplate>,
) -> Option<HeaderValue> {
    let TemplateQuery { page: CursorParams { cursor, limit }, name } = query;
    let filters = [("name", name.as_ref().map(|name| name.as_str().to_owned()))];
    pagination::links(path, cursor, *limit, &filters, page, |template| template.id)
}
