//! The query parameters and `Link` headers of the lists of `/v1/audiences`.

use actix_web::http::header::HeaderValue;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::config::Limits;
use crate::domain::audience::{AudienceId, AudienceSnapshot, EntryPage};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::http::extract::{Parameters, Violations, query};
use crate::http::openapi::fields;
use crate::http::v1::pagination;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAudiences {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after_audience, required = false)]
    starting_after: Option<String>,
    #[param(schema_with = ending_before_audience, required = false)]
    ending_before: Option<String>,
}

fn starting_after_audience() -> Object {
    pagination::starting_after("audience")
}

fn ending_before_audience() -> Object {
    pagination::ending_before("audience")
}

impl Parameters for ListAudiences {
    type Command = CursorParams<AudienceId>;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<CursorParams<AudienceId>> {
        let Self { limit, starting_after, ending_before } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let cursor = pagination::parse_cursor(starting_after, ending_before, violations);
        Some(CursorParams { cursor, limit: limit? })
    }
}

pub(super) fn links(
    path: &str,
    query: &CursorParams<AudienceId>,
    page: &CursorPage<AudienceSnapshot>,
) -> Option<HeaderValue> {
    pagination::links(path, &query.cursor, query.limit, &[], page, |audience| audience.id)
}

/// Of the lists of recipients and of exclusions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListEntries {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after, required = false)]
    starting_after: Option<String>,
}

#[derive(Clone, Copy)]
pub(super) struct EntryQuery {
    pub(super) after: Option<i64>,
    pub(super) limit: u64,
}

const MAX_POSITION: u64 = i32::MAX as u64;

fn starting_after() -> Object {
    position_schema("The `position` of the entry after which the page starts.")
}

/// Has the same limits as `starting_after`, which takes its value.
pub(super) fn position() -> Object {
    position_schema("The position in a kept audience, for use as `starting_after`.")
}

fn position_schema(description: &str) -> Object {
    ObjectBuilder::new()
        .description(Some(description))
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(0))
        .maximum(Some(MAX_POSITION as usize))
        .build()
}

impl Parameters for ListEntries {
    type Command = EntryQuery;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<EntryQuery> {
        let Self { limit, starting_after } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let after = starting_after.map(|text| {
            let number = query::number("starting_after", &text, 0, MAX_POSITION, violations);
            number.and_then(|number| i64::try_from(number).ok())
        });
        Some(EntryQuery { after: after.flatten(), limit: limit? })
    }
}

/// The `Link` header of a page (RFC 8288) that has a successor.
pub(super) fn next_link(path: &str, query: EntryQuery, page: &EntryPage) -> Option<HeaderValue> {
    let (last, _) = page.entries.last().filter(|_| page.has_more)?;
    HeaderValue::try_from(format!("<{path}?limit={}&starting_after={last}>; rel=\"next\"", query.limit)).ok()
}
