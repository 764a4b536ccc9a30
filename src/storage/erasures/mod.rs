//! Erasures: nothing of a person is left in an account, and a receipt says what was where.
//!
//! The contacts, and what is found by their ids, go in the first transaction ([`begin`]), which stores what the person is found
//! by. What has to be looked for follows in **steps** ([`worker`]): each scans a table in pages, without a lock, and erases what
//! it finds in small transactions. A step that was interrupted begins anew: whatever it has erased is not found again, and
//! the counts of the receipt are part of the same transactions. The search index is the work of its follower
//! ([`crate::storage::search`]). With the last step, the erasure forgets what the person was found by.
//!
//! **Order of locks** on PostgreSQL: the erasure, then as in [`crate::storage::commands`], or an import and its page.

mod begin;
mod contacts;
mod opt_outs;
mod responses;
mod stored;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

pub(super) use worker::{Worker, start};

use super::database::handle::Database;
use super::db::keyset;
use super::entity::erasure::{Column, Entity};
use crate::domain::erasure::{Erasure, ErasureId, ErasureRepository, ErasureState, Subject};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::{AccountId, Error, Result};

/// How long a request waits for the steps. (A search index that had the person takes longer: its replaced segments are kept for
/// running searches.)
const PATIENCE: Duration = Duration::from_secs(3);

/// Between two looks. (Another instance may carry the erasure out.)
const PAUSE: Duration = Duration::from_millis(25);

pub(super) struct SqlErasures {
    database: Database,
    account: AccountId,
}

impl SqlErasures {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl ErasureRepository for SqlErasures {
    async fn erase(&self, subject: Subject) -> Result<Erasure> {
        let context = Arc::clone(self.database.context()?);
        let (cache, fields) = (self.database.cache().cloned(), self.database.maintained_fields());
        let begun = self.database.write(move |transaction| {
            Box::pin(
                async move { begin::begin(transaction, &context, cache.as_ref(), &fields, &subject).await },
            )
        });
        let id = begun.await?;
        self.database.wake_eraser();
        let began = Instant::now();
        loop {
            let erasure = self.get(id).await?;
            if erasure.state == ErasureState::Complete || began.elapsed() > PATIENCE {
                return Ok(erasure);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn get(&self, id: ErasureId) -> Result<Erasure> {
        let key = (self.account.get(), id.as_uuid());
        let found = self.database.read(async move |reader| Ok(Entity::find_by_id(key).one(&reader).await?));
        stored::read(found.await?.ok_or_else(|| Error::no_such("erasure"))?)
    }

    async fn cursor_page(&self, page: CursorParams<ErasureId>) -> Result<CursorPage<Erasure>> {
        let select = Entity::find().filter(Column::AccountId.eq(self.account.get()));
        let rows = self
            .database
            .read(async move |reader| keyset::by_cursor(&reader, select, Column::Id, false, &page).await);
        let CursorPage { items, has_more, resume_at } = rows.await?;
        let items = items.into_iter().map(stored::read).collect::<Result<_>>()?;
        Ok(CursorPage { items, has_more, resume_at })
    }
}
