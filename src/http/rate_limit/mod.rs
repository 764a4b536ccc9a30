//! Rate limits: how many requests of a key, and of all keys of an account, are accepted (GCRA).
//!
//! A request costs a unit, and one more for every [`ITEMS_PER_UNIT`] items of its body. A policy refills as many units in a
//! second as its rate says, up to its quota, which is what may be spent at once. An account whose limits change begins with
//! a full quota. The fields of responses are those of
//! draft-ietf-httpapi-ratelimit-headers: a refusal has them, and so has each response once half of a quota is spent.
//!
//! Processes that use the same database share a budget of each policy ([`crate::domain::rate_budget`]).

mod fields;
mod limiter;
mod policy;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub use fields::{RATE_LIMIT, RATE_LIMIT_POLICY, RateLimitFields};
pub use policy::Policy;

use self::fields::Left;
use self::limiter::Limiters;
use super::error::api_error::ApiError;
use crate::domain::AccountId;
use crate::domain::account::limits::AccountLimits;
use crate::domain::api_key::{KeyId, Principal};
use crate::domain::rate_budget::{BudgetId, SharedBudgets};

/// How many items of a body cost as much as a request.
pub const ITEMS_PER_UNIT: usize = 10;

/// The extension of the document that lists the policies.
pub const EXTENSION: &str = "x-rate-limits";

/// How many units are spent until those who have all of theirs are forgotten.
const SPENT_PER_CLEANUP: u32 = 1 << 16;

pub struct RateLimits {
    by_key: Limiters<KeyId>,
    by_account: Limiters<AccountId>,
    spent: AtomicU32,
}

impl RateLimits {
    /// `limits` are those of most accounts; `shared` the budgets that other processes spend, too, if there may be others.
    #[must_use]
    pub fn new(limits: &AccountLimits, shared: Option<Arc<SharedBudgets>>) -> Self {
        Self {
            by_key: Limiters::new(Policy::of_key(limits), shared.clone()),
            by_account: Limiters::new(Policy::of_account(limits), shared),
            spent: AtomicU32::new(0),
        }
    }

    /// Spends the unit that each request costs.
    ///
    /// # Errors
    /// 429 if the key or its account has none left.
    pub async fn spend_request(&self, principal: &Principal) -> Result<RateLimitFields, ApiError> {
        self.spend(principal, NonZeroU32::MIN).await
    }

    /// Spends what the items of a request cost beyond that. What would cost more than a quota costs all of it.
    ///
    /// # Errors
    /// 429 if the key or its account has not enough left.
    pub async fn spend_items(
        &self,
        principal: &Principal,
        items: usize,
    ) -> Result<RateLimitFields, ApiError> {
        let units = u32::try_from(items / ITEMS_PER_UNIT).unwrap_or(u32::MAX);
        match NonZeroU32::new(units) {
            Some(units) => self.spend(principal, units).await,
            None => Ok(RateLimitFields::default()),
        }
    }

    async fn spend(&self, principal: &Principal, units: NonZeroU32) -> Result<RateLimitFields, ApiError> {
        self.forget_the_rested(units);
        let mut fields = RateLimitFields::default();
        let (account, key) = (principal.account(), principal.key());
        // What is refused to a key costs its account nothing: its other keys go on.
        if let Some(policy) = Policy::of_key(principal.limits()) {
            let budget = || BudgetId { account, key: Some(key.clone()), rate: policy.rate };
            fields.add(self.by_key.spend(policy, key, units, budget).await?);
        }
        if let Some(policy) = Policy::of_account(principal.limits()) {
            let budget = || BudgetId { account, key: None, rate: policy.rate };
            fields.add(self.by_account.spend(policy, &account, units, budget).await?);
        }
        Ok(fields)
    }

    fn forget_the_rested(&self, units: NonZeroU32) {
        let before = self.spent.fetch_add(units.get(), Ordering::Relaxed);
        if before / SPENT_PER_CLEANUP != before.wrapping_add(units.get()) / SPENT_PER_CLEANUP {
            self.by_key.forget_the_rested();
            self.by_account.forget_the_rested();
        }
    }
}

/// For the description of an operation whose body has items.
#[must_use]
pub fn cost_of_items() -> String {
    format!("\n\nThe rate limits count it as one request, and one more for every {ITEMS_PER_UNIT} items.")
}

/// A refusal, for the document.
#[must_use]
pub fn example() -> ApiError {
    let [quota, window, rate] = [50_000, 5, 10_000].map(|number| NonZeroU32::MIN.saturating_add(number - 1));
    let policy = Policy { name: "key", quota, window, rate, subject: "API key" };
    RateLimitFields::refusal(Left { policy, units: 0 }, 1)
}
