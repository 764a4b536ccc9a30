//! Rate limits: how many requests of a key, and of all keys of an account, this process accepts (GCRA).
//!
//! A request costs a unit, and one more for every [`ITEMS_PER_UNIT`] items of its body. A policy refills as many units in a
//! second as its rate says, up to its quota, which is what may be spent at once. An account whose limits change begins with
//! a full quota. The fields of responses are those of
//! draft-ietf-httpapi-ratelimit-headers: a refusal has them, and so has each response once half of a quota is spent.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use serde::Serialize;

use super::error::api_error::ApiError;
use crate::domain::AccountId;
use crate::domain::account::limits::AccountLimits;
use crate::domain::api_key::{KeyId, Principal};

/// How many items of a body cost as much as a request.
pub const ITEMS_PER_UNIT: usize = 10;

/// The extension of the document that lists the policies.
pub const EXTENSION: &str = "x-rate-limits";

/// How many units are spent until those who have all of theirs are forgotten.
const SPENT_PER_CLEANUP: u32 = 1 << 16;

/// Names the quotas.
pub const RATE_LIMIT_POLICY: &str = "RateLimit-Policy";
/// Says what is left of them.
pub const RATE_LIMIT: &str = "RateLimit";

/// A quota of units, and the seconds in which it refills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Policy {
    pub name: &'static str,
    pub quota: NonZeroU32,
    pub window: NonZeroU32,
    /// How many units come back in a second.
    #[serde(skip)]
    rate: NonZeroU32,
    /// What it is of, in a sentence.
    #[serde(skip)]
    subject: &'static str,
}

impl Policy {
    /// One of the key, one of the account.
    pub const MAX: usize = 2;

    fn of_key(limits: &AccountLimits) -> Option<Self> {
        limits.key_rate.map(|rate| Self::new("key", "API key", rate, limits.rate_window))
    }

    fn of_account(limits: &AccountLimits) -> Option<Self> {
        limits.account_rate.map(|rate| Self::new("account", "account", rate, limits.rate_window))
    }

    fn new(name: &'static str, subject: &'static str, rate: NonZeroU32, window: NonZeroU32) -> Self {
        // At least for a request with items.
        let quota = Ord::max(rate.saturating_mul(window), NonZeroU32::MIN.saturating_add(1));
        Self { name, quota, window, rate, subject }
    }

    /// The policies that apply to an account.
    pub fn all(limits: &AccountLimits) -> impl Iterator<Item = Self> {
        let policies: [Option<Self>; Self::MAX] = [Self::of_key(limits), Self::of_account(limits)];
        policies.into_iter().flatten()
    }
}

/// What is left of a policy.
#[derive(Clone, Copy, Debug)]
struct Left {
    policy: Policy,
    units: u32,
}

impl Left {
    /// Until all of the quota is there again.
    fn seconds_to_refill(self) -> u32 {
        self.policy.quota.get().saturating_sub(self.units).div_ceil(self.policy.rate.get())
    }
}

/// Header fields that a response has: those of the policies of which less than half is left.
#[derive(Clone, Debug, Default)]
pub struct RateLimitFields(Vec<Left>);

impl RateLimitFields {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a policy, if less than half of it is left.
    fn add(&mut self, left: Left) {
        if left.units < left.policy.quota.get() / 2 {
            self.0.push(left);
        }
    }

    pub fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            headers.insert(name, value);
        }
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let (mut policies, mut left) = (String::new(), String::new());
        for left_of_one in &self.0 {
            let Left { policy: Policy { name, quota, window, rate: _, subject: _ }, units } = left_of_one;
            let separator = if policies.is_empty() { "" } else { ", " };
            // Writing to a string succeeds.
            let _ = write!(policies, "{separator}\"{name}\";q={quota};w={window}");
            let _ = write!(left, "{separator}\"{name}\";r={units};t={}", left_of_one.seconds_to_refill());
        }
        [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, left)]
            .into_iter()
            .filter_map(|(name, value)| {
                Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?))
            })
            .collect()
    }
}

pub struct RateLimits {
    by_key: Limiters<KeyId>,
    by_account: Limiters<AccountId>,
    spent: AtomicU32,
}

impl RateLimits {
    /// `limits` are those of most accounts.
    #[must_use]
    pub fn new(limits: &AccountLimits) -> Self {
        Self {
            by_key: Limiters::new(Policy::of_key(limits)),
            by_account: Limiters::new(Policy::of_account(limits)),
            spent: AtomicU32::new(0),
        }
    }

    /// Spends the unit that each request costs.
    ///
    /// # Errors
    /// 429 if the key or its account has none left.
    pub fn spend_request(&self, principal: &Principal) -> Result<RateLimitFields, ApiError> {
        self.spend(principal, NonZeroU32::MIN)
    }

    /// Spends what the items of a request cost beyond that. What would cost more than a quota costs all of it.
    ///
    /// # Errors
    /// 429 if the key or its account has not enough left.
    pub fn spend_items(&self, principal: &Principal, items: usize) -> Result<RateLimitFields, ApiError> {
        let units = u32::try_from(items / ITEMS_PER_UNIT).unwrap_or(u32::MAX);
        NonZeroU32::new(units).map_or(Ok(RateLimitFields::default()), |units| self.spend(principal, units))
    }

    fn spend(&self, principal: &Principal, units: NonZeroU32) -> Result<RateLimitFields, ApiError> {
        self.forget_the_rested(units);
        let mut fields = RateLimitFields::default();
        // What is refused to a key costs its account nothing: its other keys go on.
        if let Some(policy) = Policy::of_key(principal.limits()) {
            fields.add(self.by_key.spend(policy, principal.key(), units)?);
        }
        if let Some(policy) = Policy::of_account(principal.limits()) {
            fields.add(self.by_account.spend(policy, &principal.account(), units)?);
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

/// A limiter for each policy that applies to some account.
struct Limiters<K: Clone + Eq + Hash> {
    /// That of most accounts, which is found without a lock.
    usual: Option<Limiter<K>>,
    others: RwLock<HashMap<Policy, Arc<Limiter<K>>>>,
}

impl<K: Clone + Eq + Hash> Limiters<K> {
    fn new(usual: Option<Policy>) -> Self {
        Self { usual: usual.map(Limiter::new), others: RwLock::default() }
    }

    /// As [`Limiter::spend`], by a policy.
    fn spend(&self, policy: Policy, key: &K, units: NonZeroU32) -> Result<Left, ApiError> {
        match &self.usual {
            Some(usual) if usual.policy == policy => usual.spend(key, units),
            _ => self.other(policy).spend(key, units),
        }
    }

    fn other(&self, policy: Policy) -> Arc<Limiter<K>> {
        let known = self.others.read().unwrap_or_else(PoisonError::into_inner).get(&policy).cloned();
        known.unwrap_or_else(|| {
            let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(others.entry(policy).or_insert_with(|| Arc::new(Limiter::new(policy))))
        })
    }

    fn forget_the_rested(&self) {
        self.usual.iter().for_each(|limiter| limiter.units.retain_recent());
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        others.retain(|_, limiter| {
            limiter.units.retain_recent();
            // A limiter that a request is about to use stays.
            !limiter.units.is_empty() || Arc::strong_count(limiter) > 1
        });
    }
}

struct Limiter<K: Clone + Eq + Hash> {
    policy: Policy,
    units: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    fn new(policy: Policy) -> Self {
        let quota = Quota::per_second(policy.rate).allow_burst(policy.quota);
        let units = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Self { policy, units }
    }

    /// What is left.
    ///
    /// # Errors
    /// 429 if that is not enough.
    fn spend(&self, key: &K, units: NonZeroU32) -> Result<Left, ApiError> {
        let policy = self.policy;
        // The request itself has cost a unit before its items are counted.
        let most = NonZeroU32::new(policy.quota.get() - 1).unwrap_or(NonZeroU32::MIN);
        let units = Ord::min(units, most);
        match self.units.check_key_n(key, units) {
            Ok(Ok(snapshot)) => Ok(Left { policy, units: snapshot.remaining_burst_capacity() }),
            Ok(Err(refusal)) => {
                let wait = refusal.wait_time_from(self.units.clock().now());
                let missing = (wait.as_nanos() * u128::from(policy.rate.get())).div_ceil(1_000_000_000);
                let missing = u32::try_from(missing).unwrap_or(u32::MAX);
                let left = Left { policy, units: units.get().saturating_sub(missing) };
                let fields = RateLimitFields(vec![left]);
                let seconds = missing.div_ceil(policy.rate.get());
                Err(ApiError::rate_limited(policy.subject, seconds, fields.headers()))
            }
            // Not more than the quota is asked for.
            Err(_) => Ok(Left { policy, units: 0 }),
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
    ApiError::rate_limited(policy.subject, 1, RateLimitFields(vec![Left { policy, units: 0 }]).headers())
}
