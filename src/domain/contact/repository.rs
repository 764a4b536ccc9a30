//! What the domain asks of storage about contacts.

use async_trait::async_trait;

use super::model::{Contact, ContactKey, ContactPatch};
use super::query::{ContactOffsetQuery, ContactQuery};
use crate::domain::error::Result;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::precondition::Precondition;
use crate::domain::timestamp::Timestamp;

/// The contacts of one account. It cannot be asked about another.
#[async_trait]
pub trait ContactRepository: Send + Sync {
    /// Stores a new contact; or, where the same attempt was made before, tells what became of that.
    ///
    /// # Errors
    /// [`ErrorCode::HandleTaken`](crate::domain::ErrorCode::HandleTaken) where another contact has its handle;
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse) where the attempt's key is not free.
    async fn insert(&self, contact: Contact, attempt: Option<IdempotentRequest>) -> Result<Created<Contact>>;

    /// Finds one contact.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound), [`ErrorCode::PhoneAmbiguous`](crate::domain::ErrorCode::PhoneAmbiguous).
    async fn get(&self, key: ContactKey) -> Result<Contact>;

    /// Reads, changes and writes one contact, in one transaction.
    ///
    /// # Errors
    /// As [`Self::get`] and [`Self::insert`], whatever [`Contact::patched`] refuses, and
    /// [`ErrorCode::PreconditionFailed`](crate::domain::ErrorCode::PreconditionFailed).
    async fn update(
        &self,
        key: ContactKey,
        patch: ContactPatch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<Contact>;

    /// Deletes one contact.
    ///
    /// # Errors
    /// As [`Self::get`], and [`ErrorCode::PreconditionFailed`](crate::domain::ErrorCode::PreconditionFailed).
    async fn delete(&self, key: ContactKey, precondition: Precondition) -> Result<()>;

    /// A page of the cursor list.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound) where there is no such group, or where the contact of a
    /// cursor is gone and its place cannot be told without it.
    async fn cursor_page(&self, query: ContactQuery) -> Result<CursorPage<Contact>>;

    /// A page of the offset list.
    ///
    /// # Errors
    /// Only what every method can answer: the database is away.
    async fn offset_page(&self, query: ContactOffsetQuery) -> Result<OffsetPage<Contact>>;
}
