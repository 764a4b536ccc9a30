//! PostgreSQL alone: its servers, the connection pool, failover, and the readiness probe.

mod deadline;
pub(super) mod failover;
mod pool;
pub(super) mod pooler;
mod probe;
mod servers;
mod url;

pub(super) use pool::{PooledConnection, PostgresPool, Timeouts};
pub(super) use probe::{NotReady, Probe};
pub(super) use servers::Servers;
pub(super) use url::ServerUrls;
