//! Full-text search: what a contact says, what a term asks for, and how well the one matches the other.
//!
//! Both are folded the same way, here and in no database, so that a search finds the same on each of them.

mod document;
mod fold;
pub(crate) mod matching;
mod page;
pub(crate) mod term;
pub(crate) mod words;

pub use document::Document;
pub use matching::MatchType;
pub use page::{ContactSearch, Found, SearchCursor, SearchPage};
pub use term::SearchTerm;
