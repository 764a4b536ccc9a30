//! Opt-outs: phone numbers that must not receive messages.
//!
//! An opt-out belongs to an account and a number, not to a contact: it survives updates and deletion of contacts with
//! that number, until it is deleted itself.

use async_trait::async_trait;

use super::contact::fields::Phone;
use super::error::Result;
use super::id::id_type;
use super::idempotency::{Created, IdempotentRequest};
use super::pagination::{CursorPage, CursorParams, OffsetPage, OffsetParams};
use super::text;
use super::text::stored_text;
use super::timestamp::Timestamp;
use super::violation::Violation;

id_type! {
    /// The id of an opt-out.
    OptOutId
}

/// How the number was opted out, for example `STOP by SMS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

stored_text!(Source);

impl Source {
    pub const MAX_CHARS: usize = 64;

    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }
}

/// Free text of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

stored_text!(Note);

impl Note {
    pub const MAX_CHARS: usize = 500;

    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }
}

/// Immutable, and unique by number within the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOut {
    pub id: OptOutId,
    pub phone: Phone,
    pub source: Option<Source>,
    pub note: Option<Note>,
    /// The timestamp in the id.
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewOptOut {
    pub phone: Phone,
    pub source: Option<Source>,
    pub note: Option<Note>,
}

impl OptOut {
    #[must_use]
    pub fn new(new: NewOptOut) -> Self {
        let NewOptOut { phone, source, note } = new;
        let (id, created_at) = OptOutId::generate();
        Self { id, phone, source, note, created_at }
    }

    /// Without source and note: a caller without read permission must not see what another caller has stored.
    #[must_use]
    pub fn without_remarks(self) -> Self {
        Self { source: None, note: None, ..self }
    }
}

#[derive(Clone, Debug)]
pub enum OptOutKey {
    Id(OptOutId),
    Phone(Phone),
}

impl OptOutKey {
    /// Accepts an id, or a number in any accepted spelling. The two are disjoint: no number has the form of an id.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        match OptOutId::parse(text) {
            Some(id) => Ok(Self::Id(id)),
            None => Phone::parse(text).map(Self::Phone).map_err(|_| Violation::NotContactKey),
        }
    }
}

#[derive(Clone, Debug)]
pub struct OptOutResult {
    /// The stored opt-out, which may be older than the request.
    pub opt_out: OptOut,
    pub is_new: bool,
}

/// A page of the list, the newest first.
#[derive(Clone, Debug)]
pub struct OptOutQuery {
    pub page: CursorParams<OptOutId>,
    pub phone: Option<Phone>,
}

/// Scoped to one account.
#[async_trait]
pub trait OptOutRepository: Send + Sync {
    /// Inserts an opt-out unless the number has one, which is left unchanged. A repeated request replays the result
    /// of the first.
    ///
    /// # Errors
    /// [`ErrorCode::IdempotencyKeyReused`](super::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](super::ErrorCode::IdempotencyKeyInUse).
    async fn create(
        &self,
        opt_out: OptOut,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Created<OptOutResult>>;

    /// Finds one opt-out.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](super::ErrorCode::NotFound).
    async fn get(&self, key: OptOutKey) -> Result<OptOut>;

    /// # Errors
    /// As [`Self::get`].
    async fn delete(&self, key: OptOutKey) -> Result<()>;

    async fn cursor_page(&self, query: OptOutQuery) -> Result<CursorPage<OptOut>>;

    async fn offset_page(&self, query: OffsetParams) -> Result<OffsetPage<OptOut>>;
}

/// The opt-outs of one account.
pub struct OptOutService {
    repository: Box<dyn OptOutRepository>,
}

impl OptOutService {
    #[must_use]
    pub fn new(repository: Box<dyn OptOutRepository>) -> Self {
        Self { repository }
    }

    /// Opts a number out; one that has opted out already keeps its opt-out unchanged.
    ///
    /// # Errors
    /// As [`OptOutRepository::create`].
    pub async fn create(
        &self,
        new: NewOptOut,
        idempotent: Option<IdempotentRequest>,
    ) -> Result<Created<OptOutResult>> {
        self.repository.create(OptOut::new(new), idempotent).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`](super::ErrorCode::NotFound).
    pub async fn get(&self, key: OptOutKey) -> Result<OptOut> {
        self.repository.get(key).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`](super::ErrorCode::NotFound).
    pub async fn delete(&self, key: OptOutKey) -> Result<()> {
        self.repository.delete(key).await
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn cursor_page(&self, query: OptOutQuery) -> Result<CursorPage<OptOut>> {
        self.repository.cursor_page(query).await
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn offset_page(&self, params: OffsetParams) -> Result<OffsetPage<OptOut>> {
        self.repository.offset_page(params).await
    }
}
