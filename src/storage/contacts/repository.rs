//! Contact repository: maps the domain's trait to the cache, queries and commands.

use std::sync::Arc;

use async_trait::async_trait;

use super::{export, queries};
use crate::domain::contact::ContactRepository;
use crate::domain::contact::{ContactOffsetQuery, ContactQuery, Export, ExportQuery};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{Cursor, CursorPage, OffsetPage};
use crate::domain::precondition::Precondition;
use crate::domain::{AccountId, Contact, ContactId, ContactKey, ContactPatch, Result, Timestamp};
use crate::storage::cache::{seek_points, seek_read};
use crate::storage::database::handle::Database;
use crate::storage::entity::idempotency_key::Reference;
use crate::storage::write::command::{Action, Outcome};

pub(crate) struct SqlContacts {
    database: Database,
    account: AccountId,
}

impl SqlContacts {
    pub(crate) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl ContactRepository for SqlContacts {
    async fn insert(&self, contact: Contact, request: Option<IdempotentRequest>) -> Result<Created<Contact>> {
        match self.database.execute(Action::CreateContact(Arc::new(contact)), request).await? {
            Outcome::Contact(contact) => {
                Ok(Created { resource: Arc::unwrap_or_clone(contact), replayed: false })
            }
            Outcome::Replayed(Reference { id, is_new: _ }) => {
                let found = self.get(ContactKey::Id(ContactId::from_uuid(id))).await;
                Created::replay(found, "contact")
            }
            other => Err(other.unexpected()),
        }
    }

    async fn get(&self, key: ContactKey) -> Result<Contact> {
        self.database.get_contact(self.account, key).await
    }

    async fn update(
        &self,
        key: ContactKey,
        patch: ContactPatch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<Contact> {
        match self.database.execute(Action::UpdateContact { key, patch, precondition, now }, None).await? {
            Outcome::Contact(contact) => Ok(Arc::unwrap_or_clone(contact)),
            other => Err(other.unexpected()),
        }
    }

    async fn delete(&self, key: ContactKey, precondition: Precondition) -> Result<()> {
        match self.database.execute(Action::DeleteContact { key, precondition }, None).await? {
            Outcome::Deleted => Ok(()),
            other => Err(other.unexpected()),
        }
    }

    async fn cursor_page(&self, query: ContactQuery) -> Result<CursorPage<Contact>> {
        let (account, query_for_read) = (self.account, query.clone());
        let job = async move |reader| queries::cursor_page(&reader, account, query_for_read).await;
        // Cached pages are invalidated by changes of contacts, not of group members.
        let beginning = query.cursor == Cursor::default() && query.filter.group.is_none();
        self.database.cached_page(|cache| &cache.cursor_pages, beginning, account, query, job).await
    }

    async fn offset_page(&self, query: ContactOffsetQuery) -> Result<OffsetPage<Contact>> {
        let (database, account) = (&self.database, self.account);
        let from = |anchor| async move |reader| queries::offset_page(&reader, account, query, anchor).await;
        match database.cache() {
            Some(cache) if query.offset >= seek_points::STEP => {
                seek_read::read_page(cache, account, query, |anchor| database.read(from(anchor))).await
            }
            _ => {
                let beginning = query.offset == 0;
                database.cached_page(|cache| &cache.offset_pages, beginning, account, query, from(None)).await
            }
        }
    }

    async fn export(&self, query: ExportQuery) -> Result<Export> {
        export::open(&self.database, self.account, query).await
    }
}
