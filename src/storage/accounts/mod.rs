//! Accounts and their API keys.

pub(super) mod keys;
pub(super) mod repository;
