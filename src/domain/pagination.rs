//! Cursor and offset pagination, generic over ids and items, and the default limits.

use uuid::Uuid;

/// The bounds of a page in a list ordered by id, newest first; both are exclusive. With neither, the page starts at
/// the newest item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor<I> {
    /// Only items older than this one.
    pub after: Option<I>,
    /// Only items newer than this one.
    pub before: Option<I>,
}

impl<I> Default for Cursor<I> {
    fn default() -> Self {
        Self { after: None, before: None }
    }
}

impl<I> Cursor<I> {
    /// Whether the page is filled from its newest item; backward, it ends just before `before`.
    #[must_use]
    pub fn forward(&self) -> bool {
        self.after.is_some() || self.before.is_none()
    }
}

/// A page of a list ordered by id, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CursorParams<I> {
    pub cursor: Cursor<I>,
    pub limit: u64,
}

#[derive(Clone, Debug)]
pub struct CursorPage<T> {
    /// In the order of the list, whatever the direction of the cursor.
    pub items: Vec<T>,
    /// Whether there are more items in the direction of the cursor.
    pub has_more: bool,
    /// Where the next page in that direction begins, if it is not at the last of these items: the page ended before it
    /// had as many as were asked for.
    pub resume_at: Option<Uuid>,
}

impl<T> CursorPage<T> {
    /// `rows` are up to `limit + 1` rows in the direction of the cursor; the extra row sets `has_more`.
    #[must_use]
    pub fn from_rows<I>(mut rows: Vec<T>, cursor: &Cursor<I>, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        if !cursor.forward() {
            rows.reverse();
        }
        Self { items: rows, has_more, resume_at: None }
    }

    #[must_use]
    pub fn map<U>(self, map: impl FnMut(T) -> U) -> CursorPage<U> {
        let Self { items, has_more, resume_at } = self;
        CursorPage { items: items.into_iter().map(map).collect(), has_more, resume_at }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortDirection {
    Ascending,
    Descending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OffsetParams {
    pub direction: SortDirection,
    pub offset: u64,
    pub limit: u64,
}

#[derive(Clone, Debug)]
pub struct OffsetPage<T> {
    pub items: Vec<T>,
    /// Number of items in the whole list.
    pub total: u64,
}

/// Default of the setting `page_default`.
pub const DEFAULT_LIMIT: u64 = 10;
/// Default of the setting `page_max`.
pub const MAX_LIMIT: u64 = 100;
/// Maximum number of items in the body of a batch operation.
pub const MAX_BATCH: usize = 1_000;
