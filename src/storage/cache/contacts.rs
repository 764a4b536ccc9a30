//! The contact cache of the only process that writes contacts (SQLite; see
//! [`crate::storage::sqlite::database_file`]): reading one contact needs no round trip to the database.
//!
//! The [module above](super) states the invariant. Contacts are stored under the hash of account and handle; ids map to that hash. Two contacts with the same
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
use crate::domain::{AccountId, Contact, ContactId};
use crate::storage::change_set::{Change, ChangeKind, ChangeSet};
use crate::storage::instruments::{CacheInstruments, Instruments};

/// What a change makes stale.
fn scopes(change: &Change) -> [Option<Scope>; 2] {
    let account = change.account();
    match &change.kind {
        ChangeKind::ContactCreated(_) => [Some(Scope::List(account)), None],
        ChangeKind::ContactUpdated { .. } | ChangeKind::ContactDeleted(_) => {
            [Some(Scope::List(account)), Some(Scope::Contacts(account))]
        }
        ChangeKind::OptOutCreated(_) | ChangeKind::OptOutDeleted(_) => [Some(Scope::OptOuts(account)), None],
        // Neither members, groups nor templates are cached.
        ChangeKind::MemberAdded { .. }
        | ChangeKind::MemberRemoved { .. }
        | ChangeKind::MembershipEnded { .. }
        | ChangeKind::Named { .. } => [None, None],
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
    instruments: Option<Instruments>,
}

/// Average size of an encoded contact, and overhead per entry and per number, in bytes.
const CONTACT_BYTES: usize = 240;
const ENTRY_OVERHEAD: usize = 112;
const NUMBER_BYTES: usize = 16;

/// A write of more changes inserts nothing: it is an import, which would evict what is read, and other writes wait for it.
/// (A group of commands has fewer, unless it changes members.)
const MAX_INSERTED: usize = 256;

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

/// A committed change of a contact.
enum Published {
    Put(EncodedEntry),
    Removed(Slot),
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
            instruments: None,
        }
    }

    /// The same cache, whose lookups are counted.
    pub(crate) fn counted_by(self, instruments: Option<Instruments>) -> Self {
        Self { instruments, ..self }
    }

    fn counted<T>(&self, counters: fn(&Instruments) -> &CacheInstruments, found: Option<T>) -> Option<T> {
        if let Some(instruments) = &self.instruments {
            counters(instruments).count(found.is_some());
        }
        found
    }

    pub(crate) fn get(&self, account: AccountId, id: ContactId) -> Option<Contact> {
        self.counted(Instruments::contacts, self.peek(account, id))
    }

    fn peek(&self, account: AccountId, id: ContactId) -> Option<Contact> {
        let slot = self.slots.get(&self.hasher.hash_one((account, id)))?;
        self.contacts.get(&slot)?.decode(account).filter(|contact| contact.id == id)
    }

    pub(crate) fn find(&self, account: AccountId, handle: &Handle) -> Option<Contact> {
        let cached = self.contacts.get(&self.slot(account, handle));
        let decoded = cached.and_then(|contact| contact.decode(account));
        self.counted(Instruments::contacts, decoded.filter(|contact| contact.handle == *handle))
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
        self.counted(Instruments::opt_outs, self.opted_out.get(&account))
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
        self.counted(Instruments::pages, pages.get(account, query, self.last_write(account)))
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
    pub(crate) fn begin(&self, change_set: &ChangeSet) {
        // Held to the end: no reader puts back what has been removed.
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        let mut changing = HashSet::new();
        for change in &change_set.changes {
            let account = change.account();
            match &change.kind {
                ChangeKind::ContactUpdated { before, after } => {
                    changing.extend([before, after].map(|contact| self.slot(account, &contact.handle)));
                }
                ChangeKind::ContactDeleted(contact) => {
                    changing.insert(self.slot(account, &contact.handle));
                }
                ChangeKind::OptOutCreated(_) | ChangeKind::OptOutDeleted(_) => {
                    drop(self.opted_out.remove(&account));
                }
                // A new contact is not cached, nor is any of the others.
                ChangeKind::ContactCreated(_)
                | ChangeKind::MemberAdded { .. }
                | ChangeKind::MemberRemoved { .. }
                | ChangeKind::MembershipEnded { .. }
                | ChangeKind::Named { .. } => {}
            }
        }
        for slot in &changing {
            self.contacts.remove(slot);
        }
        versions.begin(change_set.changes.iter().flat_map(scopes).flatten(), changing);
    }

    /// Inserts what was committed; to be called before the write is acknowledged. Of several changes of a contact, the
    /// last one counts. Of many contacts, none is inserted.
    pub(crate) fn publish(&self, change_set: &ChangeSet) {
        let is_bulk = change_set.changes.len() > MAX_INSERTED;
        let published = change_set.changes.iter().filter_map(|change| match &change.kind {
            ChangeKind::ContactCreated(_) | ChangeKind::ContactUpdated { .. } if is_bulk => None,
            ChangeKind::ContactCreated(contact) | ChangeKind::ContactUpdated { after: contact, .. } => {
                self.encode(change.account(), contact).map(Published::Put)
            }
            ChangeKind::ContactDeleted(contact) => {
                Some(Published::Removed(self.slot(change.account(), &contact.handle)))
            }
            _ => None,
        });
        // Encoded before the lock is taken, which readers wait for.
        let published: Vec<Published> = published.collect();
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        versions.publish();
        for one in published {
            match one {
                // The next write may have begun already.
                Published::Put(entry) if versions.is_changing(entry.slot) => {}
                Published::Put(entry) => self.insert(entry),
                Published::Removed(slot) => drop(self.contacts.remove(&slot)),
            }
        }
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
    use crate::domain::api_key::KeyId;
    use crate::domain::contact::ContactSort;
    use crate::domain::contact::fields::{Handle, Meta, Phone};
    use crate::domain::pagination::SortDirection;
    use crate::domain::{NewContact, OptOutId, RequestContext};

    impl ContactCache {
        pub(crate) fn start(&self, changes: impl IntoIterator<Item = Change>) {
            self.begin(&change_set(changes));
        }

        /// Ends a write that is not pipelined.
        pub(crate) fn end(&self, changes: impl IntoIterator<Item = Change>) {
            self.publish(&change_set(changes));
            self.release();
        }
    }

    fn change_set(changes: impl IntoIterator<Item = Change>) -> ChangeSet {
        ChangeSet { changes: changes.into_iter().collect(), ..ChangeSet::default() }
    }

    fn change(account: AccountId, kind: ChangeKind) -> Change {
        let context = RequestContext::new(account, KeyId::from_stored("test".to_owned()), "test");
        Change { context, kind }
    }

    pub(crate) fn created(account: AccountId, contact: &Contact) -> Change {
        change(account, ChangeKind::ContactCreated(Arc::new(contact.clone())))
    }

    fn updated(account: AccountId, before: &Contact, after: &Contact) -> Change {
        let (before, after) = (Arc::new(before.clone()), Arc::new(after.clone()));
        change(account, ChangeKind::ContactUpdated { before, after })
    }

    pub(crate) fn deleted(account: AccountId, contact: &Contact) -> Change {
        change(account, ChangeKind::ContactDeleted(Arc::new(contact.clone())))
    }

    pub(crate) fn opted_out(account: AccountId) -> Change {
        change(account, ChangeKind::OptOutCreated(OptOutId::generate().0))
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
        let put = |contact: &Contact| updated(account, &old, contact);
        let remove = |account| deleted(account, &old);

        let before = cache.read_version();
        cache.start([put(&new)]);
        let during = cache.read_version();
        cache.insert_if_current(before, account, [&old]);
        cache.insert_if_current(during, account, [&old]);
        assert!(cache.get(account, old.id).is_none());
        cache.end([put(&new)]);
        cache.insert_if_current(before, account, [&old]);
        cache.insert_if_current(during, account, [&old]);
        assert_eq!(cache.get(account, old.id), Some(new.clone()));

        cache.start([remove(account)]);
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
        cache.start([remove(AccountId::new(2))]);
        cache.end([]);
        assert_eq!(get(account), Some(1), "another account was written to");
        cache.start([remove(AccountId::new(2))]);
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
        cache.start([remove(account)]);
        assert_eq!(get(account), None, "the write may be visible already");
        cache.insert_page_if_current(&pages, cache.read_version(), account, query, &page);
        cache.end([]);
        cache.insert_page_if_current(&pages, early, account, query, &page);
        assert_eq!(get(account), None);

        cache.start([]);
        cache.clear();
        cache.release();
        assert!(cache.get(account, old.id).is_none());
    }

    #[test]
    fn a_create_does_not_make_reads_of_other_contacts_stale() {
        let (cache, account, here) = (ContactCache::new(1 << 20), AccountId::new(1), contact("here"));
        let new = contact("new");
        let create = || [created(account, &new)];
        let before = cache.read_version();
        cache.start(create());
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
        let renaming = || updated(account, &old, &renamed);
        cache.start([renaming()]);
        assert_eq!((find(account, &old), find(account, &renamed)), (None, None));
        cache.end([renaming()]);
        assert_eq!((find(account, &old), find(account, &renamed)), (None, Some(renamed.clone())));
        assert_eq!(cache.get(account, old.id), Some(renamed.clone()));
        let heir = contact("one");
        cache.start([]);
        cache.end([created(account, &heir)]);
        assert_eq!((find(account, &old), cache.get(account, heir.id)), (Some(heir.clone()), Some(heir)));
        assert_eq!(cache.get(account, old.id), Some(renamed), "the former contact with the handle");
    }

    #[test]
    fn of_several_changes_in_a_write_the_last_counts() {
        let (cache, account, old) = (ContactCache::new(1 << 20), AccountId::new(1), contact("old"));
        let new = Contact { version: 2, ..old.clone() };
        let newer = Contact { version: 3, ..old.clone() };
        let updates = || [updated(account, &old, &new), updated(account, &new, &newer)];
        cache.start(updates());
        cache.end(updates());
        assert_eq!(cache.get(account, old.id), Some(newer.clone()));
        let deletion = || [updated(account, &newer, &new), deleted(account, &new)];
        cache.start(deletion());
        cache.end(deletion());
        assert_eq!(cache.get(account, old.id), None);
    }

    #[test]
    fn a_write_of_many_contacts_inserts_none() {
        let (cache, account) = (ContactCache::new(1 << 20), AccountId::new(1));
        let old = contact("old");
        cache.insert_if_current(cache.read_version(), account, [&old]);
        let new = Contact { version: 2, ..old.clone() };
        let many: Vec<Contact> = (0..MAX_INSERTED).map(|i| contact(&i.to_string())).collect();
        let bulk = || {
            let creates = many.iter().map(|contact| created(account, contact));
            creates.chain([updated(account, &old, &new)]).collect::<Vec<_>>()
        };
        cache.start(bulk());
        cache.end(bulk());
        assert_eq!(cache.get(account, old.id), None, "its old version is gone");
        assert_eq!(cache.get(account, many[0].id), None);
        cache.insert_if_current(cache.read_version(), account, [&new, &many[0]]);
        assert_eq!(cache.get(account, old.id), Some(new));
        assert_eq!(cache.get(account, many[0].id), Some(many[0].clone()));
    }

    #[test]
    fn a_write_is_published_without_what_the_next_one_changes() {
        let (cache, account) = (ContactCache::new(1 << 20), AccountId::new(1));
        let (old, other) = (contact("old"), contact("other"));
        let at = |version| Contact { version, ..old.clone() };
        let first = || [updated(account, &old, &at(2)), created(account, &other)];
        let second = || [updated(account, &at(2), &at(3))];
        cache.start(first());
        cache.start(second());
        cache.publish(&change_set(first()));
        assert_eq!(cache.get(account, old.id), None, "the second write may be visible already");
        assert_eq!(cache.get(account, other.id), Some(other));
        cache.end(second());
        assert_eq!(cache.get(account, old.id), Some(at(3)));
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
        cache.start([created(account, &contact("one"))]);
        cache.end([]);
        assert_eq!(cache.opted_out(account), Some(numbers.clone()), "a contact was written");

        cache.start([opted_out(account)]);
        assert_eq!(cache.opted_out(account), None);
        cache.insert_opted_out_if_current(cache.read_version(), account, numbers.clone());
        cache.end([opted_out(account)]);
        cache.insert_opted_out_if_current(early, account, numbers.clone());
        assert_eq!(cache.opted_out(account), None, "it was read before the write");
        cache.insert_opted_out_if_current(cache.read_version(), account, numbers.clone());
        cache.start([]);
        cache.clear();
        cache.release();
        assert_eq!(cache.opted_out(account), None);
    }
}
