//! Work that outlives requests: the workers that carry out imports, and what stores the last uses of keys.

mod imports;
mod key_uses;
mod metrics;
mod workers;

pub use key_uses::{USES_STORED_EVERY, UseRecorder};
pub use metrics::JobMetrics;
pub use workers::Workers;
