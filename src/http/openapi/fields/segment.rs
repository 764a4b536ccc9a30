//! The members of a segment.

use utoipa::openapi::schema::Object;

use super::value::texts;
use crate::domain::filter::PropertyNames;
use crate::domain::segment::{SegmentName, parse_filter};
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::field::{TextDoc, WireText};
use crate::http::openapi::examples::segment as examples;

texts!(SegmentName);

/// The errors of a segment's filter beside its violations, and that of a name.
pub const ERRORS: &[ErrorCode] =
    &[ErrorCode::NameTaken, ErrorCode::FieldNotDeclared, ErrorCode::FieldNotReady];

/// For examples.
#[must_use]
pub fn invalid(names: &PropertyNames) -> FieldViolation {
    let violation = parse_filter("meta.CITY = \"London\" and opted_out", names).err();
    FieldViolation::at("filter", violation.unwrap_or(Violation::Blank))
}

/// Of a new segment, or a changed one.
#[must_use]
pub fn filter(names: &PropertyNames) -> Object {
    let about = "Which contacts are in the segment. A condition on `segment` is not allowed here.";
    let mut schema = super::filter::schema(names, about);
    schema.examples = vec![examples::FILTER.into()];
    schema
}

/// In a path.
#[must_use]
pub fn key() -> Object {
    super::with_description(SegmentName::doc().accepted(), "The id of the segment, or its name.")
}

impl WireText for SegmentName {
    fn doc() -> TextDoc {
        TextDoc::unique_name("The name of the segment.", Self::MAX_CHARS, examples::NAME)
    }
}

/// Of the contacts in a segment.
#[must_use]
pub fn count() -> Object {
    super::count(
        "How many contacts are in the segment at this moment. Present only when this segment is read, by a key that may \
         read its members; absent if the filter names a group that does not exist any more.",
    )
}

/// Of a condition.
#[must_use]
pub fn matches() -> Object {
    super::count("How many contacts match the condition alone.")
}
