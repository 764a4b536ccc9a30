//! Pages of lists in memory, beside the contacts in [`super::contacts`] and under the same condition.
//!
//! A page is good until its account is written to: whoever looks at the beginning of a list again and
//! again, in the explorer or by polling, is answered from memory.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::contact::fields::{AvatarUrl, DisplayName};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::{AccountId, Contact};

/// A page, as far as memory is concerned.
pub(crate) trait Page: Clone {
    /// What is on it.
    fn contacts(&self) -> &[Contact];
}

impl Page for CursorPage {
    fn contacts(&self) -> &[Contact] {
        &self.items
    }
}

impl Page for OffsetPage {
    fn contacts(&self) -> &[Contact] {
        &self.items
    }
}

#[derive(Clone)]
struct CachedPage<P> {
    /// The last write in its account when it was read.
    last_write: u64,
    page: Arc<P>,
}

/// What a page takes in memory, nearly, and what the cache needs to keep one, in bytes.
const PAGE_BYTES: usize = 8 * 1024;
const PAGE_OVERHEAD: usize = 256;

/// What the allocator needs for a text.
const TEXT_OVERHEAD: usize = 16;

/// Weighs what is kept in memory, in bytes.
#[derive(Clone)]
pub(crate) struct ByteWeighter;

/// So many bytes, as a cache counts them.
pub(crate) fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl<Q, P: Page> Weighter<(AccountId, Q), CachedPage<P>> for ByteWeighter {
    fn weight(&self, _: &(AccountId, Q), cached: &CachedPage<P>) -> u64 {
        let contacts: usize = cached.page.contacts().iter().map(size_of_contact).sum();
        bytes(contacts.saturating_add(PAGE_OVERHEAD))
    }
}

/// What a contact takes in memory whose fields lie apart.
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

/// Answers of one kind of list.
pub(crate) struct PageCache<Q, P: Page> {
    pages: Cache<(AccountId, Q), CachedPage<P>, ByteWeighter>,
}

impl<Q: Clone + Eq + Hash, P: Page> PageCache<Q, P> {
    /// With room for so many bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { pages: Cache::with_weighter(max_bytes / PAGE_BYTES, bytes(max_bytes), ByteWeighter) }
    }

    /// The answer to a question, if the account's last write, which is given by its number, is the one that it
    /// was.
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
