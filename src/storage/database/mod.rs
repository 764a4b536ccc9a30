//! The handle that repositories work with, and what it is made of: batched reads and background tasks. Above the write path and the
//! cache, below the repositories.

pub(super) mod background_task;
pub(super) mod handle;
pub(super) mod read_batching;
pub(super) mod snapshot_owner;
