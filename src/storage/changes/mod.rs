//! The feed of changes and the audit log: repository, queries, and what finds the commits of other instances.

mod audit;
mod poll;
mod queries;

use async_trait::async_trait;

pub(crate) use poll::start as start_polling;
pub(crate) use queries::last;

use super::database::handle::Database;
use crate::domain::change::{
    AuditPage, AuditQuery, ChangePage, ChangePosition, ChangeQuery, ChangeRepository, ChangeSubscription,
};
use crate::domain::{AccountId, Result};

pub(super) struct SqlChanges {
    database: Database,
    account: AccountId,
}

impl SqlChanges {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl ChangeRepository for SqlChanges {
    async fn last(&self) -> Result<ChangePosition> {
        let account = self.account;
        self.database.read(async move |reader| queries::last(&reader, account).await).await
    }

    async fn page(&self, since: ChangePosition, query: &ChangeQuery) -> Result<ChangePage> {
        let (account, query) = (self.account, *query);
        let _turn = self.database.change_signal().turn(account).await;
        self.database.read(async move |reader| queries::page(&reader, account, since, &query).await).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let (account, query) = (self.account, query.clone());
        self.database.read(async move |reader| audit::page(&reader, account, &query).await).await
    }

    fn subscribe(&self) -> Box<dyn ChangeSubscription> {
        Box::new(self.database.change_signal().subscribe(self.account))
    }
}
