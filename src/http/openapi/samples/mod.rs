//! Samples: each operation as a program that runs as it stands, in several languages.
//!
//! They read where the service is and the key from the environment, and send the operation's own
//! example. A sample fails where the answer is an error.

mod curl;
mod go;
mod javascript;
mod literal;
mod python;
mod request;
mod rust;

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;

use request::Request;

/// What the samples stand under in an operation; explorers and documentation know the name.
pub const EXTENSION: &str = "x-codeSamples";

/// The environment variable with the address of the service, as the README has it.
pub const URL: &str = "BASE_URL";
/// The environment variable with the API key, as the README has it.
pub const KEY: &str = "KEY";

/// The environment variable with the id of the thing of a collection that a sample is about: `GROUP_ID`
/// for `/v1/groups/{id}`.
pub fn id_variable(collection: &str) -> String {
    format!("{}_ID", singular(collection).to_uppercase())
}

/// One of a collection: `contact` for `contacts`.
pub fn singular(collection: &str) -> &str {
    collection.strip_suffix('s').unwrap_or(collection)
}

/// The parameters of a path template, each with the collection before it.
pub fn collections(template: &str) -> impl Iterator<Item = (&str, &str)> {
    let segments = template.split('/');
    segments
        .clone()
        .zip(segments.skip(1))
        .filter_map(|(collection, segment)| Some((segment.strip_prefix('{')?.strip_suffix('}')?, collection)))
}

/// A language: its name, how the sample is called, and who writes it.
type Language = (&'static str, &'static str, fn(&Request) -> String);

const LANGUAGES: [Language; 5] = [
    ("Shell", "curl", curl::write),
    ("JavaScript", "JavaScript", javascript::write),
    ("Python", "Python", python::write),
    ("Go", "Go", go::write),
    ("Rust", "Rust", rust::write),
];

/// Adds the samples of an operation.
pub(super) fn document(template: &str, method: &'static str, operation: &mut Operation) {
    let request = Request::of(template, method, operation);
    let samples = LANGUAGES
        .iter()
        .map(|(lang, label, write)| json!({"lang": lang, "label": label, "source": write(&request)}))
        .collect::<Vec<_>>();
    operation.extensions.get_or_insert_default().merge(Extensions::from_iter([(EXTENSION, samples)]));
}
