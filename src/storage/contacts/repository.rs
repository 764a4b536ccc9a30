//! Contact repository: maps the domain's trait to the cache, queries and commands.

use std::sync::Arc;

use async_trait::async_trait;

use super::{commands, queries};
use crate::domain::contact::ContactRepository;
use crate::domain::contact::{ContactOffsetQuery, ContactQuery};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{Cursor, CursorPage, OffsetPage};
use crate::domain::precondition::Precondition;
use crate::domain::{AccountId, Contact, ContactKey, ContactPatch, Result, Timestamp};
use crate::storage::cache::contacts::Change;
use crate::storage::cache::{cached_list, seek_points, seek_read};
use crate::storage::database::handle::Database;

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
        self.database.insert_contact(self.account, contact, request).await
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
        let account = self.account;
        let updated = self
            .database
            .write(move |transaction| {
                Box::pin(async move {
                    let (old_handle, contact) =
                        commands::update(transaction, account, key, patch, &precondition, now).await?;
                    let contact = Arc::new(contact);
                    let put = |old_handle| Change::Put {
                        account,
                        contact: Arc::clone(&contact),
                        old_handle: Some(old_handle),
                    };
                    let changes = old_handle.map(put).into_iter().collect();
                    Ok((contact, changes))
                })
            })
            .await;
        updated.map(Arc::unwrap_or_clone)
    }

    async fn delete(&self, key: ContactKey, precondition: Precondition) -> Result<()> {
        let (account, shard) = (self.account, self.database.shard());
        self.database
            .write_deletion(move |transaction| {
                Box::pin(async move {
                    let handle = commands::delete(transaction, account, shard, key, &precondition).await?;
                    Ok(((), vec![Change::Remove { account, handle }]))
                })
            })
            .await
    }

    async fn cursor_page(&self, query: ContactQuery) -> Result<CursorPage<Contact>> {
        let (account, query_for_read) = (self.account, query.clone());
        let job = async move |reader| queries::cursor_page(&reader, account, query_for_read).await;
        // Cached pages are invalidated by changes of contacts, not of group members.
        let beginning = query.cursor == Cursor::default() && query.group.is_none();
        if let Some(cache) = self.database.cache() {
            let ids = |cursor, limit| {
                self.database.read(async move |reader| queries::ids(&reader, account, cursor, limit).await)
            };
            if let Some(page) = cached_list::page(cache, account, &query, ids).await? {
                return Ok(page);
            }
        }
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
}
