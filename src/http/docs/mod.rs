//! Documentation for people and for language models: guides, and what pure functions generate from the OpenAPI document, a
//! page per operation, an index, everything in one file, and what a search in the browser needs. Rendered once at startup.

mod endpoints;
mod guides;
mod html;
mod index;
mod operation;
mod page;
mod schema;
mod search_index;
mod site;

pub use endpoints::Docs;
pub use site::{LLMS, LLMS_FULL, PATH};
