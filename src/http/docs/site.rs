//! Every page and file of the documentation.

use serde_json::Value;

use super::guides::GUIDES;
use super::operation::Operation;
use super::{html, index, page, search_index};

/// The root of the pages.
pub const PATH: &str = "/docs/";
/// The index for language models (llms.txt convention).
pub const LLMS: &str = "/llms.txt";
/// All pages in one response.
pub const LLMS_FULL: &str = "/llms-full.txt";

#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) content_type: &'static str,
    pub(super) text: String,
}

/// The documentation of an OpenAPI document.
pub(super) fn files(document: &Value) -> Vec<File> {
    const HTML: &str = "text/html; charset=utf-8";
    const MARKDOWN: &str = "text/markdown; charset=utf-8";
    const TEXT: &str = "text/plain; charset=utf-8";
    const CSS: &str = "text/css; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";

    let operations = Operation::all(document);
    let file = |path: String, content_type, text| File { path, content_type, text };
    let mut files = vec![
        file(PATH.to_owned(), HTML, html::index(document, &operations)),
        file(format!("{PATH}style.css"), CSS, include_str!("style.css").to_owned()),
        file(format!("{PATH}script.js"), SCRIPT, include_str!("script.js").to_owned()),
        file(format!("{PATH}search.js"), SCRIPT, include_str!("search.js").to_owned()),
        file(format!("{PATH}search-index.js"), SCRIPT, search_index::module(&operations)),
        file(LLMS.to_owned(), TEXT, index::llms(document, &operations)),
        file(LLMS_FULL.to_owned(), TEXT, index::llms_full(document, &operations)),
    ];
    for guide in &GUIDES {
        let path = format!("{PATH}{}", guide.name);
        files.push(file(format!("{path}.md"), MARKDOWN, page::guide(guide)));
        files.push(file(path, HTML, html::guide(document, &operations, guide)));
    }
    for operation in &operations {
        let path = format!("{PATH}{}", operation.id);
        files.push(file(format!("{path}.md"), MARKDOWN, page::markdown(operation)));
        files.push(file(path, HTML, html::page(document, &operations, operation)));
    }
    files
}

/// The 404 page for browsers.
pub(super) fn not_found(document: &Value) -> String {
    html::not_found(document, &Operation::all(document))
}
