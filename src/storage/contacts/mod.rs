//! The contacts of one account: repository, queries, commands, and the batching of reads by id or handle.

pub(super) mod commands;
pub(super) mod queries;
pub(super) mod read_batching;
pub(super) mod repository;
