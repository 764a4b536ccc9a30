//! Batch requests: lists that are parsed item by item, with the violations of each item.

use super::items::Items;
use super::violations::{Parser, Violations};
use crate::domain::Violation;
use crate::domain::pagination::MAX_BATCH;

pub struct BatchList<T> {
    /// The member of the body.
    pub name: &'static str,
    pub items: Option<Items<String>>,
    pub parse: Parser<T>,
}

pub struct BatchItem<T> {
    /// The name of its list.
    pub list: &'static str,
    /// As the request has it.
    pub text: String,
    pub value: T,
}

/// Parses lists that have 1 to [`MAX_BATCH`] items together; `names` enumerates them in a sentence. An empty list is
/// treated as absent: generated Java clients send one for each list that is not set.
pub fn parse_lists<T>(
    names: &'static str,
    lists: impl IntoIterator<Item = BatchList<T>>,
    violations: &mut Violations,
) -> Option<Vec<BatchItem<T>>> {
    let (mut parsed, mut first, mut count) = (Vec::new(), None, 0);
    for BatchList { name, items, parse } in lists {
        first.get_or_insert(name);
        let Some(Items(items)) = items else { continue };
        count += items.len();
        if count > MAX_BATCH {
            violations.add(name, Violation::TooManyTogether { lists: names, max: MAX_BATCH });
            continue;
        }
        for (index, text) in items.into_iter().enumerate() {
            match parse(&text) {
                Ok(value) => parsed.push(BatchItem { list: name, text, value }),
                Err(_) if violations.has_more() => return None,
                Err(violation) => violations.add(format!("{name}.{index}"), violation),
            }
        }
    }
    if parsed.is_empty()
        && violations.is_empty()
        && let Some(first) = first
    {
        violations.add(first, Violation::NoItems);
    }
    violations.is_empty().then_some(parsed)
}
