//! The environment variables that samples read.

/// The URL of the service; the README uses the same name.
pub const URL: &str = "BASE_URL";
/// The API key; the README uses the same name.
pub const KEY: &str = "KEY";

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
