//! The limits of a filter.

/// In characters.
pub const MAX_CHARS: usize = 4_096;
pub const MAX_CONDITIONS: usize = 50;
/// In the list of an `IN`.
pub const MAX_VALUES: usize = 100;
/// Of parentheses and negations: the parser and its readers recurse.
pub const MAX_DEPTH: usize = 32;
/// In `next(…)`.
pub const MAX_DAYS: u32 = 31;
/// In a list of days: each is a range of the index in each year.
pub const MAX_ANNIVERSARIES: usize = 31;
