//! The one write path: the writer (lock, transaction, cache, in this order), group commit, batched deletes,
//! and idempotency within the transaction.

pub(super) mod batched_deletes;
pub(super) mod group_commit;
pub(super) mod idempotency;
pub(super) mod writer;
