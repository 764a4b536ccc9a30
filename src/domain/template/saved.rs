//! Saved templates: the resource, its patch, and its repository trait.
//!
//! Invariant: the text of a saved template was accepted by the engine when it was stored.

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
    TemplateId
}

/// Unique within the account, compared by code points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateName(String);

stored_text!(TemplateName);

impl TemplateName {
    pub const MAX_CHARS: usize = 64;

    /// Trims and normalises to NFC; rejects invisible characters.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_invisible).map(Self)
    }
}

/// The text of a template, stored verbatim: trailing white space may be intended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText(String);

stored_text!(TemplateText);

impl TemplateText {
    pub const MAX_CHARS: usize = Template::MAX_CHARS;

    /// Parses the text as a template.
    ///
    /// # Errors
    /// [`Violation::TemplateSyntax`] with line and column, among others.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        Template::parse(text).map(|_| Self(text.to_owned()))
    }

    /// The variables in order of first occurrence.
    #[must_use]
    pub fn variables(&self) -> Vec<Variable> {
        // The text was parsed before it was stored. If a later version of the engine rejects it, rendering reports
        // the error; listing templates must not fail over it.
        Template::parse(&self.0).map(|template| template.variables().to_vec()).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct SavedTemplate {
    pub id: TemplateId,
    /// Unique within the account.
    pub name: TemplateName,
    pub text: TemplateText,
    /// The timestamp in the id.
    pub created_at: Timestamp,
    /// Initially `created_at`.
    pub updated_at: Timestamp,
    /// Initially 1; grows by one with each effective change.
    pub version: i64,
}

#[derive(Clone, Debug)]
pub struct NewTemplate {
    pub name: TemplateName,
    pub text: TemplateText,
}

/// `None` keeps a field.
#[derive(Clone, Debug)]
pub struct TemplatePatch {
    pub name: Option<TemplateName>,
    pub text: Option<TemplateText>,
}

impl Resource for SavedTemplate {
    fn first_created(self, stored: &Self) -> Self {
        let created_at = stored.created_at;
        Self { id: stored.id, created_at, updated_at: created_at, ..self }
    }
}

impl SavedTemplate {
    #[must_use]
    pub fn new(new: NewTemplate) -> Self {
        let NewTemplate { name, text } = new;
        let (id, created_at) = TemplateId::generate();
        Self { id, name, text, created_at, updated_at: created_at, version: 1 }
    }

    /// Applies a patch; returns an equal template, version included, if nothing differs.
    #[must_use]
    pub fn patched(&self, patch: TemplatePatch, now: Timestamp) -> Self {
        let TemplatePatch { name, text } = patch;
        let mut patched = Self {
            name: name.unwrap_or_else(|| self.name.clone()),
            text: text.unwrap_or_else(|| self.text.clone()),
            ..self.clone()
        };
        if patched != *self {
            // Monotonic even if the system clock was set back.
            patched.updated_at = now.max(self.updated_at);
            patched.version += 1;
        }
        patched
    }
}

#[derive(Clone, Debug)]
pub enum TemplateKey {
    Id(TemplateId),
    Name(TemplateName),
}

/// A page of the list, newest first.
#[derive(Clone, Debug)]
pub struct TemplateQuery {
    pub page: CursorParams<TemplateId>,
    pub name: Option<TemplateName>,
}

/// Scoped to one account.
#[async_trait]
pub trait TemplateRepository: Send + Sync {
    /// Inserts a template. A repeated request replays the result of the first.
    ///
    /// # Errors
    /// [`ErrorCode::NameTaken`](crate::domain::ErrorCode::NameTaken),
    /// [`ErrorCode::IdempotencyKeyReused`](crate::domain::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](crate::domain::ErrorCode::IdempotencyKeyInUse).
    async fn insert(
        &self,
        template: SavedTemplate,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Created<SavedTemplate>>;

    /// # Errors
    /// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound).
    async fn find(&self, key: &TemplateKey) -> Result<SavedTemplate>;

    /// Reads, patches and writes one template in one transaction.
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

    /// # Errors
    /// As [`Self::find`], and [`ErrorCode::PreconditionFailed`](crate::domain::ErrorCode::PreconditionFailed).
    async fn delete(&self, id: TemplateId, precondition: Precondition) -> Result<()>;

    async fn cursor_page(&self, query: TemplateQuery) -> Result<CursorPage<SavedTemplate>>;
}
