//! Documentation for people and for language models, made from the OpenAPI document by pure functions:
//! a page an operation, an index, and everything in one file. Rendered once, when the server starts.

mod endpoints;
mod html;
mod index;
mod operation;
mod page;
mod schema;

use serde_json::Value;

pub use endpoints::Docs;
use operation::Operation;

/// Where the documentation is.
pub const PATH: &str = "/docs/";
/// The index for language models, after the llms.txt convention.
pub const LLMS: &str = "/llms.txt";
/// Everything in one fetch.
pub const LLMS_FULL: &str = "/llms-full.txt";

/// The last release and its date. The tests that a release passes run every sample.
const LAST_RELEASE: &str = include_str!("../../../openapi/released/LAST");

/// The day of the last release.
fn last_verified() -> &'static str {
    LAST_RELEASE.split_whitespace().nth(1).unwrap_or_default()
}

/// The page for browsers that ask for one that is not there.
fn missing(document: &Value) -> String {
    html::missing(document, &Operation::all(document))
}

/// A file of the documentation.
#[derive(Debug)]
struct File {
    path: String,
    kind: &'static str,
    text: String,
}

/// Every file of the documentation of a document.
fn files(document: &Value) -> Vec<File> {
    const HTML: &str = "text/html; charset=utf-8";
    const MARKDOWN: &str = "text/markdown; charset=utf-8";
    const TEXT: &str = "text/plain; charset=utf-8";
    const CSS: &str = "text/css; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";

    let operations = Operation::all(document);
    let file = |path: String, kind, text| File { path, kind, text };
    let mut files = vec![
        file(PATH.to_owned(), HTML, html::index(document, &operations)),
        file(format!("{PATH}style.css"), CSS, include_str!("style.css").to_owned()),
        file(format!("{PATH}script.js"), SCRIPT, include_str!("script.js").to_owned()),
        file(LLMS.to_owned(), TEXT, index::llms(document, &operations)),
        file(LLMS_FULL.to_owned(), TEXT, index::llms_full(document, &operations)),
    ];
    for operation in &operations {
        let path = format!("{PATH}{}", operation.id);
        files.push(file(format!("{path}.md"), MARKDOWN, page::markdown(operation)));
        files.push(file(path, HTML, html::page(document, &operations, operation)));
    }
    files
}
