//! What is held in memory of the index of each account: its segments' directories, and the tail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::blocks::BlockCache;
use super::segment::Segment;
use super::tables::{self, Gap, Heads};
use crate::domain::search::{Document, MatchType, SearchTerm};
use crate::domain::{AccountId, ContactId, Error, ErrorCode, Result};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup;
use crate::storage::instruments::Instruments;

/// Entries of the log that are read at a time, and contacts.
const LOG_BATCH: u64 = 4_096;
const CONTACT_BATCH: usize = 1_000;

/// Memory for what is held of all accounts, in bytes; beyond it, those that were searched least recently are read anew.
const MAX_TAIL_BYTES: usize = 64 * 1024 * 1024;

/// Shared by the searches and the follower of a process.
#[derive(Clone)]
pub(in crate::storage) struct SearchIndex {
    inner: Arc<Inner>,
}

struct Inner {
    accounts: Mutex<Accounts>,
    blocks: BlockCache,
    /// To read changed contacts from, if this process is the only one that writes them.
    contacts: Option<ContactCache>,
}

#[derive(Default)]
struct Accounts {
    states: HashMap<AccountId, (u64, Arc<AccountIndex>)>,
    uses: u64,
}

/// The index of one account.
#[derive(Default)]
pub(super) struct AccountIndex {
    /// Held while the state is brought up to date.
    refreshing: tokio::sync::Mutex<()>,
    state: RwLock<State>,
}

/// Invariant: the segments have what the log says up to `position`, the tail what it says from there up to `read_to`.
#[derive(Default)]
struct State {
    version: i64,
    position: i64,
    read_to: i64,
    /// By their last id, the greatest first.
    segments: Arc<[Arc<Segment>]>,
    tail: HashMap<ContactId, TailEntry>,
    tail_bytes: usize,
}

struct TailEntry {
    /// Of the contact's last change.
    sequence: i64,
    /// `None` if the contact was deleted.
    document: Option<Arc<Document>>,
}

/// What a search begins with.
pub(in crate::storage) struct View {
    pub(in crate::storage) segments: Arc<[Arc<Segment>]>,
    /// The contacts of the tail that match, as they were read.
    pub(in crate::storage) tail: Vec<(ContactId, MatchType)>,
}

/// What the next segment is to have.
pub(super) struct Unindexed {
    /// Sorted by id.
    pub(super) documents: Vec<(ContactId, Arc<Document>)>,
    /// The last entry of the log that is indexed with it.
    pub(super) position: i64,
}

/// Why an index cannot be searched.
pub(super) fn incomplete() -> Error {
    Error::with_message(ErrorCode::Unavailable, "The search index is being built; try again later")
}

impl SearchIndex {
    pub(in crate::storage) fn new(
        cache_bytes: usize,
        contacts: Option<ContactCache>,
        instruments: Option<Instruments>,
    ) -> Self {
        let blocks = BlockCache::new(cache_bytes, instruments);
        let inner = Inner { accounts: Mutex::default(), blocks, contacts };
        Self { inner: Arc::new(inner) }
    }

    pub(in crate::storage) fn blocks(&self) -> &BlockCache {
        &self.inner.blocks
    }

    /// The contacts that match a term, as of now.
    ///
    /// # Errors
    /// [`ErrorCode::Unavailable`]: the index is not complete.
    pub(in crate::storage) async fn view(
        &self,
        connection: &Connection,
        account: AccountId,
        term: &SearchTerm,
        fuzzy: bool,
    ) -> Result<View> {
        let index = self.account(account);
        let heads = index.refresh(connection, account, self.inner.contacts.as_ref()).await?;
        if heads.is_some_and(|heads| !heads.is_complete()) {
            return Err(incomplete());
        }
        let state = index.read();
        let matching = |(id, entry): (&ContactId, &TailEntry)| {
            Some((*id, MatchType::best(term, fuzzy, entry.document.as_ref()?)?))
        };
        let tail = state.tail.iter().filter_map(matching).collect();
        Ok(View { segments: Arc::clone(&state.segments), tail })
    }

    /// What the log says that is not indexed: of at most `limit` contacts.
    pub(super) async fn unindexed(
        &self,
        connection: &Connection,
        account: AccountId,
        limit: usize,
    ) -> Result<Unindexed> {
        let index = self.account(account);
        index.refresh(connection, account, self.inner.contacts.as_ref()).await?;
        let state = index.read();
        let mut entries: Vec<_> = state.tail.iter().collect();
        let position = if entries.len() > limit {
            entries.select_nth_unstable_by_key(limit - 1, |(_, entry)| entry.sequence);
            entries.truncate(limit);
            // The entries of other contacts between these ones say what the tail still has: their last change is later.
            entries.iter().map(|(_, entry)| entry.sequence).max().unwrap_or(state.position)
        } else {
            state.read_to
        };
        let document =
            |(id, entry): (&ContactId, &TailEntry)| Some((*id, Arc::clone(entry.document.as_ref()?)));
        let mut documents: Vec<_> = entries.into_iter().filter_map(document).collect();
        documents.sort_unstable_by_key(|(id, _)| *id);
        Ok(Unindexed { documents, position })
    }

    /// The live segments.
    pub(super) async fn segments(
        &self,
        connection: &Connection,
        account: AccountId,
    ) -> Result<Arc<[Arc<Segment>]>> {
        let index = self.account(account);
        index.refresh(connection, account, self.inner.contacts.as_ref()).await?;
        Ok(Arc::clone(&index.read().segments))
    }

    fn account(&self, account: AccountId) -> Arc<AccountIndex> {
        let mut accounts = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.uses += 1;
        let now = accounts.uses;
        let (used, index) = accounts.states.entry(account).or_default();
        *used = now;
        let index = Arc::clone(index);
        accounts.evict();
        index
    }
}

impl Accounts {
    /// Forgets the accounts that were used least recently.
    fn evict(&mut self) {
        const CHECK_INTERVAL: u64 = 256;
        if !self.uses.is_multiple_of(CHECK_INTERVAL) {
            return;
        }
        let size = |index: &AccountIndex| index.read().size();
        let mut by_use: Vec<_> =
            self.states.iter().map(|(account, (used, index))| (*used, *account, size(index))).collect();
        by_use.sort_unstable_by(|a, b| b.cmp(a));
        let mut total = 0;
        for (_, account, size) in by_use {
            total += size;
            if total > MAX_TAIL_BYTES {
                self.states.remove(&account);
            }
        }
    }
}

impl AccountIndex {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the log and the tables have that the state has not. Returns how far the log and the index are.
    async fn refresh(
        &self,
        connection: &Connection,
        account: AccountId,
        cache: Option<&ContactCache>,
    ) -> Result<Option<Heads>> {
        let _refreshing = self.refreshing.lock().await;
        let Some(heads) = tables::heads_of(connection, account).await? else { return Ok(None) };
        let (version, read_to) = {
            let state = self.read();
            (state.version, state.read_to)
        };
        // Nothing can be said about an index that is not complete. Its tail is read when it is.
        if !heads.is_complete() {
            return Ok(Some(heads));
        }
        // Read after the heads: the segments have what is said to be indexed, or more.
        let segments =
            if heads.version() == version { None } else { Some(self.segments(connection, account).await?) };
        let mut changed: HashMap<ContactId, i64> = HashMap::new();
        let mut read = read_to.max(heads.position());
        while read < heads.sequence {
            let entries = match tables::log_after(connection, account, read, LOG_BATCH).await? {
                Ok(entries) => entries,
                Err(Gap) => return Err(incomplete()),
            };
            for entry in &entries {
                read = entry.sequence;
                if let Some(contact) = entry.contact {
                    changed.insert(contact, entry.sequence);
                }
            }
        }
        let mut entries = Vec::with_capacity(changed.len());
        let changed: Vec<(ContactId, i64)> = changed.into_iter().collect();
        for batch in changed.chunks(CONTACT_BATCH) {
            let documents = documents(connection, account, cache, batch.iter().map(|(id, _)| *id)).await?;
            entries.extend(batch.iter().map(|(id, sequence)| {
                (*id, TailEntry { sequence: *sequence, document: documents.get(id).cloned() })
            }));
        }
        if segments.is_none() && read == read_to {
            return Ok(Some(heads));
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(segments) = segments {
            state.segments = segments;
            state.version = heads.version();
        }
        if heads.position() > state.position {
            state.position = heads.position();
            state.tail.retain(|_, entry| entry.sequence > heads.position());
        }
        state.read_to = read;
        state.tail.extend(entries);
        state.tail_bytes = state.tail.values().map(TailEntry::size).sum();
        Ok(Some(heads))
    }

    async fn segments(&self, connection: &Connection, account: AccountId) -> Result<Arc<[Arc<Segment>]>> {
        let known: HashMap<i64, Arc<Segment>> =
            self.read().segments.iter().map(|segment| (segment.id(), Arc::clone(segment))).collect();
        let (live, new) = tables::live_segments(connection, account, |id| known.contains_key(&id)).await?;
        let known = live.iter().filter_map(|id| known.get(id).map(Arc::clone));
        let mut segments: Vec<Arc<Segment>> = known.chain(new.into_iter().map(Arc::new)).collect();
        segments.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.last()));
        Ok(segments.into())
    }
}

/// The documents of contacts as they are now; deleted ones have none.
async fn documents(
    connection: &Connection,
    account: AccountId,
    cache: Option<&ContactCache>,
    contacts: impl Iterator<Item = ContactId>,
) -> Result<HashMap<ContactId, Arc<Document>>> {
    let (mut documents, mut missing) = (HashMap::new(), Vec::new());
    for id in contacts {
        match cache.and_then(|cache| cache.get(account, id)) {
            Some(contact) => drop(documents.insert(id, Arc::new(Document::of(&contact)))),
            None => missing.push(id.as_uuid()),
        }
    }
    for contact in contact_lookup::by_ids(connection, account, &missing).await? {
        documents.insert(contact.id, Arc::new(Document::of(&contact)));
    }
    Ok(documents)
}

impl State {
    fn size(&self) -> usize {
        /// Of an account without anything.
        const ACCOUNT_BYTES: usize = 512;
        let directories: usize = self.segments.iter().map(|segment| segment.size()).sum();
        ACCOUNT_BYTES + self.tail_bytes + directories
    }
}

impl TailEntry {
    fn size(&self) -> usize {
        const OVERHEAD: usize = 64;
        OVERHEAD + self.document.as_ref().map_or(0, |document| document.size())
    }
}
