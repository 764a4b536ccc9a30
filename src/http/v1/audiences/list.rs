//! The parameters of the list of kept audiences, and of the lists of one.

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

/// The parameters of the list of audiences.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAudiences {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = behind, required = false)]
    starting_after: Option<String>,
    #[param(schema_with = before, required = false)]
    ending_before: Option<String>,
}

fn behind() -> Object {
    pagination::starting_after("audience")
}

fn before() -> Object {
    pagination::ending_before("audience")
}

impl Parameters for ListAudiences {
    type Command = CursorParams<AudienceId>;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<CursorParams<AudienceId>> {
        let Self { limit, starting_after, ending_before } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let cursor = pagination::cursor(starting_after, ending_before, violations);
        Some(CursorParams { cursor, limit: limit? })
    }
}

/// The `Link` header of a page, where it has a neighbour.
pub(super) fn links(
    path: &str,
    query: &CursorParams<AudienceId>,
    page: &CursorPage<AudienceSnapshot>,
) -> Option<HeaderValue> {
    pagination::links(path, &query.cursor, query.limit, &[], page, |audience| audience.id)
}

/// The parameters of the lists of one.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListEntries {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after, required = false)]
    starting_after: Option<String>,
}

/// Where a page begins, and how long it is.
#[derive(Clone, Copy)]
pub(super) struct PageOf {
    pub(super) after: Option<i64>,
    pub(super) limit: u64,
}

const MAX_POSITION: u64 = i32::MAX as u64;

fn starting_after() -> Object {
    place("The `position` of the entry after which the page starts.")
}

/// A place in a kept audience: as wide in the answer as in the parameter to which it is given.
pub(super) fn position() -> Object {
    place("The position in a kept audience, for use as `starting_after`.")
}

fn place(description: &str) -> Object {
    ObjectBuilder::new()
        .description(Some(description))
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(0))
        .maximum(Some(MAX_POSITION as usize))
        .build()
}

impl Parameters for ListEntries {
    type Command = PageOf;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<PageOf> {
        let Self { limit, starting_after } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let after = starting_after.map(|text| {
            let number = query::number("starting_after", &text, 0, MAX_POSITION, violations);
            number.and_then(|number| i64::try_from(number).ok())
        });
        Some(PageOf { after: after.flatten(), limit: limit? })
    }
}

/// The `Link` header of a page (RFC 8288), where another one follows.
pub(super) fn link(path: &str, of: PageOf, page: &EntryPage) -> Option<HeaderValue> {
    let (last, _) = page.entries.last().filter(|_| page.has_more)?;
    HeaderValue::try_from(format!("<{path}?limit={}&starting_after={last}>; rel=\"next\"", of.limit)).ok()
}
