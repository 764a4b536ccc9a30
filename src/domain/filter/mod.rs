//! The filter language: which contacts are wanted, as a text.
//!
//! A text is parsed at the edge, with the names of its dialect ([`Filter::parse`]), and resolved when it is used
//! ([`Filter::resolve`]): against the fields that the account has declared, and the time. What comes out is a
//! [`Predicate`] over ranges of stored values.
//!
//! **Two-valued logic: a comparison with a value that is missing, or does not fit its field's type, is false, `!=`
//! included, and `NOT` of it is true.**

mod anniversary;
mod display;
mod expression;
mod grammar;
mod limits;
mod model;
mod names;
mod order;
mod position;
mod predicate;
mod ranges;
mod syntax_error;
mod tokens;

#[cfg(test)]
mod tests;

pub use anniversary::{FIRST_YEAR, LAST_YEAR};
pub use expression::{Operator, Property};
pub use limits::{MAX_ANNIVERSARIES, MAX_CHARS, MAX_CONDITIONS, MAX_DAYS, MAX_DEPTH, MAX_VALUES};
pub use model::Filter;
pub use names::PropertyNames;
pub use order::{ContactOrder, OrderKey, OrderPlace};
pub use predicate::{Match, Predicate, TextColumn, TimeColumn, declared};
pub use ranges::KeyRange;
