//! Schemas of the members of an opt-out.

use utoipa::openapi::Schema;
use utoipa::openapi::schema::{Object, ObjectBuilder};

use super::{bare, id_of, moment, or_null, refuse, text};
use crate::domain::opt_out::{Note, Source};
use crate::domain::text as rules;
use crate::http::openapi::examples::opt_out as examples;

const SOURCE: &str = "The source of the opt-out: how the number was opted out.";
const NOTE: &str = "A note on the opt-out.";

/// Its id.
#[must_use]
pub fn id() -> Object {
    id_of("opt-out")
}

/// When the number was opted out.
#[must_use]
pub fn created() -> Object {
    moment("The time at which the number was opted out, in UTC with millisecond precision.")
}

/// Its source in a request.
#[must_use]
pub fn source() -> Object {
    given(SOURCE, Source::MAX_CHARS, examples::SOURCE)
}

/// Its note in a request.
#[must_use]
pub fn note() -> Object {
    given(NOTE, Note::MAX_CHARS, examples::NOTE)
}

/// Its source in a response.
#[must_use]
pub fn stored_source() -> Schema {
    or_null(stored(Source::MAX_CHARS, examples::SOURCE), SOURCE)
}

/// Its note in a response.
#[must_use]
pub fn stored_note() -> Schema {
    or_null(stored(Note::MAX_CHARS, examples::NOTE), NOTE)
}

fn stored(max: usize, example: &str) -> Object {
    bare(text().max_length(Some(max)).examples([example]).build())
}

fn given(about: &str, max: usize, example: &str) -> Object {
    let builder: ObjectBuilder = text()
        .description(Some(format!("{about} Leading and trailing whitespace is removed.")))
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some(rules::PATTERN))
        .extensions(Some(refuse(&rules::forbidden_pattern(false))));
    builder.examples([example]).build()
}
