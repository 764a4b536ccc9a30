//! The contact cache of the only process that writes contacts (SQLite; see
//! [`crate::storage::sqlite::database_file`]): reading one contact needs no round trip to the database.
//!
//! **Invariant: the cache never contradicts the database.** A contact is inserted by the writer after its
//! commit, or by a reader if no write that changes contacts has begun since its read version was taken:
//! otherwise the reader could overwrite the writer's version with an older one ([`super::versions`]). What a
//! write is about to change is removed before its commit: until then all requests, for one contact or for a
//! list, see what the database returns, and none sees an old version after a new one.
//!
//! Contacts are stored under the hash of account and handle; ids map to that hash. Two contacts with the same
//! hash evict each other, and every hit is compared with the key.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, PoisonError, RwLock};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Weighter};

use super::encoded_contact::EncodedContact;
use super::pages::{ByteWeighter, CacheablePage, PageCache, bytes};
use super::seek_points::SeekPoints;
use super::versions::{ReadVersion, Scope, WriteVersions};
use crate::domain::contact::fields::Handle;
use crate::domain::contact::{ContactOffsetQuery, ContactQuery};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::{AccountId, Contact, ContactId, Timestamp};

/// What a write has changed: the cache's view of its change set.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The contact as it is now; `old_handle` is the one before an update, `None` for a create.
    Put { account: AccountId, contact: Arc<Contact>, old_handle: Option<Handle> },
    /// A contact was deleted.
    Remove { account: AccountId, handle: Handle },
    /// The account's set of opted-out numbers has changed.
    OptOuts(AccountId),
}

impl Change {
    /// The timestamp that the change gave the contact.
    pub(crate) fn updated_at(&self) -> Option<Timestamp> {
        match self {
            Self::Put { contact, .. } => Some(contact.updated_at),
            Self::Remove { .. } | Self::OptOuts(_) => None,
        }
    }

    fn scopes(&self) -> [Option<Scope>; 2] {
        match *self {
            Self::Put { account, old_handle: None, .. } => [Some(Scope::List(account)), None],
            Self::Put { account, old_handle: Some(_), .. } | Self::Remove { account, .. } => {
                [Some(Scope::List(account)), Some(Scope::Contacts(account))]
            }
            Self::OptOuts(account) => [Some(Scope::OptOuts(account)), None],
        }
    }
}

/// Opted-out phone numbers.
pub(crate) type OptedOut = Arc<HashSet<u64>>;

/// Hash of account and handle.
type Slot = u64;

#[derive(Clone)]
pub(crate) struct ContactCache {
    contacts: Arc<Cache<Slot, EncodedContact, ByteWeighter>>,
    /// By the hash of account and id.
    slots: Arc<Cache<u64, Slot>>,
    hasher: Arc<DefaultHashBuilder>,
    /// The full set of an account, unless it exceeds [`ContactCache::MAX_OPT_OUTS`].
    opted_out: Arc<Cache<AccountId, OptedOut, ByteWeighter>>,
    pub(crate) cursor_pages: Arc<PageCache<ContactQuery, CursorPage<Contact>>>,
    pub(crate) offset_pages: Arc<PageCache<ContactOffsetQuery, OffsetPage<Contact>>>,
    pub(crate) seek_points: Arc<SeekPoints>,
    versions: Arc<RwLock<WriteVersions>>,
}

/// Average size of an encoded contact, and overhead per entry and per number, in bytes.
const CONTACT_BYTES: usize = 240;
const ENTRY_OVERHEAD: usize = 112;
const NUMBER_BYTES: usize = 16;

/// Estimate of the accounts whose opt-outs are cached.
const EXPECTED_ACCOUNTS: usize = 32;

impl Weighter<Slot, EncodedContact> for ByteWeighter {
    fn weight(&self, _: &Slot, contact: &EncodedContact) -> u64 {
        bytes(contact.len().saturating_add(ENTRY_OVERHEAD))
    }
}

impl Weighter<AccountId, OptedOut> for ByteWeighter {
    fn weight(&self, _: &AccountId, numbers: &OptedOut) -> u64 {
        bytes(numbers.len().saturating_mul(NUMBER_BYTES).saturating_add(ENTRY_OVERHEAD))
    }
}

/// A contact ready to be inserted.
struct EncodedEntry {
    id: u64,
    slot: Slot,
    contact: EncodedContact,
}

impl ContactCache {
    /// Maximum opt-outs of an account to be cached: each new opt-out causes all of them to be read again.
    pub(crate) const MAX_OPT_OUTS: u64 = 25_000;

    /// Divides `max_bytes`: most for contacts, some for opt-outs, the rest for pages of either kind. (Few
    /// pages are read often, and their contacts are cached twice.)
    pub(crate) fn new(max_bytes: usize) -> Self {
        let contacts = max_bytes / 16 * 13;
        Self {
            contacts: Arc::new(Cache::with_weighter(contacts / CONTACT_BYTES, bytes(contacts), ByteWeighter)),
            slots: Arc::new(Cache::new(contacts / CONTACT_BYTES)),
            hasher: Arc::default(),
            opted_out: Arc::new(Cache::with_weighter(EXPECTED_ACCOUNTS, bytes(max_bytes / 16), ByteWeighter)),
            cursor_pages: Arc::new(PageCache::new(max_bytes / 16)),
            offset_pages: Arc::new(PageCache::new(max_bytes / 16)),
            seek_points: Arc::new(SeekPoints::new()),
            versions: Arc::default(),
        }
    }

    pub(crate) fn get(&self, account: AccountId, id: ContactId) -> Option<Contact> {
        let slot = self.slots.get(&self.hasher.hash_one((account, id)))?;
        self.contacts.get(&slot)?.decode(account).filter(|contact| contact.id == id)
    }

    pub(crate) fn find(&self, account: AccountId, handle: &Handle) -> Option<Contact> {
        let slot = self.slot(account, handle);
        self.contacts.get(&slot)?.decode(account).filter(|contact| contact.handle == *handle)
    }

    fn slot(&self, account: AccountId, handle: &Handle) -> Slot {
        self.hasher.hash_one((account, handle.as_str()))
    }

    fn encode(&self, account: AccountId, contact: &Contact) -> Option<EncodedEntry> {
        let id = self.hasher.hash_one((account, contact.id));
        let slot = self.slot(account, &contact.handle);
        Some(EncodedEntry { id, slot, contact: EncodedContact::encode(account, contact)? })
    }

    fn insert(&self, EncodedEntry { id, slot, contact }: EncodedEntry) {
        self.contacts.insert(slot, contact);
        self.slots.insert(id, slot);
    }

    pub(crate) fn opted_out(&self, account: AccountId) -> Option<OptedOut> {
        self.opted_out.get(&account)
    }

    /// Inserts an account's opt-outs, unless a write of them has begun since `read_version`.
    pub(crate) fn insert_opted_out_if_current(
        &self,
        read_version: ReadVersion,
        account: AccountId,
        numbers: OptedOut,
    ) {
        self.if_current(Scope::OptOuts(account), read_version, |_| self.opted_out.insert(account, numbers));
    }

    /// To be taken before the database is read.
    pub(crate) fn read_version(&self) -> ReadVersion {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).read_version()
    }

    /// Inserts contacts read from the database, unless a write that changes contacts has begun since
    /// `read_version`.
    pub(crate) fn insert_if_current<'c>(
        &self,
        read_version: ReadVersion,
        account: AccountId,
        contacts: impl IntoIterator<Item = &'c Contact>,
    ) {
        // Encoded before the lock is taken, which writes wait for.
        let encoded: Vec<EncodedEntry> =
            contacts.into_iter().filter_map(|contact| self.encode(account, contact)).collect();
        let put = |_| encoded.into_iter().for_each(|entry| self.insert(entry));
        self.if_current(Scope::Contacts(account), read_version, put);
    }

    /// Runs `put` with the version of the scope's last write, unless a write of the scope has begun since
    /// `read_version`. Holds the lock meanwhile: no write begins before it is done.
    fn if_current(&self, scope: Scope, read_version: ReadVersion, put: impl FnOnce(u64)) {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        if versions.is_current(scope, read_version) {
            put(versions.last_write(scope));
        }
    }

    pub(crate) fn page<Q, P>(&self, pages: &PageCache<Q, P>, account: AccountId, query: &Q) -> Option<P>
    where
        Q: Clone + Eq + Hash,
        P: CacheablePage,
    {
        pages.get(account, query, self.last_write(account))
    }

    /// The version of the last write to the account that has begun.
    pub(crate) fn last_write(&self, account: AccountId) -> u64 {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).last_write(Scope::List(account))
    }

    /// Inserts a page read from the database, unless a write to the account has begun since `read_version`.
    pub(crate) fn insert_page_if_current<Q, P>(
        &self,
        pages: &PageCache<Q, P>,
        read_version: ReadVersion,
        account: AccountId,
        query: Q,
        page: &P,
    ) where
        Q: Clone + Eq + Hash,
        P: CacheablePage,
    {
        let put = |last_write| pages.insert(account, query, page.clone(), last_write);
        self.if_current(Scope::List(account), read_version, put);
    }

    /// Records where a page begins, unless a write to the account has begun since `read_version`.
    pub(crate) fn insert_seek_point_if_current(
        &self,
        read_version: ReadVersion,
        account: AccountId,
        query: &ContactOffsetQuery,
        page: &OffsetPage<Contact>,
    ) {
        let Some(first) = page.items.first() else { return };
        let record = |last_write| self.seek_points.record(account, query, first.id, last_write);
        self.if_current(Scope::List(account), read_version, record);
    }

    /// Announces a write before its commit, and removes what it changes. The caller serialises writes.
    pub(crate) fn begin(&self, changes: &[Change]) {
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        versions.begin(changes.iter().flat_map(Change::scopes).flatten());
        for change in changes {
            match change {
                // A new contact is not cached.
                Change::Put { old_handle: None, .. } => {}
                Change::Put { account, contact, old_handle: Some(old_handle) } => {
                    self.contacts.remove(&self.slot(*account, old_handle));
                    self.contacts.remove(&self.slot(*account, &contact.handle));
                }
                Change::Remove { account, handle } => {
                    drop(self.contacts.remove(&self.slot(*account, handle)))
                }
                Change::OptOuts(account) => drop(self.opted_out.remove(account)),
            }
        }
    }

    /// Inserts what was committed; to be called before the write is acknowledged.
    pub(crate) fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        let put = changes.into_iter().filter_map(|change| match change {
            Change::Put { account, contact, old_handle: _ } => self.encode(account, &contact),
            Change::Remove { .. } | Change::OptOuts(_) => None,
        });
        let put: Vec<EncodedEntry> = put.collect();
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        put.into_iter().for_each(|entry| self.insert(entry));
        versions.publish();
    }

    /// To be called when no write is in progress.
    pub(crate) fn release(&self) {
        self.versions.write().unwrap_or_else(PoisonError::into_inner).release();
    }

    /// Empties the cache where the outcome of a commit is unknown; in place of [`Self::publish`].
    pub(crate) fn clear(&self) {
        let _versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        self.contacts.clear();
        self.opted_out.clear();
        self.cursor_pages.clear();
        self.offset_pages.clear();
        self.seek_points.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::NewContact;
    use crate::domain::contact::ContactSort;
    use crate::domain::contact::fields::{Handle, Meta, Phone};
    use crate::domain::pagination::SortDirection;

    impl ContactCache {
        /// Ends a write that is not pipelined.
        pub(crate) fn end(&self, changes: impl IntoIterator<Item = Change>) {
            self.publish(changes);
            self.release();
        }
    }

    pub(crate) fn contact(name: &str) -> Contact {
        Contact::new(NewContact {
            handle: Handle::parse(name).unwrap(),
            phone: Phone::parse("+4479000000001").unwrap(),
            display_name: None,
            avatar_url: None,
            meta: Meta::default(),
        })
    }

    #[test]
    fn a_stale_read_is_not_inserted() {
        let (cache, account, old) = (ContactCache::new(1 << 20), AccountId::new(1), contact("old"));
        let new = Contact { version: 2, ..old.clone() };
        let put = |contact: &Contact| {
            let old_handle = Some(old.handle.clone());
            Change::Put { account, contact: Arc::new(contact.clone()), old_handle }
        };
        let remove = |account| Change::Remove { account, handle: old.handle.clone() };

        let before = cache.read_version();
        cache.begin(&[put(&new)]);
        let during = cache.read_version();
        cache.insert_if_current(before, account, [&old]);
        cache.insert_if_current(during, account, [&old]);
        assert!(cache.get(account, old.id).is_none());
        cache.end([put(&new)]);
        cache.insert_if_current(before, account, [&old]);
        cache.insert_if_current(during, account, [&old]);
        assert_eq!(cache.get(account, old.id), Some(new.clone()));

        cache.begin(&[remove(account)]);
        assert!(cache.get(account, old.id).is_none(), "a list may already lack it");
        cache.end([remove(account)]);
        assert!(cache.get(account, old.id).is_none());
        cache.insert_if_current(cache.read_version(), account, [&new]);
        assert_eq!(cache.get(account, old.id), Some(new.clone()));
        assert!(cache.get(AccountId::new(2), old.id).is_none(), "another account's");
        let query = ContactOffsetQuery {
            field: ContactSort::Handle,
            direction: SortDirection::Ascending,
            offset: 0,
            limit: 10,
        };
        let page = OffsetPage { items: vec![new.clone()], total: 1 };
        let pages = Arc::clone(&cache.offset_pages);
        let early = cache.read_version();
        cache.insert_page_if_current(&pages, early, account, query, &page);
        let get = |account| cache.page(&pages, account, &query).map(|page| page.total);
        assert_eq!(get(account), Some(1));
        assert_eq!(get(AccountId::new(2)), None, "another account's");
        cache.begin(&[remove(AccountId::new(2))]);
        cache.end([]);
        assert_eq!(get(account), Some(1), "another account was written to");
        cache.begin(&[remove(AccountId::new(2))]);
        cache.insert_page_if_current(
            &pages,
            early,
            account,
            ContactOffsetQuery { offset: 10, ..query },
            &page,
        );
        cache.release();
        assert!(
            cache.page(&pages, account, &ContactOffsetQuery { offset: 10, ..query }).is_some(),
            "the write was to another account"
        );
        cache.begin(&[remove(account)]);
        assert_eq!(get(account), None, "the write may be visible already");
        cache.insert_page_if_current(&pages, cache.read_version(), account, query, &page);
        cache.end([]);
        cache.insert_page_if_current(&pages, early, account, query, &page);
        assert_eq!(get(account), None);

        cache.begin(&[]);
        cache.clear();
        cache.release();
        assert!(cache.get(account, old.id).is_none());
    }

    #[test]
    fn a_create_does_not_make_reads_of_other_contacts_stale() {
        let (cache, account, here) = (ContactCache::new(1 << 20), AccountId::new(1), contact("here"));
        let create = || [Change::Put { account, contact: Arc::new(contact("new")), old_handle: None }];
        let before = cache.read_version();
        cache.begin(&create());
        cache.insert_if_current(cache.read_version(), account, [&here]);
        assert_eq!(cache.get(account, here.id), Some(here.clone()));
        cache.end(create());
        let other = contact("other");
        cache.insert_if_current(before, account, [&other]);
        assert_eq!(cache.get(account, other.id), Some(other));
    }

    #[test]
    fn a_handle_finds_its_current_contact() {
        let (cache, account) = (ContactCache::new(1 << 20), AccountId::new(1));
        let old = contact("one");
        let find = |account, contact: &Contact| cache.find(account, &contact.handle);
        assert_eq!(find(account, &old), None);
        cache.insert_if_current(cache.read_version(), account, [&old]);
        assert_eq!(find(account, &old), Some(old.clone()));
        assert_eq!(find(AccountId::new(2), &old), None, "another account's");

        let renamed = Contact { handle: Handle::parse("two").unwrap(), ..old.clone() };
        let renaming = || Change::Put {
            account,
            contact: Arc::new(renamed.clone()),
            old_handle: Some(old.handle.clone()),
        };
        cache.begin(&[renaming()]);
        assert_eq!((find(account, &old), find(account, &renamed)), (None, None));
        cache.end([renaming()]);
        assert_eq!((find(account, &old), find(account, &renamed)), (None, Some(renamed.clone())));
        assert_eq!(cache.get(account, old.id), Some(renamed.clone()));
        let heir = contact("one");
        cache.begin(&[]);
        cache.end([Change::Put { account, contact: Arc::new(heir.clone()), old_handle: None }]);
        assert_eq!((find(account, &old), cache.get(account, heir.id)), (Some(heir.clone()), Some(heir)));
        assert_eq!(cache.get(account, old.id), Some(renamed), "the former contact with the handle");
    }

    #[test]
    fn hash_collisions_are_detected() {
        let (cache, account, other) = (ContactCache::new(1 << 20), AccountId::new(1), AccountId::new(2));
        let (one, two) = (contact("one"), contact("two"));
        let entry = cache.encode(account, &one).unwrap();
        let slots = [cache.slot(account, &two.handle), cache.slot(other, &one.handle)];
        let ids = [(account, two.id), (other, one.id)].map(|key| cache.hasher.hash_one(key));
        for (slot, id) in slots.into_iter().zip(ids) {
            cache.insert(EncodedEntry { id, slot, contact: entry.contact.clone() });
        }
        assert_eq!((cache.find(account, &two.handle), cache.find(other, &one.handle)), (None, None));
        assert_eq!((cache.get(account, two.id), cache.get(other, one.id)), (None, None));
        cache.insert(entry);
        assert_eq!(
            (cache.find(account, &one.handle), cache.get(account, one.id)),
            (Some(one.clone()), Some(one))
        );
    }

    #[test]
    fn a_write_of_opt_outs_evicts_them() {
        let (cache, account) = (ContactCache::new(1 << 20), AccountId::new(1));
        let numbers: OptedOut = Arc::new([14_155_550_100].into());
        let early = cache.read_version();
        cache.insert_opted_out_if_current(early, account, Arc::clone(&numbers));
        assert_eq!(cache.opted_out(account), Some(numbers.clone()));
        assert_eq!(cache.opted_out(AccountId::new(2)), None);
        cache.begin(&[Change::Put { account, contact: Arc::new(contact("one")), old_handle: None }]);
        cache.end([]);
        assert_eq!(cache.opted_out(account), Some(numbers.clone()), "a contact was written");

        cache.begin(&[Change::OptOuts(account)]);
        assert_eq!(cache.opted_out(account), None);
        cache.insert_opted_out_if_current(cache.read_version(), account, numbers.clone());
        cache.end([Change::OptOuts(account)]);
        cache.insert_opted_out_if_current(early, account, numbers.clone());
        assert_eq!(cache.opted_out(account), None, "it was read before the write");
        cache.insert_opted_out_if_current(cache.read_version(), account, numbers.clone());
        cache.begin(&[]);
        cache.clear();
        cache.release();
        assert_eq!(cache.opted_out(account), None);
    }
}
