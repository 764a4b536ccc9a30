//! What is PostgreSQL's alone: its connections.

pub(super) mod failover;
mod pool;
mod probe;

pub(super) use pool::{PooledConnection, PostgresPool, Timeouts};
pub(super) use probe::{NotReady, Probe};
