//! The database handle and its parts: read batching, background tasks, and the owner of unfinished snapshots.
//! Above the write path and the cache, below the repositories.

pub(super) mod handle;
pub(super) mod read_batching;
