//! What an account stores, for its own keys and for operators: from counters and sums that the write path keeps, not by counting.

use async_trait::async_trait;
use sea_orm::EntityTrait;

use super::audiences::snapshots;
use super::database::handle::Database;
use super::db::counters::{self, CONTACTS, GROUPS, OPT_OUTS};
use super::entity::account;
use super::{fields, imports};
use crate::domain::usage::{Usage, UsageRepository};
use crate::domain::{AccountId, AccountName, Result};

pub(super) struct SqlUsage {
    database: Database,
    account: AccountId,
}

impl SqlUsage {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl UsageRepository for SqlUsage {
    async fn read(&self) -> Result<Option<(AccountName, Usage)>> {
        let account = self.account;
        self.database
            .read(async move |reader| {
                let row = account::Entity::find_by_id(account.get()).one(&reader).await?;
                let Some(row) = row else { return Ok(None) };
                let name = AccountName::from_stored(row.name);
                let counted = [CONTACTS, GROUPS, OPT_OUTS];
                let counts = counters::read_each(&reader, account, &counted).await?;
                let [contacts, groups, opt_outs] =
                    counted.map(|counter| counts.get(&counter).copied().unwrap_or(0));
                let fields = fields::definitions(&reader, account).await?.len();
                let usage = Usage {
                    contacts,
                    groups,
                    opt_outs,
                    fields: u64::try_from(fields).unwrap_or(u64::MAX),
                    audience_entries: snapshots::stored_entries(&reader, account).await?,
                    import_bytes: imports::stored_bytes(&reader, account).await?,
                };
                Ok(Some((name, usage)))
            })
            .await
    }
}
