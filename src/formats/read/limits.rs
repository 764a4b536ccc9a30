//! What bounds the memory that a file takes.

/// Longer records are rejected. (Photos inside vCards do not count.)
pub const MAX_RECORD_BYTES: usize = 256 * 1024;
pub const MAX_COLUMNS: usize = 1_000;
