//! The environment variables that samples read.

use crate::domain::api_key::KeyKind;

/// The URL of the service; the README uses the same name.
pub const URL: &str = "BASE_URL";
/// The API key; the README uses the same name.
pub const KEY: &str = "KEY";

/// The URL of the administration API; the guides use the same name.
pub const ADMIN_URL: &str = "ADMIN_URL";
/// The operator key; the guides use the same name.
pub const OPERATOR_KEY: &str = "OPERATOR_KEY";

/// The URL and the key of the API that keys of a kind are for.
pub(super) fn of_api(kind: KeyKind) -> (&'static str, &'static str) {
    match kind {
        KeyKind::Account => (URL, KEY),
        KeyKind::Operator => (ADMIN_URL, OPERATOR_KEY),
    }
}

/// The id of a resource: `GROUP_ID` for `/v1/groups/{id}`.
pub fn id_variable(collection: &str) -> String {
    format!("{}_ID", singular(collection).to_uppercase())
}

/// `contact` for `contacts`.
pub fn singular(collection: &str) -> &str {
    collection.strip_suffix('s').unwrap_or(collection)
}

/// The parameters of a path template, each with the path segment before it.
pub fn collections(template: &str) -> impl Iterator<Item = (&str, &str)> {
    let segments = template.split('/');
    segments
        .clone()
        .zip(segments.skip(1))
        .filter_map(|(collection, segment)| Some((segment.strip_prefix('{')?.strip_suffix('}')?, collection)))
}
