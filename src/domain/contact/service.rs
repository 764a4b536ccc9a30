//! What may be asked of the contacts of an account, whichever dialect asks.

use super::{Contact, ContactFilter, ContactId, ContactKey, ContactPatch, NewContact};
use crate::domain::contact::ContactRepository;
use crate::domain::contact::batch::{Batch, BatchOutcome};
use crate::domain::contact::{
    ContactOffsetQuery, ContactQuery, Export, ExportQuery, OrderedOffsetQuery, OrderedPage, OrderedQuery,
};
use crate::domain::error::Result;
use crate::domain::filter::Filter;
use crate::domain::idempotency::{self, Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, MAX_BATCH, OffsetPage};
use crate::domain::precondition::Precondition;
use crate::domain::search::{ContactSearch, Found, SearchPage, SearchTerm};
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::{FieldViolation, Violation};

/// How far a search goes by offset: what is skipped is searched for, too.
pub const MAX_SEARCH_WINDOW: u64 = 1_000;

/// A page of a search may be shorter than requested; so many follow each other at most.
const MAX_SEARCH_ROUNDS: usize = 5;

/// The contacts of one account.
pub struct ContactService {
    repository: Box<dyn ContactRepository>,
}

impl ContactService {
    /// Over the repository of the account.
    #[must_use]
    pub fn new(repository: Box<dyn ContactRepository>) -> Self {
        Self { repository }
    }

    /// Creates a contact; see [`idempotency::create`].
    ///
    /// # Errors
    /// See [`ContactRepository::insert`].
    pub async fn create(
        &self,
        new: NewContact,
        attempt: Option<IdempotentRequest>,
        may_read: bool,
    ) -> Result<Created<Contact>> {
        let insert = async |contact, attempt| self.repository.insert(contact, attempt).await;
        idempotency::create(Contact::new(new), attempt, may_read, insert).await
    }

    /// Finds a contact.
    ///
    /// # Errors
    /// See [`ContactRepository::get`].
    pub async fn get(&self, key: ContactKey) -> Result<Contact> {
        self.repository.get(key).await
    }

    /// Changes a contact.
    ///
    /// # Errors
    /// See [`ContactRepository::update`].
    pub async fn update(
        &self,
        key: ContactKey,
        patch: ContactPatch,
        precondition: Precondition,
    ) -> Result<Contact> {
        self.repository.update(key, patch, precondition, Timestamp::now()).await
    }

    /// Deletes a contact.
    ///
    /// # Errors
    /// See [`ContactRepository::delete`].
    pub async fn delete(&self, key: ContactKey, precondition: Precondition) -> Result<()> {
        self.repository.delete(key, precondition).await
    }

    /// Creates and updates many contacts.
    ///
    /// # Errors
    /// See [`ContactRepository::apply_batch`].
    pub async fn apply_batch(
        &self,
        batch: Batch,
        attempt: Option<IdempotentRequest>,
    ) -> Result<BatchOutcome> {
        self.repository.apply_batch(batch, attempt).await
    }

    /// Finds many contacts.
    ///
    /// # Errors
    /// See [`ContactRepository::get_many`].
    pub async fn get_many(&self, keys: Vec<ContactKey>) -> Result<Vec<Option<Contact>>> {
        self.repository.get_many(keys).await
    }

    /// Deletes many contacts.
    ///
    /// # Errors
    /// See [`ContactRepository::delete_many`].
    pub async fn delete_many(&self, keys: Vec<ContactKey>) -> Result<Vec<bool>> {
        let keys = keys.into_iter().map(|key| (key, Precondition::None));
        self.repository.delete_many(keys.collect()).await
    }

    /// Finds the contacts that match, newest first, at most [`MAX_BATCH`].
    ///
    /// # Errors
    /// See [`ContactRepository::find_matching`]; a violation if more match.
    pub async fn find_matching(&self, filter: Filter) -> Result<Vec<Contact>> {
        let found = self.repository.find_matching(filter, MAX_BATCH).await?;
        found.ok_or_else(|| FieldViolation::at("filter", Violation::TooManyMatches { max: MAX_BATCH }).into())
    }

    /// Finds the ids of the contacts that match, newest first.
    ///
    /// # Errors
    /// See [`ContactRepository::find_matching_ids`]; a violation if more than `max` match.
    pub async fn find_matching_ids(&self, filter: Filter, max: usize) -> Result<Vec<ContactId>> {
        let found = self.repository.find_matching_ids(filter, max).await?;
        found.ok_or_else(|| FieldViolation::at("filter", Violation::TooManyMatches { max }).into())
    }

    /// Deletes the contacts that match, at most [`MAX_BATCH`]; returns them. One that is changed meanwhile is left alone:
    /// it may not match any more.
    ///
    /// # Errors
    /// As [`Self::find_matching`]: then nothing was deleted.
    pub async fn delete_matching(&self, filter: Filter) -> Result<Vec<ContactId>> {
        let found = self.find_matching(filter).await?;
        let key =
            |contact: &Contact| (ContactKey::Id(contact.id), Precondition::OneOf(vec![contact.version]));
        let is_deleted = self.repository.delete_many(found.iter().map(key).collect()).await?;
        let deleted = found.into_iter().zip(is_deleted).filter(|(_, is_deleted)| *is_deleted);
        Ok(deleted.map(|(contact, _)| contact.id).collect())
    }

    /// How many contacts match.
    ///
    /// # Errors
    /// See [`ContactRepository::count`].
    pub async fn count(&self, filter: ContactFilter) -> Result<u64> {
        self.repository.count(filter).await
    }

    /// A page by cursor.
    ///
    /// # Errors
    /// See [`ContactRepository::cursor_page`].
    pub async fn cursor_page(&self, query: ContactQuery) -> Result<CursorPage<Contact>> {
        self.repository.cursor_page(query).await
    }

    /// A page in an order of the request.
    ///
    /// # Errors
    /// See [`ContactRepository::ordered_page`].
    pub async fn ordered_page(&self, query: OrderedQuery) -> Result<OrderedPage> {
        self.repository.ordered_page(query).await
    }

    /// A page by offset, in an order of the request.
    ///
    /// # Errors
    /// See [`ContactRepository::ordered_offset_page`].
    pub async fn ordered_offset_page(&self, query: OrderedOffsetQuery) -> Result<OffsetPage<Contact>> {
        self.repository.ordered_offset_page(query).await
    }

    /// What a search finds.
    ///
    /// # Errors
    /// See [`ContactRepository::search`].
    pub async fn search(&self, search: ContactSearch) -> Result<SearchPage> {
        self.repository.search(search).await
    }

    /// What a search finds, by offset. The total is exact on the last page; on others it says that there is more.
    ///
    /// # Errors
    /// See [`ContactRepository::search`], and the window is larger than [`MAX_SEARCH_WINDOW`].
    pub async fn search_offset(
        &self,
        term: SearchTerm,
        fuzzy: bool,
        filter: ContactFilter,
        offset: u64,
        limit: u64,
    ) -> Result<OffsetPage<Found>> {
        let end = offset + limit;
        if end > MAX_SEARCH_WINDOW {
            let violation = Violation::OutOfRange { min: 0, max: MAX_SEARCH_WINDOW.saturating_sub(limit) };
            return Err(FieldViolation::at("offset", violation).into());
        }
        let mut found = Vec::new();
        let mut after = None;
        for _ in 0..MAX_SEARCH_ROUNDS {
            let limit = end - found.len() as u64;
            let page = self
                .search(ContactSearch { term: term.clone(), fuzzy, filter: filter.clone(), after, limit })
                .await?;
            found.extend(page.items);
            after = page.next;
            if after.is_none() || found.len() as u64 >= end {
                break;
            }
        }
        let total = found.len() as u64 + u64::from(after.is_some());
        let items = found.into_iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).collect();
        Ok(OffsetPage { items, total })
    }

    /// A page by offset, of all contacts or of those that match.
    ///
    /// # Errors
    /// See [`ContactRepository::offset_page`] and [`ContactRepository::ordered_offset_page`].
    pub async fn offset_page(
        &self,
        query: ContactOffsetQuery,
        filter: Option<Filter>,
    ) -> Result<OffsetPage<Contact>> {
        match filter {
            None => self.repository.offset_page(query).await,
            Some(filter) => self.repository.ordered_offset_page(query.of_matching(filter)).await,
        }
    }

    /// An export.
    ///
    /// # Errors
    /// See [`ContactRepository::export`].
    pub async fn export(&self, query: ExportQuery) -> Result<Export> {
        self.repository.export(query).await
    }
}
