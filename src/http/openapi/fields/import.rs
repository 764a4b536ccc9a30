//! The members of an import.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use super::value::{names, text, with_description, word_of};
use crate::domain::contact::batch::MatchBy;
use crate::domain::file_format::{Delimiter, FileFormat, FormulaGuard};
use crate::domain::group::GroupName;
use crate::domain::import::{
    ClearToken, CommitMode, ImportMode, ImportState, PlanDigest, RowOutcome, RowStatus, Rule,
};
use crate::http::field::{TextDoc, WireText as _};

#[must_use]
pub fn mode() -> Object {
    word_of("Which rows are carried out; `upsert` by default", &names!(ImportMode))
}

#[must_use]
pub fn match_by() -> Object {
    word_of("By which value a row finds its contact; `username` by default", &names!(MatchBy))
}

#[must_use]
pub fn format() -> Object {
    word_of("The format of the file; by default, its media type and its content decide", &names!(FileFormat))
}

#[must_use]
pub fn commit() -> Object {
    word_of("What happens when the plan is complete; `manual` by default", &names!(CommitMode))
}

#[must_use]
pub fn formula_guard() -> Object {
    word_of(
        "What becomes of an apostrophe before a cell that a spreadsheet would evaluate as a formula; `auto` by default",
        &names!(FormulaGuard),
    )
}

#[must_use]
pub fn rule() -> Object {
    word_of(
        "What a value in the file does to the value that the contact has; `overwrite` by default",
        &names!(Rule),
    )
}

#[must_use]
pub fn state() -> Object {
    word_of("The state of the import", &names!(ImportState))
}

#[must_use]
pub fn outcome() -> Object {
    word_of("What the plan does with the row", &names!(RowOutcome))
}

#[must_use]
pub fn status() -> Object {
    word_of(
        "What became of the row; absent before the commit, and if it is not carried out",
        &names!(RowStatus),
    )
}

#[must_use]
pub fn row_filter() -> Object {
    word_of(
        "Only rows with this outcome or status",
        &[names!(RowOutcome).as_slice(), names!(RowStatus).as_slice()].concat(),
    )
}

#[must_use]
pub fn column() -> Object {
    text()
        .description(Some("The name of the column, as in the header of the file."))
        .min_length(Some(1))
        .examples(["City"])
        .build()
}

#[must_use]
pub fn target() -> Object {
    text()
        .description(Some(
            "The member of the contact: `username`, `phone_number`, `display_name`, `avatar_url`, `groups` (names \
             of groups, which are created if there are none: a JSON array, or separated by commas or semicolons), \
             `meta.KEY` for a key of `meta` as text, `meta` for a JSON object of several keys, or `id`.",
        ))
        .pattern(Some("^(id|username|phone_number|display_name|avatar_url|groups|meta|meta\\..{1,64})$"))
        .examples(["meta.CITY"])
        .build()
}

#[must_use]
pub fn default_region() -> Object {
    text()
        .description(Some(
            "The country in which phone numbers without a country code are dialled (ISO 3166-1, two letters). \
             Without it, each number needs its country code.",
        ))
        .pattern(Some("^[A-Za-z]{2}$"))
        .examples(["GB"])
        .build()
}

#[must_use]
pub fn delimiter() -> Object {
    word_of("What separates the cells of a CSV file; by default, the header line decides", &names!(Delimiter))
}

#[must_use]
pub fn clear_token() -> Object {
    let about = "A cell with this text clears the value of the contact. (An empty cell keeps it.)";
    TextDoc::new(about, ClearToken::MAX_CHARS, "NULL").accepted()
}

#[must_use]
pub fn group() -> Object {
    with_description(
        GroupName::doc().accepted(),
        "The name of a group that every contact of the file joins; created if there is none.",
    )
}

#[must_use]
pub fn digest() -> Object {
    text()
        .description(Some(
            "The digest of the plan, as the import shows it: what is committed is what was seen.",
        ))
        .pattern(Some(format!("^[0-9a-fA-F]{{{}}}$", PlanDigest::CHARS)))
        .examples([EXAMPLE_DIGEST])
        .build()
}

pub const EXAMPLE_DIGEST: &str = "e6bfdb1858a17d87692ffc715c5022ce2e3e2bbe1094f139e56ee35f50f8d9e4";

#[must_use]
pub fn count(about: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .description(Some(about))
        .minimum(Some(0))
        .examples([0])
        .build()
}
