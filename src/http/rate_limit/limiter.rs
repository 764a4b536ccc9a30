//! Counts the units of keys, or of accounts: in this process, and, where there are several, in the budgets that they share.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::fields::{Left, RateLimitFields};
use super::policy::Policy;
use crate::domain::rate_budget::{BudgetId, SharedBudgets, Spending};
use crate::http::error::api_error::ApiError;

/// A limiter for each policy that applies to some account.
pub(super) struct Limiters<K: Clone + Eq + Hash> {
    /// That of most accounts, which is found without a lock.
    usual: Option<Limiter<K>>,
    others: RwLock<HashMap<Policy, Arc<Limiter<K>>>>,
    /// `None`: no other process accepts requests.
    shared: Option<Arc<SharedBudgets>>,
}

impl<K: Clone + Eq + Hash> Limiters<K> {
    pub(super) fn new(usual: Option<Policy>, shared: Option<Arc<SharedBudgets>>) -> Self {
        Self { usual: usual.map(Limiter::new), others: RwLock::default(), shared }
    }

    /// Returns what is left. `budget`: the one of the key, if it is shared.
    ///
    /// # Errors
    /// 429 if that is not enough.
    pub(super) async fn spend(
        &self,
        policy: Policy,
        key: &K,
        units: NonZeroU32,
        budget: impl FnOnce() -> BudgetId,
    ) -> Result<Left, ApiError> {
        let other;
        let limiter = match &self.usual {
            Some(usual) if usual.policy == policy => usual,
            _ => {
                other = self.other(policy);
                &other
            }
        };
        match &self.shared {
            None => limiter.spend(key, units),
            Some(shared) => limiter.spend_shared(shared, budget(), key, units).await,
        }
    }

    fn other(&self, policy: Policy) -> Arc<Limiter<K>> {
        let known = self.others.read().unwrap_or_else(PoisonError::into_inner).get(&policy).cloned();
        known.unwrap_or_else(|| {
            let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(others.entry(policy).or_insert_with(|| Arc::new(Limiter::new(policy))))
        })
    }

    pub(super) fn forget_the_rested(&self) {
        self.usual.iter().for_each(Limiter::forget_the_rested);
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        others.retain(|_, limiter| {
            limiter.forget_the_rested();
            // A limiter that a request is about to use stays.
            !limiter.units.is_empty() || Arc::strong_count(limiter) > 1
        });
    }
}

struct Limiter<K: Clone + Eq + Hash> {
    policy: Policy,
    /// What this process accepts, even if it is the only one that has requests.
    units: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
    /// What it accepts without sharing the budget; `None` if that is nothing.
    allowance: Option<DefaultKeyedRateLimiter<K>>,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    fn new(policy: Policy) -> Self {
        let quota = Quota::per_second(policy.rate).allow_burst(policy.quota);
        let units = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Self { policy, units, allowance: allowance(policy).map(RateLimiter::keyed) }
    }

    fn forget_the_rested(&self) {
        self.units.retain_recent();
        self.allowance.iter().for_each(RateLimiter::retain_recent);
    }

    /// What a request costs: not more than the quota, of which the request itself has cost a unit before its items are counted.
    fn cost(&self, units: NonZeroU32) -> NonZeroU32 {
        let most = NonZeroU32::new(self.policy.quota.get() - 1).unwrap_or(NonZeroU32::MIN);
        Ord::min(units, most)
    }

    async fn spend_shared(
        &self,
        shared: &SharedBudgets,
        budget: BudgetId,
        key: &K,
        units: NonZeroU32,
    ) -> Result<Left, ApiError> {
        let (policy, units) = (self.policy, self.cost(units));
        let exceeds_allowance = || {
            let within = |allowance: &DefaultKeyedRateLimiter<K>| {
                matches!(allowance.check_key_n(key, units), Ok(Ok(())))
            };
            !self.allowance.as_ref().is_some_and(within)
        };
        match shared.spend(budget, policy.quota, units, exceeds_allowance).await {
            Spending::Unshared => self.spend(key, units),
            Spending::Refused { missing, wait } => Err(self.refusal(units, missing, wait)),
            Spending::Spent { left } => {
                // Counted here, too, for the time when the budget cannot be shared; decided there.
                let alone = self.spend(key, units).map_or(0, |alone| alone.units);
                Ok(Left { policy, units: alone.min(left) })
            }
        }
    }

    /// What is left.
    ///
    /// # Errors
    /// 429 if that is not enough.
    fn spend(&self, key: &K, units: NonZeroU32) -> Result<Left, ApiError> {
        let (policy, units) = (self.policy, self.cost(units));
        match self.units.check_key_n(key, units) {
            Ok(Ok(snapshot)) => Ok(Left { policy, units: snapshot.remaining_burst_capacity() }),
            Ok(Err(refusal)) => {
                let wait = refusal.wait_time_from(self.units.clock().now());
                let missing = (wait.as_nanos() * u128::from(policy.rate.get())).div_ceil(1_000_000_000);
                Err(self.refusal(units, u32::try_from(missing).unwrap_or(u32::MAX), Duration::ZERO))
            }
            // Not more than the quota is asked for.
            Err(_) => Ok(Left { policy, units: 0 }),
        }
    }

    /// `least_wait`: the time before which it is of no use to come back, even if the missing units come back sooner.
    fn refusal(&self, units: NonZeroU32, missing: u32, least_wait: Duration) -> ApiError {
        let left = Left { policy: self.policy, units: units.get().saturating_sub(missing) };
        let least_wait = u32::try_from(least_wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        RateLimitFields::refusal(left, missing.div_ceil(self.policy.rate.get()).max(least_wait))
    }
}

/// The part of a policy that a process may use without sharing the budget.
fn allowance(policy: Policy) -> Option<Quota> {
    let (units, parts) = SharedBudgets::allowance(policy.quota);
    let unit = Duration::from_secs(parts.into()) / policy.rate.get();
    Some(Quota::with_period(unit)?.allow_burst(NonZeroU32::new(units)?))
}
