//! The contacts of one account: repository, queries and commands.

pub(super) mod batch;
pub(super) mod commands;
mod export;
pub(super) mod queries;
pub(super) mod repository;
mod search;
