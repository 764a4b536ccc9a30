//! What a process asks of a budget in the database, and what it gets.

use std::num::NonZeroU32;

use async_trait::async_trait;

use crate::domain::account::AccountId;
use crate::domain::api_key::KeyId;
use crate::domain::error::Result;

/// Whose requests a budget is for, and how fast it refills: another rate is another budget.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BudgetId {
    pub account: AccountId,
    /// `None`: of all keys of the account.
    pub key: Option<KeyId>,
    /// Units per second.
    pub rate: NonZeroU32,
}

/// What a process asks of a budget.
#[derive(Clone, Debug)]
pub struct LeaseRequest {
    pub budget: BudgetId,
    /// How many units a budget has that nobody spends.
    pub quota: NonZeroU32,
    /// Units that were spent without a lease; negative: that are returned.
    pub settled: i64,
    /// With fewer units than this, nothing is granted.
    pub least: u32,
    pub wanted: u32,
}

/// What a process gets of a budget.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub granted: u32,
    /// What the budget has beyond that; negative if more was spent than it had.
    pub left: f64,
}

#[async_trait]
pub trait BudgetRepository: Send + Sync {
    /// Settles and leases, each budget once. Returns the leases in the order of the requests.
    async fn lease(&self, requests: Vec<LeaseRequest>) -> Result<Vec<Lease>>;
}
