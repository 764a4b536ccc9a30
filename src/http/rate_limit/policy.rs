//! The rate limits of an account: how many units, in what time.

use std::num::NonZeroU32;

use serde::Serialize;

use crate::domain::account::limits::AccountLimits;

/// A quota of units, and the seconds in which it refills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Policy {
    pub name: &'static str,
    pub quota: NonZeroU32,
    pub window: NonZeroU32,
    /// How many units come back in a second.
    #[serde(skip)]
    pub(super) rate: NonZeroU32,
    /// What it is of, in a sentence.
    #[serde(skip)]
    pub(super) subject: &'static str,
}

impl Policy {
    /// One of the key, one of the account.
    pub const MAX: usize = 2;

    pub(super) fn of_key(limits: &AccountLimits) -> Option<Self> {
        limits.key_rate.map(|rate| Self::new("key", "API key", rate, limits.rate_window))
    }

    pub(super) fn of_account(limits: &AccountLimits) -> Option<Self> {
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
