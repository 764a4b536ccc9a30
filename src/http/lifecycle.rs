//! Where the service is between its start and its end. A load balancer reads it from `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// In this order; none comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Serving,
    Stopping,
}

/// Shared by all servers of the process.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<AtomicU8>);

impl Lifecycle {
    /// Of a service whose database is not open yet.
    #[must_use]
    pub fn starting() -> Self {
        Self(Arc::new(AtomicU8::new(Phase::Starting as u8)))
    }

    pub fn begin_serving(&self) {
        self.advance_to(Phase::Serving);
    }

    /// Requests are still accepted, but none should be routed here any more.
    pub fn begin_stopping(&self) {
        self.advance_to(Phase::Stopping);
    }

    fn advance_to(&self, phase: Phase) {
        self.0.fetch_max(phase as u8, Ordering::Relaxed);
    }

    /// Why no request should be routed here, whatever the state of the database.
    #[must_use]
    pub fn reason_not_to_serve(&self) -> Option<&'static str> {
        const STARTING: u8 = Phase::Starting as u8;
        const SERVING: u8 = Phase::Serving as u8;
        match self.0.load(Ordering::Relaxed) {
            STARTING => Some("the service is starting: the database is being opened or migrated"),
            SERVING => None,
            _ => Some("the service is shutting down"),
        }
    }
}
