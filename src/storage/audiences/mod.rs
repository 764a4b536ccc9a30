//! The audiences of one account: repository, recipient lookup, recipient pages, recipients by filter and snapshots.

pub(super) mod erase;
pub(super) mod lookup;
pub(super) mod matching;
pub(super) mod recipients;
pub(super) mod repository;
pub(super) mod snapshots;
