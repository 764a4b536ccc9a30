//! Requests about many things at once: lists that are read item by item, with the faults of each.

use super::items::Items;
use super::violations::{Parser, Violations};
use crate::domain::Violation;
use crate::domain::pagination::MAX_BATCH;

/// A list of a request.
pub struct List<T> {
    /// Its name.
    pub name: &'static str,
    /// Its items.
    pub items: Option<Items<String>>,
    /// How one is read.
    pub parse: Parser<T>,
}

/// An item that was read.
pub struct Item<T> {
    /// The list that it stands in.
    pub list: &'static str,
    /// As it was given.
    pub text: String,
    /// What it stands for.
    pub value: T,
}

/// Reads lists, one after the other, whose names a sentence lists as `names`: together they have one item to [`MAX_BATCH`]. An empty list is as good
/// as none: generated Java clients send one for each list that is not set.
pub fn read<T>(
    names: &'static str,
    lists: impl IntoIterator<Item = List<T>>,
    violations: &mut Violations,
) -> Option<Vec<Item<T>>> {
    let (mut read, mut first, mut given) = (Vec::new(), None, 0);
    for List { name, items, parse } in lists {
        first.get_or_insert(name);
        let Some(Items(items)) = items else { continue };
        given += items.len();
        if given > MAX_BATCH {
            violations.add(name, Violation::TooManyTogether { lists: names, max: MAX_BATCH });
            continue;
        }
        for (index, text) in items.into_iter().enumerate() {
            match parse(&text) {
                Ok(value) => read.push(Item { list: name, text, value }),
                Err(_) if violations.has_more() => return None,
                Err(violation) => violations.add(format!("{name}.{index}"), violation),
            }
        }
    }
    if read.is_empty()
        && violations.none()
        && let Some(first) = first
    {
        violations.add(first, Violation::NoItems);
    }
    violations.none().then_some(read)
}
