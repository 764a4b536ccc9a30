//! Where in its text a part of a filter stands.

use std::hash::{Hash, Hasher};

/// From 1, in characters. All positions are equal: a filter is the same wherever its parts stand.
#[derive(Clone, Copy, Debug)]
pub struct Position(usize);

impl Position {
    pub(super) const START: Self = Self(1);

    /// Behind this text, which begins here.
    pub(super) fn moved_by(self, text: &str) -> Self {
        Self(self.0 + text.chars().count())
    }

    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl PartialEq for Position {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Position {}

impl Hash for Position {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
