//! The members of a change.

use utoipa::openapi::schema::Object;

use super::value::{text, word_of};
use crate::domain::change::ChangeType;
use crate::http::openapi::examples;

/// A position in the change log.
#[must_use]
pub fn position(about: &str) -> Object {
    // The first byte is the version of the form; of the last character, two bits are unused.
    let pattern = "^A[g-v][A-Za-z0-9_-]{20}[AEIMQUYcgkosw048]$";
    text()
        .description(Some(about))
        .pattern(Some(pattern))
        .examples([examples::change_position().to_string()])
        .build()
}

#[must_use]
pub fn change_type() -> Object {
    let names = ChangeType::ALL.map(|change_type| (change_type.as_str(), change_type.about()));
    word_of("What happened", &names)
}

/// The name of a member.
#[must_use]
pub fn changed() -> Object {
    text().examples(["meta.CITY"]).build()
}

/// Several types.
#[must_use]
pub fn types() -> Object {
    let names = ChangeType::ALL.map(|change_type| regex::escape(change_type.as_str())).join("|");
    text()
        .description(Some("Only changes of these types, separated by commas."))
        .pattern(Some(format!("^({names})(,({names}))*$")))
        .examples(["contact.created,contact.updated,contact.deleted"])
        .build()
}

/// A time in seconds; `max` is 60.
#[must_use]
pub fn wait(max: u64) -> Object {
    let about = format!(
        "How long the request waits if there is no change yet, in seconds, from `0s` to `{max}s`. It is answered as soon \
         as there is one."
    );
    text()
        .description(Some(about))
        .pattern(Some("^([0-9]|[1-5][0-9]|60)s$"))
        .default(Some("0s".into()))
        .examples(["20s"])
        .build()
}
