//! Cursor-based lists: schemas and parsers of their parameters, and the `Link` header of a page.

use actix_web::http::header::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use utoipa::openapi::schema::Object;

use crate::domain::Violation;
use crate::domain::id::Id;
use crate::domain::pagination::{Cursor, CursorPage};
use crate::http::extract::Violations;
use crate::http::openapi::fields;

pub(super) fn starting_after(noun: &str) -> Object {
    let about = format!("The id of the {noun} after which the page starts; older {noun}s follow.");
    fields::with_description(fields::id(), &about)
}

pub(super) fn ending_before(noun: &str) -> Object {
    let about = format!(
        "The id of the {noun} before which the page ends; the page contains newer {noun}s. Together with \
         `starting_after`, the page starts there and continues to older {noun}s."
    );
    fields::with_description(fields::id(), &about)
}

pub(super) fn parse_cursor<I: Id>(
    starting_after: Option<String>,
    ending_before: Option<String>,
    violations: &mut Violations,
) -> Cursor<I> {
    let id = |text: &str| I::parse(text).ok_or(Violation::NotUuid);
    Cursor {
        after: violations.parse("starting_after", starting_after, id),
        before: violations.parse("ending_before", ending_before, id),
    }
}

/// The `Link` header of a page (RFC 8288) that has a neighbour. `filters` are the parameters of the request other than cursor
/// and limit.
pub(super) fn links<T, I: Id>(
    path: &str,
    cursor: &Cursor<I>,
    limit: u64,
    filters: &[(&str, Option<String>)],
    page: &CursorPage<T>,
    id_of: fn(&T) -> I,
) -> Option<HeaderValue> {
    let (first, last) = (page.items.first()?, page.items.last()?);
    // The item that a cursor names is on the neighbouring page, so that one exists.
    let (has_previous, has_next) = match (cursor.after, cursor.before) {
        (None, None) => (false, page.has_more),
        (Some(_), _) => (true, page.has_more),
        (None, Some(_)) => (page.has_more, true),
    };
    let link = |name: &str, id: I, relation: &str| {
        let mut target = format!("{path}?limit={limit}&{name}={id}");
        let mut add = |name: &str, value: &str| {
            target.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        };
        if let (Some(_), Some(other_end), "next") = (cursor.after, cursor.before, relation) {
            add("ending_before", &other_end.to_string());
        }
        for (name, value) in filters {
            if let Some(value) = value {
                add(name, value);
            }
        }
        format!("<{target}>; rel=\"{relation}\"")
    };
    let links: Vec<String> = [
        has_next.then(|| link("starting_after", id_of(last), "next")),
        has_previous.then(|| link("ending_before", id_of(first), "prev")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if links.is_empty() { None } else { HeaderValue::try_from(links.join(", ")).ok() }
}
