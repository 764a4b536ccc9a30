//! Saved templates: the resource, its patch, and its repository trait.
//!
//! Invariant: the text of a saved template was accepted by the engine when it was stored.

use super::engine::{Template, Variable};
use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::named::{NamedKey, NamedQuery, NamedRepository, NamedResource, NamedService};
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
    pub name: TemplateName,
    pub text: TemplateText,
    /// The timestamp in the id.
    pub created_at: Timestamp,
    /// Initially `created_at`.
    pub updated_at: Timestamp,
    /// Initially 1.
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

impl NamedResource for SavedTemplate {
    type Id = TemplateId;
    type Name = TemplateName;
    type New = NewTemplate;
    type Patch = TemplatePatch;

    const KIND: &'static str = "template";

    fn new(new: NewTemplate) -> Self {
        let NewTemplate { name, text } = new;
        let (id, created_at) = TemplateId::generate();
        Self { id, name, text, created_at, updated_at: created_at, version: 1 }
    }

    fn id(&self) -> TemplateId {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn set_fields(&mut self, TemplatePatch { name, text }: TemplatePatch) {
        self.name = name.unwrap_or_else(|| self.name.clone());
        self.text = text.unwrap_or_else(|| self.text.clone());
    }

    fn changed_fields(&self, before: &Self) -> Vec<&'static str> {
        let fields = [("name", self.name != before.name), ("text", self.text != before.text)];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    fn revision_mut(&mut self) -> (&mut i64, &mut Timestamp) {
        (&mut self.version, &mut self.updated_at)
    }
}

pub type TemplateKey = NamedKey<TemplateId, TemplateName>;
pub type TemplateQuery = NamedQuery<TemplateId, TemplateName>;

pub trait TemplateRepository: NamedRepository<SavedTemplate> {}

impl<T: NamedRepository<SavedTemplate>> TemplateRepository for T {}

pub type TemplateService = NamedService<SavedTemplate, dyn TemplateRepository>;
