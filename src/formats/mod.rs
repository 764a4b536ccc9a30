//! File formats of contacts: CSV, vCard, NDJSON and JSContact, read and written as streams.
//!
//! A file is read into [`read::Record`]s of named cells, whatever it is and whoever made it: which column is which field
//! is decided elsewhere; of the columns that [`mod@write`] makes, [`fields`] knows it. What is written here comes back the
//! same when it is read here.

pub mod fields;
mod format;
mod formula;
pub mod read;
pub mod write;

pub use format::{Profile, of_media_type};
