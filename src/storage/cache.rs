//! Contacts in memory, while this process is the only one that writes them (SQLite; see
//! [`super::lock`]). A read of one contact then needs no round trip to the database.
//!
//! The cache never contradicts the database. A contact gets in by the hand of the writer after its
//! commit, or by a reader, if no write has begun since it looked into the database: else it might put
//! an old version in after the writer put the new one. What a write is about to change is taken out
//! before its commit: while that is under way everybody sees what the database says, whether they ask
//! for one contact or for a list, and nobody sees an old version after a new one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use quick_cache::sync::Cache;

use super::pages::{Page, Pages};
use crate::domain::page::{CursorPage, CursorQuery, OffsetPage, OffsetQuery};
use crate::domain::{AccountId, Contact, ContactId};

/// What a write has done to a contact.
#[derive(Debug)]
pub(super) enum Change {
    /// It looks like this now.
    Put(AccountId, Contact),
    /// It is gone.
    Remove(AccountId, ContactId),
}

/// The contacts, and pages of their lists.
#[derive(Clone)]
pub(super) struct ContactCache {
    contacts: Arc<Cache<(AccountId, ContactId), Arc<Contact>>>,
    pub(super) cursor_pages: Arc<Pages<CursorQuery, CursorPage>>,
    pub(super) offset_pages: Arc<Pages<OffsetQuery, OffsetPage>>,
    /// Whether a write is under way, and how many have begun.
    writes: Arc<RwLock<Writes>>,
}

#[derive(Debug, Default)]
struct Writes {
    under_way: bool,
    begun: u64,
    /// The number of the last one in each account.
    last: HashMap<AccountId, u64>,
}

/// When a reader looked into the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Option<u64>);

impl ContactCache {
    /// With room for so many contacts.
    pub(super) fn new(most: usize) -> Self {
        // Few pages are looked at often, and their contacts are there a second time.
        let on_pages = most / 8;
        Self {
            contacts: Arc::new(Cache::new(most)),
            cursor_pages: Arc::new(Pages::new(on_pages)),
            offset_pages: Arc::new(Pages::new(on_pages)),
            writes: Arc::default(),
        }
    }

    /// A contact, if it is in memory.
    pub(super) fn get(&self, account: AccountId, id: ContactId) -> Option<Arc<Contact>> {
        self.contacts.get(&(account, id))
    }

    /// To be taken before the database is asked.
    pub(super) fn moment(&self) -> Moment {
        let writes = self.writes.read().unwrap_or_else(PoisonError::into_inner);
        Moment((!writes.under_way).then_some(writes.begun))
    }

    /// Keeps what the database said, unless a write has begun since.
    pub(super) fn keep(&self, moment: Moment, account: AccountId, contact: &Arc<Contact>) {
        self.unless_overtaken(moment, |_| {
            self.contacts.insert((account, contact.id), Arc::clone(contact));
        });
    }

    /// Puts something into memory, unless a write has begun since; it hears how many have in all. None
    /// begins before it is done.
    fn unless_overtaken(&self, moment: Moment, put: impl FnOnce(u64)) {
        let writes = self.writes.read().unwrap_or_else(PoisonError::into_inner);
        if moment.0 == Some(writes.begun) && !writes.under_way {
            put(writes.begun);
        }
    }

    /// A page of a list, if it is in memory.
    pub(super) fn page<Q, P>(&self, pages: &Pages<Q, P>, account: AccountId, query: &Q) -> Option<P>
    where
        Q: Clone + Eq + Hash,
        P: Page,
    {
        let last = {
            let writes = self.writes.read().unwrap_or_else(PoisonError::into_inner);
            writes.last.get(&account).copied().unwrap_or_default()
        };
        pages.get(account, query, last)
    }

    /// Keeps a page that the database answered, unless a write has begun since.
    pub(super) fn keep_page<Q, P>(
        &self,
        pages: &Pages<Q, P>,
        moment: Moment,
        account: AccountId,
        query: Q,
        page: &P,
    ) where
        Q: Clone + Eq + Hash,
        P: Page,
    {
        self.unless_overtaken(moment, |writes| pages.put(account, query, page.clone(), writes));
    }

    /// To be called before a write commits; the caller sees to it that writes come one by one.
    pub(super) fn begin(&self, changes: &[Change]) {
        let mut writes = self.writes.write().unwrap_or_else(PoisonError::into_inner);
        writes.begun += 1;
        writes.under_way = true;
        let begun = writes.begun;
        for change in changes {
            let (Change::Put(account, Contact { id, .. }) | Change::Remove(account, id)) = change;
            self.contacts.remove(&(*account, *id));
            writes.last.insert(*account, begun);
        }
    }

    /// To be called after a commit, and before anybody hears of it.
    pub(super) fn end(&self, changes: impl IntoIterator<Item = Change>) {
        let mut writes = self.writes.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            if let Change::Put(account, contact) = change {
                self.contacts.insert((account, contact.id), Arc::new(contact));
            }
        }
        writes.under_way = false;
    }

    /// To be called in place of [`Self::end`] where nobody knows what a commit has done.
    pub(super) fn forget(&self) {
        let mut writes = self.writes.write().unwrap_or_else(PoisonError::into_inner);
        self.contacts.clear();
        self.cursor_pages.clear();
        self.offset_pages.clear();
        writes.under_way = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::NewContact;
    use crate::domain::fields::{Handle, Meta, Phone};
    use crate::domain::page::{SortDirection, SortField};

    fn contact(name: &str) -> Contact {
        Contact::new(NewContact {
            handle: Handle::parse(name).unwrap(),
            phone: Phone::parse("+4479000000001").unwrap(),
            display_name: None,
            avatar_url: None,
            meta: Meta::default(),
        })
    }

    #[test]
    fn a_reader_that_was_overtaken_by_a_write_keeps_nothing() {
        let (cache, account, old) = (ContactCache::new(100), AccountId::new(1), contact("old"));
        let new = Contact { version: 2, ..old.clone() };
        let (read_old, read_new) = (Arc::new(old.clone()), Arc::new(new.clone()));

        let before = cache.moment();
        cache.begin(&[Change::Put(account, new.clone())]);
        let during = cache.moment();
        cache.keep(before, account, &read_old);
        cache.keep(during, account, &read_old);
        assert!(cache.get(account, old.id).is_none());
        cache.end([Change::Put(account, new.clone())]);
        cache.keep(before, account, &read_old);
        cache.keep(during, account, &read_old);
        assert_eq!(cache.get(account, old.id).as_deref(), Some(&new));

        cache.begin(&[Change::Remove(account, old.id)]);
        assert!(cache.get(account, old.id).is_none(), "a list may know already that it is gone");
        cache.end([Change::Remove(account, old.id)]);
        assert!(cache.get(account, old.id).is_none());
        cache.keep(cache.moment(), account, &read_new);
        assert_eq!(cache.get(account, old.id).as_deref(), Some(&new));
        assert!(cache.get(AccountId::new(2), old.id).is_none(), "another account's");
        let query = OffsetQuery {
            field: SortField::Handle,
            direction: SortDirection::Ascending,
            offset: 0,
            limit: 10,
        };
        let page = OffsetPage { items: vec![new.clone()], total: 1 };
        let pages = Arc::clone(&cache.offset_pages);
        let early = cache.moment();
        cache.keep_page(&pages, early, account, query, &page);
        let get = |account| cache.page(&pages, account, &query).map(|page| page.total);
        assert_eq!(get(account), Some(1));
        assert_eq!(get(AccountId::new(2)), None, "another account's");
        cache.begin(&[Change::Remove(AccountId::new(2), old.id)]);
        cache.end([]);
        assert_eq!(get(account), Some(1), "another account was written to");
        cache.begin(&[Change::Remove(account, old.id)]);
        assert_eq!(get(account), None, "the database may say otherwise already");
        cache.keep_page(&pages, cache.moment(), account, query, &page);
        cache.end([]);
        cache.keep_page(&pages, early, account, query, &page);
        assert_eq!(get(account), None);

        cache.begin(&[]);
        cache.forget();
        assert!(cache.get(account, old.id).is_none());
    }
}
