//! Writing: contacts into a file, a batch at a time.
//!
//! Invariant: what is written comes back the same when it is read, except that vCard and JSContact have no `null`, and
//! vCard no fractions of a second.

mod csv;
mod exported;
mod jscontact;
mod ndjson;
mod vcard;
mod writer;

pub use csv::{MetaColumns, write_record};
pub use exported::ExportedContact;
pub use writer::Writer;
