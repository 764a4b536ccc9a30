//! The audiences of one account: repository, recipient lookup, recipient pages and snapshots.

pub(super) mod lookup;
pub(super) mod recipients;
pub(super) mod repository;
pub(super) mod snapshots;
