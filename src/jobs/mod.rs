//! Work that outlives requests: the workers that carry out imports.

mod imports;
mod metrics;
mod workers;

pub use metrics::JobMetrics;
pub use workers::Workers;
