//! Foundation of the repositories, for both databases: connections, transactions, migration, counters, lookup
//! of contacts by key, suppressed numbers, and SQL helpers.

pub(super) mod account_limits;
pub(super) mod connect;
pub(super) mod connection;
pub(super) mod contact_lookup;
pub(super) mod contact_rows;
pub(super) mod counters;
pub(super) mod json_sql;
pub(super) mod keyset;
pub(super) mod migrate;
pub(super) mod save;
pub(super) mod session;
pub(super) mod suppressions;
pub(super) mod transaction;
