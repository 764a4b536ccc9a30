//! Reading: from any stream into records of named cells, with bounded memory.
//!
//! Nothing is lost in silence: what cannot be read is a [`Record`] that is [`Rejected`], and what was read in a way that
//! its author may not have meant is a [`Note`]. Only a file of which nothing can be read is a [`FileError`].

mod csv;
mod error;
mod jscontact;
mod limits;
mod ndjson;
mod reader;
mod record;
mod source;
mod values;
mod vcard;

pub use crate::domain::file_format::FormulaGuard;
pub use error::{FileError, Note, Rejected};
pub use limits::{MAX_COLUMNS, MAX_RECORD_BYTES};
pub use reader::{Detected, ReadOptions, Reader};
pub use record::{Cell, CellValue, Record};
pub use source::Encoding;
