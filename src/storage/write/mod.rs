//! The one write path.
//!
//! A write is a job in a transaction, which returns its result and a [change set](crate::storage::change_set). The
//! [`writer`] derives from the change set what is stored with it: the records of idempotent requests ([`idempotency`]), the
//! index of declared fields ([`field_values`]), the [`counters`], and, last, the [`change_log`]. Then it commits, publishes the same change set to the cache, and
//! only then the write is acknowledged.
//!
//! Most writes are [commands](command), of which those that wait at the same time share one transaction
//! ([`group_commit`]). Jobs with transactions of their own are rarer: batches of contacts, groups, templates, audiences,
//! API keys, updates that rename a contact, and deletions in bulk ([`batched_deletes`]), whose changes earlier entries of
//! the log imply.

pub(super) mod batched_deletes;
pub(super) mod change_log;
pub(super) mod change_signal;
pub(super) mod command;
pub(super) mod contact_quota;
pub(super) mod counters;
pub(super) mod field_values;
pub(super) mod group_commit;
pub(super) mod idempotency;
pub(super) mod search_backlog;
pub(super) mod suppressions;
pub(super) mod writer;
