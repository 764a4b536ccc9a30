//! The opt-outs of one account: repository, commands, queries.

mod commands;
mod queries;

use async_trait::async_trait;

pub(super) use commands::{create, delete};
pub(super) use queries::{find_all, find_opted_out};

use super::database::handle::Database;
use super::entity::idempotency_key::Reference;
use super::write::command::{Action, Outcome};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::opt_out::{OptOutId, OptOutQuery, OptOutRepository, OptOutResult};
use crate::domain::pagination::{CursorPage, OffsetPage, OffsetParams};
use crate::domain::{AccountId, OptOut, OptOutKey, Result};

pub(super) struct SqlOptOuts {
    database: Database,
    account: AccountId,
}

impl SqlOptOuts {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl OptOutRepository for SqlOptOuts {
    async fn create(
        &self,
        opt_out: OptOut,
        request: Option<IdempotentRequest>,
    ) -> Result<Created<OptOutResult>> {
        match self.database.execute(Action::CreateOptOut(opt_out), request).await? {
            Outcome::OptOut(resource) => Ok(Created { resource, replayed: false }),
            Outcome::Replayed(Reference { id, is_new }) => {
                let found = self.get(OptOutKey::Id(OptOutId::from_uuid(id))).await;
                Created::replay(found.map(|opt_out| OptOutResult { opt_out, is_new }), "opt-out")
            }
            other => Err(other.unexpected()),
        }
    }

    async fn get(&self, key: OptOutKey) -> Result<OptOut> {
        let account = self.account;
        self.database.read(async move |reader| queries::find(&reader, account, &key).await).await
    }

    async fn delete(&self, key: OptOutKey) -> Result<()> {
        match self.database.execute(Action::DeleteOptOut(key), None).await? {
            Outcome::Deleted => Ok(()),
            other => Err(other.unexpected()),
        }
    }

    async fn cursor_page(&self, query: OptOutQuery) -> Result<CursorPage<OptOut>> {
        let account = self.account;
        self.database.read(async move |reader| queries::by_cursor(&reader, account, query).await).await
    }

    async fn offset_page(&self, query: OffsetParams) -> Result<OffsetPage<OptOut>> {
        let account = self.account;
        self.database.read(async move |reader| queries::by_offset(&reader, account, query).await).await
    }
}
