//! Persistence of contacts.

use async_trait::async_trait;

use super::batch::{Batch, BatchOutcome};
use super::export::{Export, ExportQuery};
use super::model::{Contact, ContactId, ContactKey, ContactPatch};
use super::query::{
    ContactFilter, ContactOffsetQuery, ContactQuery, OrderedOffsetQuery, OrderedPage, OrderedQuery,
};
use crate::domain::error::Result;
use crate::domain::filter::Filter;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::precondition::Precondition;
use crate::domain::search::{ContactSearch, SearchPage};
use crate::domain::timestamp::Timestamp;

/// Scoped to one account.
#[async_trait]
pub trait ContactRepository: Send + Sync {
    /// Inserts a contact. A repeated request replays the result of the first.
    ///
    /// # Errors
    /// [`ErrorCode::HandleTaken`](crate::domain::ErrorCode::HandleTaken),
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse).
    async fn insert(&self, contact: Contact, attempt: Option<IdempotentRequest>) -> Result<Created<Contact>>;

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound),
    /// [`ErrorCode::PhoneAmbiguous`](crate::domain::ErrorCode::PhoneAmbiguous).
    async fn get(&self, key: ContactKey) -> Result<Contact>;

    /// Reads, patches and writes one contact in one transaction.
    ///
    /// # Errors
    /// As [`Self::get`], [`Self::insert`] and [`Contact::patched`], and
    /// [`ErrorCode::PreconditionFailed`](crate::domain::ErrorCode::PreconditionFailed).
    async fn update(
        &self,
        key: ContactKey,
        patch: ContactPatch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<Contact>;

    /// # Errors
    /// As [`Self::get`], and [`ErrorCode::PreconditionFailed`](crate::domain::ErrorCode::PreconditionFailed).
    async fn delete(&self, key: ContactKey, precondition: Precondition) -> Result<()>;

    /// Carries out a batch in one transaction. A repeated request replays the result of the first.
    ///
    /// # Errors
    /// That of the first item that failed, if the batch is atomic: nothing was changed then. And
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse).
    async fn apply_batch(&self, batch: Batch, request: Option<IdempotentRequest>) -> Result<BatchOutcome>;

    /// The contact of each key, if there is one; of a number that several contacts share, there is none.
    async fn get_many(&self, keys: Vec<ContactKey>) -> Result<Vec<Option<Contact>>>;

    /// Deletes the contacts of these keys in one transaction, one after the other. Returns whether each was found, with a
    /// version that its precondition allows.
    async fn delete_many(&self, keys: Vec<(ContactKey, Precondition)>) -> Result<Vec<bool>>;

    /// How many contacts match.
    ///
    /// # Errors
    /// As [`Filter::resolve`], and [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound): there is no such group.
    async fn count(&self, filter: ContactFilter) -> Result<u64>;

    /// The contacts that match, newest first; `None` if they are more than `max`.
    ///
    /// # Errors
    /// As [`Self::count`].
    async fn find_matching(&self, filter: Filter, max: usize) -> Result<Option<Vec<Contact>>>;

    /// The ids of the contacts that match, newest first; `None` if they are more than `max`.
    ///
    /// # Errors
    /// As [`Self::count`].
    async fn find_matching_ids(&self, filter: Filter, max: usize) -> Result<Option<Vec<ContactId>>>;

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound): there is no such group, or the contact of a
    /// cursor was deleted and its position depends on more than its id; and as [`Filter::resolve`].
    async fn cursor_page(&self, query: ContactQuery) -> Result<CursorPage<Contact>>;

    async fn offset_page(&self, query: ContactOffsetQuery) -> Result<OffsetPage<Contact>>;

    /// A page in an order of the request.
    ///
    /// # Errors
    /// As [`Self::count`] and [`declared`](crate::domain::filter::declared), and
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound): the contact of the cursor, which says nothing of its place,
    /// was deleted.
    async fn ordered_page(&self, query: OrderedQuery) -> Result<OrderedPage>;

    /// A page in an order of the request, and how many contacts there are.
    ///
    /// # Errors
    /// As [`Self::count`] and [`declared`](crate::domain::filter::declared).
    async fn ordered_offset_page(&self, query: OrderedOffsetQuery) -> Result<OffsetPage<Contact>>;

    /// A page of what a search finds: the best match first, among equals the newest.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound): there is no such group, or the contact of the cursor no
    /// longer matches. [`ErrorCode::Unavailable`](crate::domain::ErrorCode::Unavailable): the index is being built.
    async fn search(&self, search: ContactSearch) -> Result<SearchPage>;

    /// Opens an export. Reads no contact yet.
    ///
    /// # Errors
    /// As [`Self::count`].
    async fn export(&self, query: ExportQuery) -> Result<Export>;
}
