//! Contacts by filter: its translation into SQL, and a small planner.
//!
//! The planner chooses a **source**: one condition whose matches an index has, the one with the fewest, or all contacts of
//! the account. Its ids are read in the order of the list; each of them is **probed** for the remaining conditions, by one
//! look-up each. SQLite and PostgreSQL are told in which order to do that, rather than asked: both misjudge how many of a
//! million contacts a condition leaves.
//!
//! **What a request reads is bounded.** A source with many matches is read in the order of ids, not more than
//! `page::MAX_PROBED` of them at a time; then a page can have fewer contacts than asked for, and say where it ended.

pub(super) mod matcher;
mod order_index;
pub(super) mod ordered;
pub(super) mod page;
mod probe;
mod source;

pub(super) use matcher::Matcher;
