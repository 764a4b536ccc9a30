//! What named, versioned resources (templates, groups, segments) have in common: key, list query, patch, repository and service.
//!
//! Invariants: a name is unique within its account; a version grows by one with each effective change.

use std::fmt;
use std::marker::PhantomData;

use async_trait::async_trait;

use super::error::Result;
use super::id::Id;
use super::idempotency::{self, Created, IdempotentRequest, Resource};
use super::pagination::{CursorPage, CursorParams, OffsetParams};
use super::precondition::Precondition;
use super::text::Text;
use super::timestamp::Timestamp;
use super::violation::Violation;

pub trait NamedResource: Resource + PartialEq + fmt::Debug + Send + Sync + 'static {
    type Id: Id;
    type Name: Text + Clone + Send + Sync + 'static;
    type New;
    type Patch: Clone + Send + Sync + 'static;

    /// For messages: "There is no such …".
    const KIND: &'static str;

    fn new(new: Self::New) -> Self;

    fn id(&self) -> Self::Id;

    fn version(&self) -> i64;

    /// Sets the fields that a patch has.
    fn set_fields(&mut self, patch: Self::Patch);

    /// The fields that a patch can set, by name, where this version differs from an earlier one.
    fn changed_fields(&self, before: &Self) -> Vec<&'static str>;

    /// Version and time of the last change.
    fn revision_mut(&mut self) -> (&mut i64, &mut Timestamp);

    /// Applies a patch; returns an equal resource, version included, if nothing differs.
    #[must_use]
    fn patched(&self, patch: Self::Patch, now: Timestamp) -> Self {
        let mut patched = self.clone();
        patched.set_fields(patch);
        if patched != *self {
            let (version, updated_at) = patched.revision_mut();
            *version += 1;
            // Monotonic even if the system clock was set back.
            *updated_at = now.max(*updated_at);
        }
        patched
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NamedKey<I, N> {
    Id(I),
    Name(N),
    /// A text that can be either: the id takes precedence, the name is the fallback.
    IdOrName(I, N),
}

impl<I: Id, N: Text> NamedKey<I, N> {
    /// Accepts an id or a name. A name may have the form of an id.
    ///
    /// # Errors
    /// The text can be no name.
    pub fn parse(text: &str) -> std::result::Result<Self, Violation> {
        let name = N::parse(text)?;
        Ok(match I::parse(text) {
            Some(id) => Self::IdOrName(id, name),
            None => Self::Name(name),
        })
    }
}

impl<I: Id, N: Text> fmt::Display for NamedKey<I, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) | Self::IdOrName(_, name) => f.write_str(name.as_str()),
        }
    }
}

/// A page of a list, newest first.
#[derive(Clone, Debug)]
pub struct NamedQuery<I, N> {
    pub page: CursorParams<I>,
    pub name: Option<N>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedSort {
    CreatedOn,
    /// By code points, in both databases.
    Name,
}

/// A page of the address book's list.
#[derive(Clone, Copy, Debug)]
pub struct NamedOffsetQuery {
    pub field: NamedSort,
    pub page: OffsetParams,
}

pub type KeyOf<R> = NamedKey<<R as NamedResource>::Id, <R as NamedResource>::Name>;

pub type QueryOf<R> = NamedQuery<<R as NamedResource>::Id, <R as NamedResource>::Name>;

/// Scoped to one account.
///
/// Every method that takes a key returns [`ErrorCode::NotFound`](super::ErrorCode::NotFound) if no resource has it.
#[async_trait]
pub trait NamedRepository<R: NamedResource>: Send + Sync {
    /// Inserts a resource. A repeated request replays the result of the first.
    ///
    /// # Errors
    /// [`ErrorCode::NameTaken`](super::ErrorCode::NameTaken),
    /// [`ErrorCode::IdempotencyKeyReused`](super::ErrorCode::IdempotencyKeyReused) and
    /// [`ErrorCode::IdempotencyKeyInUse`](super::ErrorCode::IdempotencyKeyInUse).
    async fn insert(&self, resource: R, request: Option<IdempotentRequest>) -> Result<Created<R>>;

    async fn find(&self, key: KeyOf<R>) -> Result<R>;

    /// Reads, patches and writes one resource in one transaction.
    ///
    /// # Errors
    /// [`ErrorCode::NameTaken`](super::ErrorCode::NameTaken) and
    /// [`ErrorCode::PreconditionFailed`](super::ErrorCode::PreconditionFailed).
    async fn update(
        &self,
        key: KeyOf<R>,
        patch: R::Patch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<R>;

    /// # Errors
    /// [`ErrorCode::PreconditionFailed`](super::ErrorCode::PreconditionFailed).
    async fn delete(&self, key: KeyOf<R>, precondition: Precondition) -> Result<()>;

    async fn cursor_page(&self, query: QueryOf<R>) -> Result<CursorPage<R>>;
}

/// The resources of one kind in one account. `P` is the repository of the kind.
pub struct NamedService<R: NamedResource, P: NamedRepository<R> + ?Sized> {
    repository: Box<P>,
    resource: PhantomData<R>,
}

impl<R: NamedResource, P: NamedRepository<R> + ?Sized> NamedService<R, P> {
    #[must_use]
    pub fn new(repository: Box<P>) -> Self {
        Self { repository, resource: PhantomData }
    }

    /// Creates a resource; see [`idempotency::create`].
    ///
    /// # Errors
    /// As [`NamedRepository::insert`].
    pub async fn create(
        &self,
        new: R::New,
        idempotent: Option<IdempotentRequest>,
        may_read: bool,
    ) -> Result<Created<R>> {
        let insert = async |resource, idempotent| self.repository.insert(resource, idempotent).await;
        idempotency::create(R::new(new), idempotent, may_read, insert).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`](super::ErrorCode::NotFound).
    pub async fn get(&self, key: KeyOf<R>) -> Result<R> {
        self.repository.find(key).await
    }

    /// # Errors
    /// As [`NamedRepository::update`].
    pub async fn update(&self, key: KeyOf<R>, patch: R::Patch, precondition: Precondition) -> Result<R> {
        self.repository.update(key, patch, precondition, Timestamp::now()).await
    }

    /// # Errors
    /// As [`NamedRepository::delete`].
    pub async fn delete(&self, key: KeyOf<R>, precondition: Precondition) -> Result<()> {
        self.repository.delete(key, precondition).await
    }

    /// A page of the list, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn cursor_page(&self, query: QueryOf<R>) -> Result<CursorPage<R>> {
        self.repository.cursor_page(query).await
    }

    /// For what only this kind of resource has.
    pub(super) fn repository(&self) -> &P {
        &self.repository
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::saved::{
        NewTemplate, SavedTemplate, TemplateName, TemplatePatch, TemplateText,
    };

    #[test]
    fn only_an_effective_change_is_a_new_version() {
        let (name, other) =
            (TemplateName::parse("welcome").unwrap(), TemplateName::parse("farewell").unwrap());
        let text = TemplateText::parse("Hello").unwrap();
        let template = SavedTemplate::new(NewTemplate { name: name.clone(), text });
        let later = Timestamp::from_millis(template.updated_at.millis() + 1);
        let earlier = Timestamp::from_millis(template.updated_at.millis() - 1);
        let rename = |name| TemplatePatch { name: Some(name), text: None };

        assert_eq!(template.patched(rename(name), later), template);
        let renamed = template.patched(rename(other.clone()), later);
        assert_eq!((&renamed.name, renamed.version, renamed.updated_at), (&other, 2, later));
        let clock_was_set_back = template.patched(rename(other), earlier);
        assert_eq!((clock_was_set_back.version, clock_was_set_back.updated_at), (2, template.updated_at));
    }
}
