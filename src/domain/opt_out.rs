//! Opt-outs: phone numbers that want no messages.
//!
//! They belong to an account and a number, and know of no contact: whatever becomes of the contacts with
//! the number, it stays out until somebody takes that back.

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

/// How a number came to be out: `STOP by SMS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

stored_text!(Source);

impl Source {
    /// Longest source, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Reads a source.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }
}

/// Whatever else is to be remembered of an opt-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

stored_text!(Note);

impl Note {
    /// Longest note, in characters.
    pub const MAX_CHARS: usize = 500;

    /// Reads a note.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }
}

/// A number that is out. There is one of each number, and it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOut {
    /// Made by the server.
    pub id: OptOutId,
    /// The number.
    pub phone: Phone,
    /// How it came to be out.
    pub source: Option<Source>,
    /// Whatever else is to be remembered.
    pub note: Option<Note>,
    /// The moment in the id: since when the number is out.
    pub created_at: Timestamp,
}

/// What opts a number out.
#[derive(Clone, Debug)]
pub struct NewOptOut {
    /// See [`OptOut::phone`].
    pub phone: Phone,
    /// See [`OptOut::source`].
    pub source: Option<Source>,
    /// See [`OptOut::note`].
    pub note: Option<Note>,
}

impl OptOut {
    /// An opt-out that is about to be stored.
    #[must_use]
    pub fn new(new: NewOptOut) -> Self {
        let NewOptOut { phone, source, note } = new;
        let (id, created_at) = OptOutId::generate();
        Self { id, phone, source, note, created_at }
    }

    /// Without source and note, which another caller may have set.
    #[must_use]
    pub fn without_remarks(self) -> Self {
        Self { source: None, note: None, ..self }
    }
}

/// How a request names an opt-out.
#[derive(Clone, Debug)]
pub enum OptOutKey {
    /// By its id.
    Id(OptOutId),
    /// By the number.
    Phone(Phone),
}

impl OptOutKey {
    /// Reads an id, or a number in any accepted spelling. (No number has the length and the letters of
    /// an id.)
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        match OptOutId::parse(text) {
            Some(id) => Ok(Self::Id(id)),
            None => Phone::parse(text).map(Self::Phone).map_err(|_| Violation::NotContactKey),
        }
    }
}

/// What became of opting a number out.
#[derive(Clone, Debug)]
pub struct OptOutResult {
    /// The opt-out that there is now.
    pub opt_out: OptOut,
    /// Whether there was none before.
    pub is_new: bool,
}

/// A page of the list, the newest first.
#[derive(Clone, Debug)]
pub struct OptOutQuery {
    /// Which page.
    pub page: CursorParams<OptOutId>,
    /// Only the opt-out of this number.
    pub phone: Option<Phone>,
}

/// The opt-outs of one account. It cannot be asked about another.
#[async_trait]
pub trait OptOutRepository: Send + Sync {
    /// Opts a number out; where it is out already, everything stays as it was the first time. Or, where
    /// the same attempt was made before, tells what became of that.
    ///
    /// # Errors
    /// [`ErrorCode::IdempotencyKeyReused`](super::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](super::ErrorCode::IdempotencyKeyInUse) where the attempt's key is not free.
    async fn enter(
        &self,
        opt_out: OptOut,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Created<OptOutResult>>;

    /// Finds one opt-out.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](super::ErrorCode::NotFound).
    async fn get(&self, key: OptOutKey) -> Result<OptOut>;

    /// Takes one back.
    ///
    /// # Errors
    /// As [`Self::get`].
    async fn delete(&self, key: OptOutKey) -> Result<()>;

    /// A page of the cursor list.
    ///
    /// # Errors
    /// Only what every method can answer: the database is away.
    async fn cursor_page(&self, query: OptOutQuery) -> Result<CursorPage<OptOut>>;

    /// A page of the offset list.
    ///
    /// # Errors
    /// Only what every method can answer: the database is away.
    async fn offset_page(&self, query: OffsetParams) -> Result<OffsetPage<OptOut>>;
}
