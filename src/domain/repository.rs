//! What the domain asks of storage.

use std::sync::Arc;

use async_trait::async_trait;

use super::account::{AccountId, AccountName};
use super::api_key::{ApiKey, KeyId, ListedKey};
use super::audience::AudienceRepository;
use super::contact::{Contact, ContactKey, ContactPatch};
use super::error::Result;
use super::group::GroupRepository;
use super::idempotency::{Created, IdempotentRequest};
use super::opt_out::OptOutRepository;
use super::pagination::{CursorPage, CursorQuery, OffsetPage, OffsetQuery};
use super::precondition::Precondition;
use super::template::saved::TemplateRepository;
use super::timestamp::Timestamp;

/// The contacts of one account. It cannot be asked about another.
#[async_trait]
pub trait ContactRepository: Send + Sync {
    /// Stores a new contact; or, where the same attempt was made before, tells what became of that.
    ///
    /// # Errors
    /// [`ErrorCode::HandleTaken`](super::ErrorCode::HandleTaken) where another contact has its handle;
    /// [`ErrorCode::IdempotencyKeyReused`](super::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](super::ErrorCode::IdempotencyKeyInUse) where the attempt's key is not free.
    async fn insert(&self, contact: Contact, attempt: Option<IdempotentRequest>) -> Result<Created<Contact>>;

    /// Finds one contact.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](super::ErrorCode::NotFound), [`ErrorCode::PhoneAmbiguous`](super::ErrorCode::PhoneAmbiguous).
    async fn get(&self, key: ContactKey) -> Result<Contact>;

    /// Reads, changes and writes one contact, in one transaction.
    ///
    /// # Errors
    /// As [`Self::get`] and [`Self::insert`], whatever [`Contact::patched`] refuses, and
    /// [`ErrorCode::PreconditionFailed`](super::ErrorCode::PreconditionFailed).
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
    /// As [`Self::get`], and [`ErrorCode::PreconditionFailed`](super::ErrorCode::PreconditionFailed).
    async fn delete(&self, key: ContactKey, precondition: Precondition) -> Result<()>;

    /// A page of the cursor list.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](super::ErrorCode::NotFound) where there is no such group, or where the contact of a
    /// cursor is gone and its place cannot be told without it.
    async fn cursor_page(&self, query: CursorQuery) -> Result<CursorPage>;

    /// A page of the offset list.
    ///
    /// # Errors
    /// Only what every method can answer: the database is away.
    async fn offset_page(&self, query: OffsetQuery) -> Result<OffsetPage>;
}

/// The accounts and the keys of all of them.
#[async_trait]
pub trait KeyRepository: Send + Sync {
    /// The account with this name, made if it is new.
    ///
    /// # Errors
    /// The database is away.
    async fn ensure_account(&self, name: &AccountName) -> Result<AccountId>;

    /// The account with this name, if there is one.
    ///
    /// # Errors
    /// The database is away.
    async fn find_account(&self, name: &AccountName) -> Result<Option<AccountId>>;

    /// Stores a new key.
    ///
    /// # Errors
    /// The database is away.
    async fn insert(&self, key: ApiKey) -> Result<()>;

    /// Whether there is any key.
    ///
    /// # Errors
    /// The database is away.
    async fn any(&self) -> Result<bool>;

    /// Makes an account and stores its key, unless there is any key already.
    /// Answers whether it did; of several that try at once, one does.
    ///
    /// # Errors
    /// The database is away.
    async fn insert_first(&self, account: &AccountName, key: NewKey) -> Result<bool>;

    /// The key with this id.
    ///
    /// # Errors
    /// The database is away.
    async fn find(&self, id: &KeyId) -> Result<Option<ApiKey>>;

    /// The keys of one account or of all, oldest first.
    ///
    /// # Errors
    /// The database is away.
    async fn list(&self, account: Option<AccountId>) -> Result<Vec<ListedKey>>;

    /// Takes a key back. Answers whether there was such a key; one that was taken back before stays
    /// as it was.
    ///
    /// # Errors
    /// The database is away.
    async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool>;

    /// Stores the successor of a key and lets the old one run out, in one transaction.
    ///
    /// # Errors
    /// The database is away.
    async fn replace(&self, old: &KeyId, old_expires_at: Timestamp, new: ApiKey) -> Result<()>;
}

/// A key that does not know its account yet.
pub type NewKey = Arc<dyn Fn(AccountId) -> ApiKey + Send + Sync>;

/// A database: where repositories come from.
#[async_trait]
pub trait Store: Send + Sync {
    /// The contacts of one account.
    fn contacts(&self, account: AccountId) -> Box<dyn ContactRepository>;

    /// The groups of one account.
    fn groups(&self, account: AccountId) -> Box<dyn GroupRepository>;

    /// The opt-outs of one account.
    fn opt_outs(&self, account: AccountId) -> Box<dyn OptOutRepository>;

    /// The templates of one account.
    fn templates(&self, account: AccountId) -> Box<dyn TemplateRepository>;

    /// Recipients in one account.
    fn audiences(&self, account: AccountId) -> Arc<dyn AudienceRepository>;

    /// Accounts and keys.
    fn keys(&self) -> Box<dyn KeyRepository>;

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// It gives none.
    async fn ping(&self) -> Result<()>;

    /// Waits for what is under way and closes the database.
    async fn close(&self);
}
