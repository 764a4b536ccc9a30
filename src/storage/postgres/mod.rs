//! What is PostgreSQL's alone: its connections.

mod pool;
mod probe;

pub(super) use pool::{PooledConnection, PostgresPool, Timeouts};
pub(super) use probe::{NotReady, Probe};
