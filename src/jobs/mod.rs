//! Work that outlives requests: the workers that carry out imports, what stores the last uses of keys, and what leases the
//! budgets of requests.

mod imports;
mod key_uses;
mod metrics;
mod rate_budgets;
mod workers;

pub use key_uses::{USES_STORED_EVERY, UseRecorder};
pub use metrics::JobMetrics;
pub use rate_budgets::BudgetLeaser;
pub use workers::Workers;
