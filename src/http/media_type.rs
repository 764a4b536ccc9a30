//! Media types of responses.

pub const JSON: &str = "application/json";
/// Server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";
/// One JSON value per line.
pub const NDJSON: &str = "application/x-ndjson";
