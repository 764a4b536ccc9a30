//! Contacts in memory, while this process is the only one that writes them (SQLite; see
//! [`crate::storage::sqlite::database_file`]). A read of one contact then needs no round trip to the database.
//!
//! The cache never contradicts the database. A contact gets in by the hand of the writer after its
//! commit, or by a reader, if no write of such has begun since it looked into the database: else it might
//! put an old version in after the writer put the new one ([`super::versions`]). What a write is about to change is
//! taken out before its commit: while that is under way everybody sees what the database says, whether they
//! ask for one contact or for a list, and nobody sees an old version after a new one.
//!
//! Contacts lie under their handles, hashed; ids lead there. Two that are hashed to the same place push each
//! other out, and whoever finds a contact looks whether it is the right one.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, PoisonError, RwLock};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Weighter};

use super::encoded_contact::Packed;
use super::pages::{Bytes, Page, Pages, bytes};
use super::seek_points::Anchors;
use super::versions::{Moment, Subject, Writes};
use crate::domain::contact::fields::Handle;
use crate::domain::contact::{ContactOffsetQuery, ContactQuery};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::{AccountId, Contact, ContactId, Timestamp};

/// What a write has changed.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A contact looks like this now, and had another handle before.
    Put { account: AccountId, contact: Arc<Contact>, was: Option<Handle> },
    /// The contact with this handle is gone.
    Remove { account: AccountId, was: Handle },
    /// Other numbers of the account have opted out than before.
    OptOuts(AccountId),
}

impl Change {
    /// When the contact was changed, as it says itself.
    pub(crate) fn updated_at(&self) -> Option<Timestamp> {
        match self {
            Self::Put { contact, .. } => Some(contact.updated_at),
            Self::Remove { .. } | Self::OptOuts(_) => None,
        }
    }

    fn subjects(&self) -> [Option<Subject>; 2] {
        match *self {
            Self::Put { account, was: None, .. } => [Some(Subject::List(account)), None],
            Self::Put { account, was: Some(_), .. } | Self::Remove { account, .. } => {
                [Some(Subject::List(account)), Some(Subject::Contacts(account))]
            }
            Self::OptOuts(account) => [Some(Subject::OptOuts(account)), None],
        }
    }
}

/// Phone numbers that have opted out.
pub(crate) type OptedOut = Arc<HashSet<u64>>;

/// Where a contact lies: what account and handle are hashed to.
type Place = u64;

/// The contacts, pages of their lists, and where others begin.
#[derive(Clone)]
pub(crate) struct ContactCache {
    contacts: Arc<Cache<Place, Packed, Bytes>>,
    /// By what account and id are hashed to.
    places: Arc<Cache<u64, Place>>,
    hasher: Arc<DefaultHashBuilder>,
    /// All of an account, of those that have not too many.
    opted_out: Arc<Cache<AccountId, OptedOut, Bytes>>,
    pub(crate) cursor_pages: Arc<Pages<ContactQuery, CursorPage<Contact>>>,
    pub(crate) offset_pages: Arc<Pages<ContactOffsetQuery, OffsetPage<Contact>>>,
    pub(crate) anchors: Arc<Anchors>,
    writes: Arc<RwLock<Writes>>,
}

/// What a contact takes in memory, nearly, and what the cache needs for one and for a number, in bytes.
const CONTACT: usize = 240;
const FOR_CONTACT: usize = 112;
const FOR_NUMBER: usize = 16;

/// Accounts whose opt-outs are in memory, nearly.
const ACCOUNTS: usize = 32;

impl Weighter<Place, Packed> for Bytes {
    fn weight(&self, _: &Place, contact: &Packed) -> u64 {
        bytes(contact.len().saturating_add(FOR_CONTACT))
    }
}

impl Weighter<AccountId, OptedOut> for Bytes {
    fn weight(&self, _: &AccountId, numbers: &OptedOut) -> u64 {
        bytes(numbers.len().saturating_mul(FOR_NUMBER).saturating_add(FOR_CONTACT))
    }
}

/// A contact on its way into memory.
struct Stored {
    id: u64,
    place: Place,
    contact: Packed,
}

impl ContactCache {
    /// Most opt-outs of an account that are kept in memory: whoever opts out has all of them read again.
    pub(crate) const MOST_OPT_OUTS: u64 = 25_000;

    /// With room for so many bytes: most of them for contacts, some for opt-outs, and the rest for pages of
    /// either kind. (Few pages are looked at often, and their contacts are there a second time.)
    pub(crate) fn new(most: usize) -> Self {
        let contacts = most / 16 * 13;
        Self {
            contacts: Arc::new(Cache::with_weighter(contacts / CONTACT, bytes(contacts), Bytes)),
            places: Arc::new(Cache::new(contacts / CONTACT)),
            hasher: Arc::default(),
            opted_out: Arc::new(Cache::with_weighter(ACCOUNTS, bytes(most / 16), Bytes)),
            cursor_pages: Arc::new(Pages::new(most / 16)),
            offset_pages: Arc::new(Pages::new(most / 16)),
            anchors: Arc::new(Anchors::new()),
            writes: Arc::default(),
        }
    }

    /// A contact, if it is in memory.
    pub(crate) fn get(&self, account: AccountId, id: ContactId) -> Option<Contact> {
        let place = self.places.get(&self.hasher.hash_one((account, id)))?;
        self.contacts.get(&place)?.unpack(account).filter(|contact| contact.id == id)
    }

    /// The contact with a handle, if it is in memory.
    pub(crate) fn find(&self, account: AccountId, handle: &Handle) -> Option<Contact> {
        let place = self.place(account, handle);
        self.contacts.get(&place)?.unpack(account).filter(|contact| contact.handle == *handle)
    }

    fn place(&self, account: AccountId, handle: &Handle) -> Place {
        self.hasher.hash_one((account, handle.as_str()))
    }

    fn pack(&self, account: AccountId, contact: &Contact) -> Option<Stored> {
        let id = self.hasher.hash_one((account, contact.id));
        let place = self.place(account, &contact.handle);
        Some(Stored { id, place, contact: Packed::new(account, contact)? })
    }

    fn put(&self, Stored { id, place, contact }: Stored) {
        self.contacts.insert(place, contact);
        self.places.insert(id, place);
    }

    /// The numbers of an account that have opted out, if they are in memory.
    pub(crate) fn opted_out(&self, account: AccountId) -> Option<OptedOut> {
        self.opted_out.get(&account)
    }

    /// Keeps them as the database said, unless a write of them has begun since.
    pub(crate) fn keep_opted_out(&self, moment: Moment, account: AccountId, numbers: OptedOut) {
        self.if_it_is_so(Subject::OptOuts(account), moment, |_| self.opted_out.insert(account, numbers));
    }

    /// To be taken before the database is asked.
    pub(crate) fn moment(&self) -> Moment {
        self.writes.read().unwrap_or_else(PoisonError::into_inner).moment()
    }

    /// Keeps contacts as the database said, unless a write that changes such has begun since.
    pub(crate) fn keep<'c>(
        &self,
        moment: Moment,
        account: AccountId,
        contacts: impl IntoIterator<Item = &'c Contact>,
    ) {
        // Packed before, not while writes have to wait.
        let packed: Vec<Stored> =
            contacts.into_iter().filter_map(|contact| self.pack(account, contact)).collect();
        let put = |_| packed.into_iter().for_each(|stored| self.put(stored));
        self.if_it_is_so(Subject::Contacts(account), moment, put);
    }

    /// Puts something into memory, unless a write of the like has begun since; it hears of the last one before.
    /// None begins before it is done.
    fn if_it_is_so(&self, subject: Subject, moment: Moment, put: impl FnOnce(u64)) {
        let writes = self.writes.read().unwrap_or_else(PoisonError::into_inner);
        if writes.is_so(subject, moment) {
            put(writes.last(subject));
        }
    }

    /// A page of a list, if it is in memory.
    pub(crate) fn page<Q, P>(&self, pages: &Pages<Q, P>, account: AccountId, query: &Q) -> Option<P>
    where
        Q: Clone + Eq + Hash,
        P: Page,
    {
        pages.get(account, query, self.last_write(account))
    }

    /// The number of the last write in an account that has begun.
    pub(crate) fn last_write(&self, account: AccountId) -> u64 {
        self.writes.read().unwrap_or_else(PoisonError::into_inner).last(Subject::List(account))
    }

    /// Keeps a page that the database answered, unless a write in its account has begun since.
    pub(crate) fn keep_page<Q, P>(
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
        let put = |last_write| pages.put(account, query, page.clone(), last_write);
        self.if_it_is_so(Subject::List(account), moment, put);
    }

    /// Remembers where a page begins, unless a write in its account has begun since.
    pub(crate) fn keep_anchor(
        &self,
        moment: Moment,
        account: AccountId,
        query: &ContactOffsetQuery,
        page: &OffsetPage<Contact>,
    ) {
        let Some(first) = page.items.first() else { return };
        let learn = |last_write| self.anchors.learn(account, query, first.id, last_write);
        self.if_it_is_so(Subject::List(account), moment, learn);
    }

    /// To be called before a write commits; the caller sees to it that writes come one by one.
    pub(crate) fn begin(&self, changes: &[Change]) {
        let mut writes = self.writes.write().unwrap_or_else(PoisonError::into_inner);
        writes.begin(changes.iter().flat_map(Change::subjects).flatten());
        for change in changes {
            match change {
                // Nothing of it is in memory.
                Change::Put { was: None, .. } => {}
                Change::Put { account, contact, was: Some(was) } => {
                    self.contacts.remove(&self.place(*account, was));
                    self.contacts.remove(&self.place(*account, &contact.handle));
                }
                Change::Remove { account, was } => drop(self.contacts.remove(&self.place(*account, was))),
                Change::OptOuts(account) => drop(self.opted_out.remove(account)),
            }
        }
    }

    /// To be called after a commit, and before anybody hears of it.
    pub(crate) fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        let put = changes.into_iter().filter_map(|change| match change {
            Change::Put { account, contact, was: _ } => self.pack(account, &contact),
            Change::Remove { .. } | Change::OptOuts(_) => None,
        });
        let put: Vec<Stored> = put.collect();
        let mut writes = self.writes.write().unwrap_or_else(PoisonError::into_inner);
        put.into_iter().for_each(|stored| self.put(stored));
        writes.tell();
    }

    /// To be called when no write is under way any more.
    pub(crate) fn rest(&self) {
        self.writes.write().unwrap_or_else(PoisonError::into_inner).rest();
    }

    /// To be called in place of [`Self::tell`] where nobody knows what a commit has done.
    pub(crate) fn forget(&self) {
        let _writes = self.writes.write().unwrap_or_else(PoisonError::into_inner);
        self.contacts.clear();
        self.opted_out.clear();
        self.cursor_pages.clear();
        self.offset_pages.clear();
        self.anchors.clear();
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
        /// What happens at the end of a write that was alone.
        pub(crate) fn end(&self, changes: impl IntoIterator<Item = Change>) {
            self.tell(changes);
            self.rest();
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
    fn a_reader_that_was_overtaken_by_a_write_keeps_nothing() {
        let (cache, account, old) = (ContactCache::new(1 << 20), AccountId::new(1), contact("old"));
        let new = Contact { version: 2, ..old.clone() };
        let put = |contact: &Contact| {
            let was = Some(old.handle.clone());
            Change::Put { account, contact: Arc::new(contact.clone()), was }
        };
        let gone = |account| Change::Remove { account, was: old.handle.clone() };

        let before = cache.moment();
        cache.begin(&[put(&new)]);
        let during = cache.moment();
        cache.keep(before, account, [&old]);
        cache.keep(during, account, [&old]);
        assert!(cache.get(account, old.id).is_none());
        cache.end([put(&new)]);
        cache.keep(before, account, [&old]);
        cache.keep(during, account, [&old]);
        assert_eq!(cache.get(account, old.id), Some(new.clone()));

        cache.begin(&[gone(account)]);
        assert!(cache.get(account, old.id).is_none(), "a list may know already that it is gone");
        cache.end([gone(account)]);
        assert!(cache.get(account, old.id).is_none());
        cache.keep(cache.moment(), account, [&new]);
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
        let early = cache.moment();
        cache.keep_page(&pages, early, account, query, &page);
        let get = |account| cache.page(&pages, account, &query).map(|page| page.total);
        assert_eq!(get(account), Some(1));
        assert_eq!(get(AccountId::new(2)), None, "another account's");
        cache.begin(&[gone(AccountId::new(2))]);
        cache.end([]);
        assert_eq!(get(account), Some(1), "another account was written to");
        cache.begin(&[gone(AccountId::new(2))]);
        cache.keep_page(&pages, early, account, ContactOffsetQuery { offset: 10, ..query }, &page);
        cache.rest();
        assert!(
            cache.page(&pages, account, &ContactOffsetQuery { offset: 10, ..query }).is_some(),
            "as before"
        );
        cache.begin(&[gone(account)]);
        assert_eq!(get(account), None, "the database may say otherwise already");
        cache.keep_page(&pages, cache.moment(), account, query, &page);
        cache.end([]);
        cache.keep_page(&pages, early, account, query, &page);
        assert_eq!(get(account), None);

        cache.begin(&[]);
        cache.forget();
        cache.rest();
        assert!(cache.get(account, old.id).is_none());
    }

    #[test]
    fn a_contact_is_kept_while_others_are_created() {
        let (cache, account, here) = (ContactCache::new(1 << 20), AccountId::new(1), contact("here"));
        let create = || [Change::Put { account, contact: Arc::new(contact("new")), was: None }];
        let before = cache.moment();
        cache.begin(&create());
        cache.keep(cache.moment(), account, [&here]);
        assert_eq!(cache.get(account, here.id), Some(here.clone()));
        cache.end(create());
        let other = contact("other");
        cache.keep(before, account, [&other]);
        assert_eq!(cache.get(account, other.id), Some(other));
    }

    #[test]
    fn a_handle_leads_to_the_contact_that_has_it_now() {
        let (cache, account) = (ContactCache::new(1 << 20), AccountId::new(1));
        let old = contact("one");
        let find = |account, contact: &Contact| cache.find(account, &contact.handle);
        assert_eq!(find(account, &old), None);
        cache.keep(cache.moment(), account, [&old]);
        assert_eq!(find(account, &old), Some(old.clone()));
        assert_eq!(find(AccountId::new(2), &old), None, "another account's");

        let renamed = Contact { handle: Handle::parse("two").unwrap(), ..old.clone() };
        let renaming =
            || Change::Put { account, contact: Arc::new(renamed.clone()), was: Some(old.handle.clone()) };
        cache.begin(&[renaming()]);
        assert_eq!((find(account, &old), find(account, &renamed)), (None, None));
        cache.end([renaming()]);
        assert_eq!((find(account, &old), find(account, &renamed)), (None, Some(renamed.clone())));
        assert_eq!(cache.get(account, old.id), Some(renamed.clone()));
        let heir = contact("one");
        cache.begin(&[]);
        cache.end([Change::Put { account, contact: Arc::new(heir.clone()), was: None }]);
        assert_eq!((find(account, &old), cache.get(account, heir.id)), (Some(heir.clone()), Some(heir)));
        assert_eq!(cache.get(account, old.id), Some(renamed), "the one before it");
    }

    #[test]
    fn contacts_that_are_hashed_to_the_same_place_are_told_apart() {
        let (cache, account, other) = (ContactCache::new(1 << 20), AccountId::new(1), AccountId::new(2));
        let (one, two) = (contact("one"), contact("two"));
        let stored = cache.pack(account, &one).unwrap();
        let places = [cache.place(account, &two.handle), cache.place(other, &one.handle)];
        let ids = [(account, two.id), (other, one.id)].map(|key| cache.hasher.hash_one(key));
        for (place, id) in places.into_iter().zip(ids) {
            cache.put(Stored { id, place, contact: stored.contact.clone() });
        }
        assert_eq!((cache.find(account, &two.handle), cache.find(other, &one.handle)), (None, None));
        assert_eq!((cache.get(account, two.id), cache.get(other, one.id)), (None, None));
        cache.put(stored);
        assert_eq!(
            (cache.find(account, &one.handle), cache.get(account, one.id)),
            (Some(one.clone()), Some(one))
        );
    }

    #[test]
    fn opt_outs_are_read_again_after_each_write_of_them() {
        let (cache, account) = (ContactCache::new(1 << 20), AccountId::new(1));
        let numbers: OptedOut = Arc::new([14_155_550_100].into());
        let early = cache.moment();
        cache.keep_opted_out(early, account, Arc::clone(&numbers));
        assert_eq!(cache.opted_out(account), Some(numbers.clone()));
        assert_eq!(cache.opted_out(AccountId::new(2)), None);
        cache.begin(&[Change::Put { account, contact: Arc::new(contact("one")), was: None }]);
        cache.end([]);
        assert_eq!(cache.opted_out(account), Some(numbers.clone()), "a contact was written");

        cache.begin(&[Change::OptOuts(account)]);
        assert_eq!(cache.opted_out(account), None);
        cache.keep_opted_out(cache.moment(), account, numbers.clone());
        cache.end([Change::OptOuts(account)]);
        cache.keep_opted_out(early, account, numbers.clone());
        assert_eq!(cache.opted_out(account), None, "it was read before");
        cache.keep_opted_out(cache.moment(), account, numbers.clone());
        cache.begin(&[]);
        cache.forget();
        cache.rest();
        assert_eq!(cache.opted_out(account), None);
    }
}
