//! The search index: it follows the change log, and a search is never older than what was acknowledged before it.
//!
//! **Segments** ([`segment`]) are immutable: postings of [`tokens`] in two plain tables, the same bytes on both databases.
//! A **follower** ([`follower`]) reads the change log of each account, indexes what it says in a new segment, and merges
//! small ones. What the segments do not have yet is the **tail** ([`index`]): the contacts of the log's entries behind
//! `search_heads.position`, read when a search asks for them, and matched one by one. The log has no gaps, so that a search
//! that has read the log's last number has read all that was acknowledged.
//!
//! **Whatever the index says is a hint**: each candidate is verified against the contact's present row (`storage::contacts::search`).
//! So a segment may have texts that a contact no longer has, and contacts that were deleted; it need not be changed.
//!
//! Invariant: *each contact's present text is in a live segment or in the tail.*

mod blocks;
mod candidates;
mod erasures;
mod follower;
mod index;
mod postings;
mod segment;
mod tables;
mod tokens;

#[cfg(test)]
mod tests;

pub(super) use candidates::Candidates;
pub(super) use follower::start as start_follower;
pub(super) use index::{SearchIndex, View};
pub(super) use tables::purge_segments;
pub(super) use tokens::Requirement;
