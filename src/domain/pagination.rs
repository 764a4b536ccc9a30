//! Lists: what is asked for and what comes back.

/// Between which things a page of a cursor list lies, by their ids. With neither it begins at the newest
/// one; with both it begins behind the one and ends before the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor<I> {
    /// Just behind this one, towards older ones.
    pub after: Option<I>,
    /// Just before this one, towards newer ones.
    pub before: Option<I>,
}

impl<I> Default for Cursor<I> {
    fn default() -> Self {
        Self { after: None, before: None }
    }
}

impl<I> Cursor<I> {
    /// Whether the page is filled from its newer end.
    #[must_use]
    pub fn forward(&self) -> bool {
        self.after.is_some() || self.before.is_none()
    }
}

/// A page of any list that is ordered by id, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CursorParams<I> {
    /// Where the page lies.
    pub cursor: Cursor<I>,
    /// Most things on it.
    pub limit: u64,
}

/// What a cursor list answers.
#[derive(Clone, Debug)]
pub struct CursorPage<T> {
    /// In the order of the list, whichever way the cursor went.
    pub items: Vec<T>,
    /// Whether there are more in the direction of the cursor.
    pub has_more: bool,
}

impl<T> CursorPage<T> {
    /// A page of what was found: from the newest on where the cursor goes forward, else from the oldest,
    /// and one more than asked for where there is one. That one tells that there is more.
    #[must_use]
    pub fn of<I>(mut found: Vec<T>, cursor: &Cursor<I>, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        found.truncate(limit);
        if !cursor.forward() {
            found.reverse();
        }
        Self { items: found, has_more }
    }

    /// The same page of something else.
    #[must_use]
    pub fn map<U>(self, map: impl FnMut(T) -> U) -> CursorPage<U> {
        let Self { items, has_more } = self;
        CursorPage { items: items.into_iter().map(map).collect(), has_more }
    }
}

/// Which way it sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortDirection {
    /// Smallest, oldest first.
    Ascending,
    /// Largest, newest first.
    Descending,
}

/// A page of any list that is ordered by id, with some left out at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OffsetParams {
    /// Which way.
    pub direction: SortDirection,
    /// How many things to leave out at the beginning.
    pub offset: u64,
    /// Most things on the page.
    pub limit: u64,
}

/// What an offset list answers.
#[derive(Clone, Debug)]
pub struct OffsetPage<T> {
    /// In the order that was asked for.
    pub items: Vec<T>,
    /// All that the account has.
    pub total: u64,
}

/// Contacts on a page when the request does not say, unless a setting says otherwise.
pub const DEFAULT_LIMIT: u64 = 10;
/// Most contacts on a page, unless a setting says otherwise.
pub const MAX_LIMIT: u64 = 100;
/// Most items of a request that is about many things at once.
pub const MAX_BATCH: usize = 1_000;
