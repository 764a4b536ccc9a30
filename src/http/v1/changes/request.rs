//! The parameters of the feed.

use std::time::Duration;

use crate::domain::change::{ChangePosition, ChangeQuery, ChangeType, ChangeTypes};
use crate::http::openapi::fields::change as fields;
use crate::http::prelude::*;

pub struct ListChanges {
    pub(super) query: ChangeQuery,
    /// How long to wait for changes if there are none.
    pub(super) wait: Duration,
}

/// In seconds.
const MAX_WAIT: u64 = 60;

impl Parameters for ListChanges {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let about = "The position after which the changes begin: the `next` of the page before, or the header \
                     `X-Change-Position` of an export. Without it, the page has no changes, and its `next` is the \
                     position of now.";
        let parse = |text: &str| ChangePosition::parse(text).ok_or(Violation::NotPosition);
        let since = query.optional("since", || fields::position(about), parse);
        let limit = query.limit();
        let parse =
            |text: &str| ChangeTypes::parse(text).ok_or(Violation::NotOneOf { allowed: ChangeType::NAMES });
        let types = query.optional("types", fields::types, parse).unwrap_or(ChangeTypes::ALL);
        let wait = query.optional("wait", || fields::wait(MAX_WAIT), parse_wait).unwrap_or_default();
        Some(Self { query: ChangeQuery { since, types, limit: limit? }, wait })
    }
}

fn parse_wait(text: &str) -> Result<Duration, Violation> {
    let violation = Violation::NotSeconds { max: MAX_WAIT };
    let digits = text.strip_suffix('s').filter(|digits| digits.len() == 1 || !digits.starts_with('0'));
    let seconds = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = seconds.and_then(|digits| digits.parse().ok()).filter(|seconds| *seconds <= MAX_WAIT);
    seconds.map(Duration::from_secs).ok_or(violation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_what_the_schema_says() {
        let pattern = regex::Regex::new(&fields::wait(MAX_WAIT).pattern.unwrap()).unwrap();
        let texts = [
            "0s", "9s", "10s", "60s", "61s", "600s", "-1s", "+1s", "00s", "05s", "s", "", "20", "1.5s", "٣s",
        ];
        for text in texts {
            assert_eq!(parse_wait(text).is_ok(), pattern.is_match(text), "{text}");
        }
        assert_eq!(parse_wait("60s"), Ok(Duration::from_secs(60)));
    }
}
