//! Budgets of requests that several processes share.
//!
//! What is left of a budget is in the database; a process leases slices of it ahead of the requests that spend them, so that no
//! request costs a statement.

mod lease;
mod share;
mod shared;

pub use lease::{BudgetId, BudgetRepository, Lease, LeaseRequest};
pub use shared::{LeaseBatch, SharedBudgets, Spending};
