//! PostgreSQL alone: its connection pool, failover, and the readiness probe.

pub(super) mod failover;
mod pool;
mod probe;

pub(super) use pool::{PooledConnection, PostgresPool, Timeouts};
pub(super) use probe::{NotReady, Probe};
