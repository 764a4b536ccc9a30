//! Contact repository: maps the domain's trait to the cache, queries and commands.

use std::sync::Arc;

use async_trait::async_trait;

use super::batch::Prepared;
use super::commands::{self, Edit, EditKind};
use super::{batch, export, queries, search};
use crate::domain::contact::ContactRepository;
use crate::domain::contact::batch::{Batch, BatchOutcome, ItemOutcome};
use crate::domain::contact::{
    ContactFilter, ContactOffsetQuery, ContactQuery, Export, ExportQuery, OrderedOffsetQuery, OrderedPage,
    OrderedQuery,
};
use crate::domain::filter::Filter;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{Cursor, CursorPage, OffsetPage};
use crate::domain::precondition::Precondition;
use crate::domain::search::{ContactSearch, SearchPage};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, ContactPatch, Result, Timestamp};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::cache::{seek_points, seek_read};
use crate::storage::change_set::ChangeSet;
use crate::storage::database::handle::Database;
use crate::storage::db::connection::Connection;
use crate::storage::db::counters;
use crate::storage::entity::idempotency_key::{Recorded, Reference};
use crate::storage::filters::{self, Matcher};
use crate::storage::write::command::{Action, Outcome};
use crate::storage::write::idempotency::Once;

pub(crate) struct SqlContacts {
    database: Database,
    account: AccountId,
}

impl SqlContacts {
    pub(crate) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }

    /// With the current names of the contacts that lack theirs.
    async fn with_handles(&self, mut outcomes: Vec<ItemOutcome>) -> Result<Vec<ItemOutcome>> {
        let mut nameless = Vec::new();
        for outcome in &mut outcomes {
            if let ItemOutcome::Done { id, handle: handle @ None, .. } = outcome {
                nameless.push((ContactKey::Id(*id), handle));
            }
        }
        let keys = nameless.iter().map(|(key, _)| key.clone()).collect();
        for ((_, handle), contact) in nameless.into_iter().zip(self.get_many(keys).await?) {
            *handle = contact.map(|contact| contact.handle);
        }
        Ok(outcomes)
    }
}

#[async_trait]
impl ContactRepository for SqlContacts {
    async fn insert(&self, contact: Contact, request: Option<IdempotentRequest>) -> Result<Created<Contact>> {
        match self.database.execute(Action::CreateContact(Arc::new(contact)), request).await? {
            Outcome::Contact(contact) => {
                Ok(Created { resource: Arc::unwrap_or_clone(contact), replayed: false })
            }
            Outcome::Replayed(Reference { id, is_new: _ }) => {
                let found = self.get(ContactKey::Id(ContactId::from_uuid(id))).await;
                Created::replay(found, "contact")
            }
            other => Err(other.unexpected()),
        }
    }

    async fn get(&self, key: ContactKey) -> Result<Contact> {
        self.database.get_contact(self.account, key).await
    }

    async fn update(
        &self,
        key: ContactKey,
        patch: ContactPatch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<Contact> {
        match self.database.execute(Action::UpdateContact { key, patch, precondition, now }, None).await? {
            Outcome::Contact(contact) => Ok(Arc::unwrap_or_clone(contact)),
            other => Err(other.unexpected()),
        }
    }

    async fn delete(&self, key: ContactKey, precondition: Precondition) -> Result<()> {
        match self.database.execute(Action::DeleteContact { key, precondition }, None).await? {
            Outcome::Deleted => Ok(()),
            other => Err(other.unexpected()),
        }
    }

    async fn apply_batch(&self, batch: Batch, request: Option<IdempotentRequest>) -> Result<BatchOutcome> {
        let (prepared, is_recorded) = (Arc::new(Prepared::new(batch)), request.is_some());
        let (context, cache) = (Arc::clone(self.database.context()?), self.database.cache().cloned());
        let quota = self.database.contact_quota().clone();
        let once = self.database.write_once(request, {
            let prepared = Arc::clone(&prepared);
            move |transaction| {
                Box::pin(async move {
                    let (outcomes, change_set) =
                        batch::apply(transaction, &context, &prepared, cache.as_ref(), &quota).await?;
                    let recorded = if is_recorded { batch::encode(&outcomes)? } else { Vec::new() };
                    Ok(((Recorded::Result(recorded), outcomes), change_set))
                })
            }
        });
        match once.await? {
            Once::Done(items) => Ok(BatchOutcome { items, replayed: false }),
            Once::Replayed(recorded) => {
                let items = batch::decode(&prepared.batch, &recorded.into_result()?)?;
                Ok(BatchOutcome { items: self.with_handles(items).await?, replayed: true })
            }
        }
    }

    async fn get_many(&self, keys: Vec<ContactKey>) -> Result<Vec<Option<Contact>>> {
        let (account, cache) = (self.account, self.database.cache());
        let cached = |key: &ContactKey| match key {
            ContactKey::Id(id) => cache?.get(account, *id),
            ContactKey::Handle(handle) => cache?.find(account, handle),
            ContactKey::Phone(_) => None,
        };
        let mut contacts: Vec<Option<Contact>> = keys.iter().map(cached).collect();
        let missing = keys.iter().zip(&contacts).filter(|(_, contact)| contact.is_none());
        let missing: Vec<ContactKey> = missing.map(|(key, _)| key.clone()).collect();
        if missing.is_empty() {
            return Ok(contacts);
        }
        let read_version = cache.map(ContactCache::read_version);
        let found = self
            .database
            .read(async move |reader| queries::find_many(&reader, account, &missing).await)
            .await?;
        if let (Some(cache), Some(read_version)) = (cache, read_version) {
            cache.insert_if_current(read_version, account, found.iter().flatten());
        }
        let gaps = contacts.iter_mut().filter(|contact| contact.is_none());
        gaps.zip(found).for_each(|(gap, found)| *gap = found);
        Ok(contacts)
    }

    async fn delete_many(&self, keys: Vec<(ContactKey, Precondition)>) -> Result<Vec<bool>> {
        let context = Arc::clone(self.database.context()?);
        let cache = self.database.cache().cloned();
        let delete = self.database.write_deletion(move |transaction| {
            Box::pin(async move {
                let edits: Vec<_> = keys
                    .iter()
                    .map(|(key, precondition)| Edit {
                        context: &context,
                        key,
                        precondition,
                        kind: EditKind::Delete,
                    })
                    .collect();
                let mut change_set = ChangeSet::default();
                let edited = commands::edit(transaction, &edits, cache.as_ref(), &mut change_set).await?;
                Ok((edited.into_iter().map(|edited| edited.is_ok()).collect(), change_set))
            })
        });
        delete.await
    }

    async fn count(&self, filter: ContactFilter) -> Result<u64> {
        let (account, counts) = (self.account, self.database.counts());
        let count = async move |reader: Connection| {
            if filter == ContactFilter::default() {
                return counters::read(&reader, account, counters::CONTACTS).await;
            }
            let matcher = Matcher::resolve(&reader, &counts, account, &filter).await?;
            filters::page::count(&reader, &matcher).await
        };
        self.database.read(count).await
    }

    async fn find_matching(&self, filter: Filter, max: usize) -> Result<Option<Vec<Contact>>> {
        let (account, counts) = (self.account, self.database.counts());
        let find = async move |reader: Connection| {
            let matcher = Matcher::resolve(&reader, &counts, account, &filter.into()).await?;
            filters::page::find_all(&reader, &matcher, max).await
        };
        self.database.read(find).await
    }

    async fn find_matching_ids(&self, filter: Filter, max: usize) -> Result<Option<Vec<ContactId>>> {
        let (account, counts) = (self.account, self.database.counts());
        let find = async move |reader: Connection| {
            let matcher = Matcher::resolve(&reader, &counts, account, &filter.into()).await?;
            filters::page::find_ids(&reader, &matcher, max).await
        };
        self.database.read(find).await
    }

    async fn cursor_page(&self, query: ContactQuery) -> Result<CursorPage<Contact>> {
        let (account, counts, query_for_read) = (self.account, self.database.counts(), query.clone());
        let job = async move |reader| queries::cursor_page(&reader, &counts, account, query_for_read).await;
        // Cached pages are invalidated by changes of contacts, not of group members, and not by time.
        let ContactFilter { handle: _, phone: _, updated_since: _, group, expression } = &query.filter;
        let of_contacts_alone = group.is_none() && expression.is_none();
        let beginning = query.cursor == Cursor::default() && of_contacts_alone;
        self.database.cached_page(|cache| &cache.cursor_pages, beginning, account, query, job).await
    }

    async fn offset_page(&self, query: ContactOffsetQuery) -> Result<OffsetPage<Contact>> {
        let (database, account) = (&self.database, self.account);
        let from = |anchor| async move |reader| queries::offset_page(&reader, account, query, anchor).await;
        match database.cache() {
            Some(cache) if query.offset >= seek_points::STEP => {
                seek_read::read_page(cache, account, query, |anchor| database.read(from(anchor))).await
            }
            _ => {
                let beginning = query.offset == 0;
                database.cached_page(|cache| &cache.offset_pages, beginning, account, query, from(None)).await
            }
        }
    }

    async fn ordered_page(&self, query: OrderedQuery) -> Result<OrderedPage> {
        let (account, counts) = (self.account, self.database.counts());
        let read =
            async move |reader: Connection| filters::ordered::page(&reader, &counts, account, query).await;
        self.database.read(read).await
    }

    async fn ordered_offset_page(&self, query: OrderedOffsetQuery) -> Result<OffsetPage<Contact>> {
        let (account, counts) = (self.account, self.database.counts());
        let read = async move |reader: Connection| {
            filters::ordered::offset_page(&reader, &counts, account, query).await
        };
        self.database.read(read).await
    }

    async fn search(&self, search: ContactSearch) -> Result<SearchPage> {
        let (index, counts) = (self.database.parts.search_index.clone(), self.database.counts());
        let account = self.account;
        let find = async move |reader| search::search(&reader, &index, &counts, account, search).await;
        self.database.read(find).await
    }

    async fn export(&self, query: ExportQuery) -> Result<Export> {
        export::open(&self.database, self.account, query).await
    }
}
