//! What a condition asks of an ordered value: that it is in one of some ranges.
//!
//! Each test of the language is such a union, `!=` and prefixes included, so that an index answers each of them, and
//! the databases compare and do nothing else.

use std::ops::Bound;

use super::expression::Operator;

/// Never empty: the lower bound is not above the upper one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRange<K> {
    pub lower: Bound<K>,
    pub upper: Bound<K>,
}

impl<K: Clone> KeyRange<K> {
    #[must_use]
    pub fn all() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    pub(super) fn point(key: K) -> Self {
        Self { lower: Bound::Included(key.clone()), upper: Bound::Included(key) }
    }

    fn below(upper: Bound<K>) -> Self {
        Self { lower: Bound::Unbounded, upper }
    }

    fn above(lower: Bound<K>) -> Self {
        Self { lower, upper: Bound::Unbounded }
    }

    /// The keys for which the comparison with this one holds.
    pub(super) fn compared(operator: Operator, key: K) -> Vec<Self> {
        match operator {
            Operator::Equal => vec![Self::point(key)],
            Operator::NotEqual => {
                vec![Self::below(Bound::Excluded(key.clone())), Self::above(Bound::Excluded(key))]
            }
            Operator::Less => vec![Self::below(Bound::Excluded(key))],
            Operator::AtMost => vec![Self::below(Bound::Included(key))],
            Operator::Greater => vec![Self::above(Bound::Excluded(key))],
            Operator::AtLeast => vec![Self::above(Bound::Included(key))],
        }
    }

    #[must_use]
    pub fn map<L>(self, map: impl Fn(K) -> L) -> KeyRange<L> {
        let Self { lower, upper } = self;
        KeyRange { lower: lower.map(&map), upper: upper.map(&map) }
    }
}

impl<K: Ord + Clone> KeyRange<K> {
    /// The keys that are in both; `None` if there are none.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let is_own_lower = lower_rank(&self.lower) >= lower_rank(&other.lower);
        let is_own_upper = upper_rank(&self.upper) <= upper_rank(&other.upper);
        let lower = if is_own_lower { &self.lower } else { &other.lower };
        let upper = if is_own_upper { &self.upper } else { &other.upper };
        let is_empty = match (lower, upper) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => {
                low >= high
            }
        };
        (!is_empty).then(|| Self { lower: lower.clone(), upper: upper.clone() })
    }
}

/// The greater, the fewer keys are above the bound.
fn lower_rank<K>(bound: &Bound<K>) -> Option<(&K, bool)> {
    match bound {
        Bound::Unbounded => None,
        Bound::Included(key) => Some((key, false)),
        Bound::Excluded(key) => Some((key, true)),
    }
}

/// The greater, the more keys are below the bound.
fn upper_rank<K>(bound: &Bound<K>) -> (bool, Option<(&K, bool)>) {
    match bound {
        Bound::Unbounded => (true, None),
        Bound::Included(key) => (false, Some((key, true))),
        Bound::Excluded(key) => (false, Some((key, false))),
    }
}

impl<K: PartialEq> KeyRange<K> {
    /// Its only key, if it has one.
    #[must_use]
    pub fn as_point(&self) -> Option<&K> {
        match (&self.lower, &self.upper) {
            (Bound::Included(lower), Bound::Included(upper)) if lower == upper => Some(lower),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!((&self.lower, &self.upper), (Bound::Unbounded, Bound::Unbounded))
    }
}

#[cfg(test)]
impl<K: PartialOrd> KeyRange<K> {
    pub(super) fn contains(&self, key: &K) -> bool {
        std::ops::RangeBounds::<K>::contains(&(self.lower.as_ref(), self.upper.as_ref()), key)
    }
}

impl KeyRange<String> {
    /// The texts that begin with this one.
    pub(super) fn beginning_with(prefix: &str) -> Self {
        let upper = after_prefix(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self { lower: Bound::Included(prefix.to_owned()), upper }
    }

    /// The texts that do not.
    pub(super) fn not_beginning_with(prefix: &str) -> Vec<Self> {
        // No text is less than the empty one.
        let before = (!prefix.is_empty()).then(|| Self::below(Bound::Excluded(prefix.to_owned())));
        let after = after_prefix(prefix).map(|after| Self::above(Bound::Included(after)));
        before.into_iter().chain(after).collect()
    }
}

/// The first text, by code points and by bytes of UTF-8 alike, after all that begin with a prefix. `None` if there is
/// none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        // The range knows that no character is a surrogate.
        if let Some(after) = (last..=char::MAX).nth(1) {
            rest.push(after);
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(range: &KeyRange<String>, text: &str) -> bool {
        range.contains(&text.to_owned())
    }

    proptest! {
        #[test]
        fn a_prefix_is_a_range(
            prefix in "[a\u{7f}\u{d7ff}\u{e000}\u{10ffff}%_*]{0,4}",
            text in "[a\u{7f}\u{d7ff}\u{e000}\u{10ffff}%_*]{0,6}",
        ) {
            let matches = contains(&KeyRange::beginning_with(&prefix), &text);
            prop_assert_eq!(matches, text.starts_with(&prefix));
            let others = KeyRange::not_beginning_with(&prefix);
            prop_assert_eq!(others.iter().any(|range| contains(range, &text)), !matches);
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_the_next_character() {
        for (prefix, after) in [
            ("Lon", Some("Loo")),
            ("a\u{7f}", Some("a\u{80}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), after, "{prefix:?}");
        }
    }
}
