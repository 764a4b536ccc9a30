//! The data budget of rendering for one recipient.
//!
//! The engine's fuel counts instructions: one that reads 16 KiB costs as much as one that reads ten bytes. The meter
//! counts bytes instead, whenever the engine fetches a value of the recipient and whenever a filter scans a text.
//! Operations in between are bounded by the fetches (`check` allows slicing of fetched values only) or, in loops, by
//! [`MAX_LOOP_BYTES`].

use std::cell::Cell;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// Bytes per recipient, against at most 8 KiB of message.
const BUDGET: usize = 256 * 1024;

/// Cost of a filter per byte: it inspects each character, whereas a fetch only takes a reference.
const FILTER_WEIGHT: usize = 4;

/// Maximum size of the data that a template with loops can read: the engine does not fetch the items of a loop, so
/// that the meter does not see them.
pub(super) const MAX_LOOP_BYTES: usize = 4 * 1024;

thread_local! {
    /// Sound because rendering is synchronous: it never changes threads.
    static REMAINING: Cell<usize> = const { Cell::new(BUDGET) };
}

/// To be called before each recipient.
pub(super) fn refill() {
    REMAINING.set(BUDGET);
}

/// Charges for a fetched value.
pub(super) fn fetch(value: &Value) -> Result<(), Error> {
    charge(weight(value))
}

/// Charges for a filter that compares each character of a text with each of `others` characters.
pub(super) fn filter(text: &str, others: usize) -> Result<(), Error> {
    charge(text.len().saturating_mul(FILTER_WEIGHT).saturating_mul(others.max(1)))
}

fn charge(bytes: usize) -> Result<(), Error> {
    match REMAINING.get().checked_sub(bytes) {
        Some(remaining) => {
            REMAINING.set(remaining);
            Ok(())
        }
        None => {
            REMAINING.set(0);
            Err(ErrorKind::OutOfFuel.into())
        }
    }
}

/// The size of a value in bytes, nested values included.
pub(super) fn weight(value: &Value) -> usize {
    /// Size of a scalar, and overhead of a member of a list or an object.
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
