//! The header fields of responses about rate limits, as in draft-ietf-httpapi-ratelimit-headers.

use std::fmt::Write as _;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::policy::Policy;
use crate::http::error::api_error::ApiError;

/// Names the quotas.
pub const RATE_LIMIT_POLICY: &str = "RateLimit-Policy";
/// Says what is left of them.
pub const RATE_LIMIT: &str = "RateLimit";

/// What is left of a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) policy: Policy,
    pub(super) units: u32,
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
    pub(super) fn add(&mut self, left: Left) {
        if left.units < left.policy.quota.get() / 2 {
            self.0.push(left);
        }
    }

    /// A refusal, which has them in any case. `wait_seconds`: after which it would not be one.
    pub(super) fn refusal(left: Left, wait_seconds: u32) -> ApiError {
        ApiError::rate_limited(left.policy.subject, wait_seconds, Self(vec![left]).headers())
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
