//! Media types of responses.

pub const JSON: &str = "application/json";
/// One JSON value per line.
pub const NDJSON: &str = "application/x-ndjson";
