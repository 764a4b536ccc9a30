//! How much data filling in may go through for one recipient.
//!
//! The engine's fuel counts steps, and a step that reads 16 KiB costs as much of it as one that reads ten bytes.
//! Here bytes are counted: whenever the engine fetches a value of the recipient's, and whenever a filter goes
//! through a text. What it does with a value in between is bounded by the fetches (see `check`, which lets only
//! fetched values be sliced) or, in loops, by [`MAX_LOOP_BYTES`].

use std::cell::Cell;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// Bytes that may be fetched for one recipient. A message has 8 KiB at most.
const BUDGET: usize = 256 * 1024;

/// A filter looks at each character; to fetch a value takes a reference to it.
const FILTER_WEIGHT: usize = 4;

/// Most data of a recipient that a template with loops can read: what a loop takes from a list is not fetched.
pub(super) const MAX_LOOP_BYTES: usize = 4 * 1024;

thread_local! {
    /// Filling in does not leave its thread.
    static LEFT: Cell<usize> = const { Cell::new(BUDGET) };
}

/// Begins with another recipient.
pub(super) fn refill() {
    LEFT.set(BUDGET);
}

/// Counts a value that is fetched.
pub(super) fn fetch(value: &Value) -> Result<(), Error> {
    take(weight(value))
}

/// Counts a filter that compares each character of a text with each of some others.
pub(super) fn filter(text: &str, others: usize) -> Result<(), Error> {
    take(text.len().saturating_mul(FILTER_WEIGHT).saturating_mul(others.max(1)))
}

fn take(bytes: usize) -> Result<(), Error> {
    match LEFT.get().checked_sub(bytes) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => {
            LEFT.set(0);
            Err(ErrorKind::OutOfFuel.into())
        }
    }
}

/// The bytes of a value with all that is in it.
pub(super) fn weight(value: &Value) -> usize {
    /// Of a number, and of what a list or an object needs for a member.
    const MEMBER: usize = 8;
    if let Some(text) = value.as_str() {
        return text.len();
    }
    let members = || value.try_iter().into_iter().flatten();
    match value.kind() {
        ValueKind::Seq => members().map(|item| MEMBER + weight(&item)).sum(),
        ValueKind::Map => members()
            .map(|key| MEMBER + weight(&key) + value.get_item(&key).map_or(0, |item| weight(&item)))
            .sum(),
        _ => MEMBER,
    }
}
