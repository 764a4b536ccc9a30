//! The audiences of one account: repository, recipient lookup, and snapshots (audiences that are kept).

pub(super) mod lookup;
pub(super) mod recipients;
pub(super) mod repository;
pub(super) mod snapshots;
