//! The query parameters and `Link` headers of the lists of an audience's entries.

use actix_web::http::header::HeaderValue;
use utoipa::openapi::schema::Object;

use crate::domain::audience::EntryPage;
use crate::http::extract::query::{integer, number};
use crate::http::extract::{Parameters, QueryReader};

/// Of the lists of recipients and of exclusions.
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
    integer(description).minimum(Some(0)).maximum(Some(MAX_POSITION as usize)).build()
}

impl Parameters for EntryQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let limit = query.limit();
        let after = query.optional("starting_after", starting_after, |text| number(text, 0, MAX_POSITION));
        let after = after.and_then(|number| i64::try_from(number).ok());
        Some(Self { after, limit: limit? })
    }
}

/// The `Link` header of a page (RFC 8288) that has a successor.
pub(super) fn next_link(path: &str, query: EntryQuery, page: &EntryPage) -> Option<HeaderValue> {
    let (last, _) = page.entries.last().filter(|_| page.has_more)?;
    HeaderValue::try_from(format!("<{path}?limit={}&starting_after={last}>; rel=\"next\"", query.limit)).ok()
}
