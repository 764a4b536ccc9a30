//! The page cache, beside the contacts in [`super::contacts`] and under the same invariant.
//!
//! A page is valid until its account is written to: repeated reads of the beginning of a list, as in a user
//! interface or by polling, need no database.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::contact::fields::{AvatarUrl, DisplayName};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::{AccountId, Contact};

pub(crate) trait CacheablePage: Clone {
    fn contacts(&self) -> &[Contact];
}

impl CacheablePage for CursorPage<Contact> {
    fn contacts(&self) -> &[Contact] {
        &self.items
    }
}

impl CacheablePage for OffsetPage<Contact> {
    fn contacts(&self) -> &[Contact] {
        &self.items
    }
}

#[derive(Clone)]
struct CachedPage<P> {
    /// The version of the account's last write when the page was read.
    last_write: u64,
    page: Arc<P>,
}

/// Average size of a page, and overhead per page, in bytes.
const PAGE_BYTES: usize = 8 * 1024;
const PAGE_OVERHEAD: usize = 256;

/// Allocation overhead of a string, in bytes.
const TEXT_OVERHEAD: usize = 16;

/// Weighs cache entries by their size in bytes.
#[derive(Clone)]
pub(crate) struct ByteWeighter;

pub(crate) fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl<Q, P: CacheablePage> Weighter<(AccountId, Q), CachedPage<P>> for ByteWeighter {
    fn weight(&self, _: &(AccountId, Q), cached: &CachedPage<P>) -> u64 {
        let contacts: usize = cached.page.contacts().iter().map(size_of_contact).sum();
        bytes(contacts.saturating_add(PAGE_OVERHEAD))
    }
}

/// Size of a decoded contact in memory.
fn size_of_contact(contact: &Contact) -> usize {
    let Contact { id: _, handle, phone, display_name, avatar_url, meta, .. } = contact;
    let texts = [
        Some(handle.as_str()),
        Some(phone.as_str()),
        Some(meta.as_json()),
        display_name.as_ref().map(DisplayName::as_str),
        avatar_url.as_ref().map(AvatarUrl::as_str),
    ];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len() + TEXT_OVERHEAD).sum();
    size_of::<Contact>() + texts
}

/// The pages of one kind of list.
pub(crate) struct PageCache<Q, P: CacheablePage> {
    pages: Cache<(AccountId, Q), CachedPage<P>, ByteWeighter>,
}

impl<Q: Clone + Eq + Hash, P: CacheablePage> PageCache<Q, P> {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { pages: Cache::with_weighter(max_bytes / PAGE_BYTES, bytes(max_bytes), ByteWeighter) }
    }

    /// The cached page, if the account's last write is still the one it was read after.
    pub(crate) fn get(&self, account: AccountId, query: &Q, last_write: u64) -> Option<P> {
        let cached = self.pages.get(&(account, query.clone()))?;
        (cached.last_write == last_write).then(|| cached.page.as_ref().clone())
    }

    pub(crate) fn insert(&self, account: AccountId, query: Q, page: P, last_write: u64) {
        self.pages.insert((account, query), CachedPage { last_write, page: Arc::new(page) });
    }

    pub(crate) fn clear(&self) {
        self.pages.clear();
    }
}
