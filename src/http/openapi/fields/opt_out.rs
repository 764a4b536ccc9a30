//! Schemas of the members of an opt-out.

use utoipa::openapi::Schema;
use utoipa::openapi::schema::{Object, ObjectBuilder};

use super::{id_of, or_null, reject_matches, text, timestamp, without_description};
use crate::domain::opt_out::{Note, Source};
use crate::domain::text as rules;
use crate::http::openapi::examples::opt_out as examples;

const SOURCE: &str = "The source of the opt-out: how the number was opted out.";
const NOTE: &str = "A note on the opt-out.";

#[must_use]
pub fn id() -> Object {
    id_of("opt-out")
}

#[must_use]
pub fn created() -> Object {
    timestamp("The time at which the number was opted out, in UTC with millisecond precision.")
}

#[must_use]
pub fn source() -> Object {
    in_request(SOURCE, Source::MAX_CHARS, examples::SOURCE)
}

#[must_use]
pub fn note() -> Object {
    in_request(NOTE, Note::MAX_CHARS, examples::NOTE)
}

#[must_use]
pub fn stored_source() -> Schema {
    or_null(in_response(Source::MAX_CHARS, examples::SOURCE), SOURCE)
}

#[must_use]
pub fn stored_note() -> Schema {
    or_null(in_response(Note::MAX_CHARS, examples::NOTE), NOTE)
}

fn in_response(max: usize, example: &str) -> Object {
    without_description(text().max_length(Some(max)).examples([example]).build())
}

fn in_request(about: &str, max: usize, example: &str) -> Object {
    let builder: ObjectBuilder = text()
        .description(Some(format!("{about} Leading and trailing whitespace is removed.")))
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some(rules::PATTERN))
        .extensions(Some(reject_matches(&rules::forbidden_pattern(false))));
    builder.examples([example]).build()
}
