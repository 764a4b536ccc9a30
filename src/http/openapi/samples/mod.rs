//! Code samples: each operation as a complete program, in several languages.
//!
//! A sample reads the URL of the service and the key from environment variables, sends the operation's first example,
//! and fails if the response is an error.

mod curl;
mod go;
mod javascript;
mod literal;
mod python;
mod request;
mod rust;
pub mod variables;

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;

use request::SampleRequest;

use crate::domain::api_key::KeyKind;

/// The operation extension with the samples, by the name that documentation tools know.
pub const EXTENSION: &str = "x-codeSamples";

/// Language, label, renderer.
type Language = (&'static str, &'static str, fn(&SampleRequest) -> String);

const LANGUAGES: [Language; 5] = [
    ("Shell", "curl", curl::render),
    ("JavaScript", "JavaScript", javascript::render),
    ("Python", "Python", python::render),
    ("Go", "Go", go::render),
    ("Rust", "Rust", rust::render),
];

pub(super) fn document(template: &str, method: &'static str, operation: &mut Operation, kind: KeyKind) {
    let request = SampleRequest::of(template, method, operation, kind);
    let samples = LANGUAGES
        .iter()
        .map(|(lang, label, render)| json!({"lang": lang, "label": label, "source": render(&request)}))
        .collect::<Vec<_>>();
    operation.extensions.get_or_insert_default().merge(Extensions::from_iter([(EXTENSION, samples)]));
}
