//! Templates that are kept under a name.

use async_trait::async_trait;

use super::engine::{Template, Variable};
use crate::domain::error::Result;
use crate::domain::id::id_type;
use crate::domain::idempotency::{Created, IdempotentRequest, Resource};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::precondition::Precondition;
use crate::domain::text;
use crate::domain::text::stored_text;
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::Violation;

id_type! {
    /// The id of a template.
    TemplateId
}

/// The name by which a template is asked for. Unique within the account, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateName(String);

stored_text!(TemplateName);

impl TemplateName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Reads a name: trimmed, in normal form C, without invisible characters.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }
}

/// The text of a template, exactly as it was given: a blank at its end may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText(String);

stored_text!(TemplateText);

impl TemplateText {
    /// Longest text, in characters.
    pub const MAX_CHARS: usize = Template::MAX_CHARS;

    /// Reads a text, as a template.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        Template::parse(text).map(|_| Self(text.to_owned()))
    }

    /// The variables of the template, in the order of the text.
    #[must_use]
    pub fn variables(&self) -> Vec<Variable> {
        // Read before it was stored. If a later version of the engine refuses it, whoever uses the
        // template is told; a list of templates is no place for that.
        Template::parse(&self.0).map(|template| template.variables().to_vec()).unwrap_or_default()
    }
}

/// A template as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedTemplate {
    /// Made by the server.
    pub id: TemplateId,
    /// Unique within the account.
    pub name: TemplateName,
    /// What is filled in for each recipient.
    pub text: TemplateText,
    /// The moment in the id.
    pub created_at: Timestamp,
    /// The moment of the last change; at first `created_at`.
    pub updated_at: Timestamp,
    /// Grows by one with each change, from 1.
    pub version: i64,
}

/// What makes a template.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    /// See [`SavedTemplate::name`].
    pub name: TemplateName,
    /// See [`SavedTemplate::text`].
    pub text: TemplateText,
}

/// What changes a template: `None` keeps.
#[derive(Clone, Debug)]
pub struct TemplatePatch {
    /// See [`SavedTemplate::name`].
    pub name: Option<TemplateName>,
    /// See [`SavedTemplate::text`].
    pub text: Option<TemplateText>,
}

impl Resource for SavedTemplate {
    fn first_created(self, stored: &Self) -> Self {
        let created_at = stored.created_at;
        Self { id: stored.id, created_at, updated_at: created_at, ..self }
    }
}

impl SavedTemplate {
    /// A template that is about to be stored for the first time.
    #[must_use]
    pub fn new(new: NewTemplate) -> Self {
        let NewTemplate { name, text } = new;
        let (id, created_at) = TemplateId::generate();
        Self { id, name, text, created_at, updated_at: created_at, version: 1 }
    }

    /// The template after a change; the same one, version and all, where nothing differs.
    #[must_use]
    pub fn patched(&self, patch: TemplatePatch, now: Timestamp) -> Self {
        let TemplatePatch { name, text } = patch;
        let mut patched = Self {
            name: name.unwrap_or_else(|| self.name.clone()),
            text: text.unwrap_or_else(|| self.text.clone()),
            ..self.clone()
        };
        if patched != *self {
            // A clock that was set back must not let a change look older than the one before it.
            patched.updated_at = now.max(self.updated_at);
            patched.version += 1;
        }
        patched
    }
}

/// How a request names a template.
#[derive(Clone, Debug)]
pub enum TemplateKey {
    /// By its id.
    Id(TemplateId),
    /// By its name.
    Name(TemplateName),
}

/// A page of the list, the newest first.
#[derive(Clone, Debug)]
pub struct TemplateQuery {
    /// Which page.
    pub page: CursorParams<TemplateId>,
    /// Only the template with this name.
    pub name: Option<TemplateName>,
}

/// The templates of one account. It cannot be asked about another.
#[async_trait]
pub trait TemplateRepository: Send + Sync {
    /// Stores a new template; or, where the same attempt was made before, tells what became of that.
    ///
    /// # Errors
    /// [`ErrorCode::NameTaken`](crate::domain::ErrorCode::NameTaken) where another template has its name;
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse) where the attempt's key is not free.
    async fn insert(
        &self,
        template: SavedTemplate,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Created<SavedTemplate>>;

    /// Finds one template.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn find(&self, key: &TemplateKey) -> Result<SavedTemplate>;

    /// Reads, changes and writes one template, in one transaction.
    ///
    /// # Errors
    /// As [`Self::find`] and [`Self::insert`], and
    /// [`ErrorCode::PreconditionFailed`](crate::domain::ErrorCode::PreconditionFailed).
    async fn update(
        &self,
        id: TemplateId,
        patch: TemplatePatch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<SavedTemplate>;

    /// Deletes one template.
    ///
    /// # Errors
    /// As [`Self::find`], and [`ErrorCode::PreconditionFailed`](crate::domain::ErrorCode::PreconditionFailed).
    async fn delete(&self, id: TemplateId, precondition: Precondition) -> Result<()>;

    /// A page of the cursor list.
    ///
    /// # Errors
    /// Only what every method can answer: the database is away.
    async fn cursor_page(&self, query: TemplateQuery) -> Result<CursorPage<SavedTemplate>>;
}
