//! Audience repository: maps the domain's trait to lookup, recipient pages and snapshots.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use uuid::Uuid;

use super::{lookup, matching, recipients, snapshots};
use crate::domain::audience::{
    AudienceId, AudienceRepository, AudienceSnapshot, Entry, EntryPage, Kind, LookupRequest, LookupResult,
    MatchingRecipients, Recipient, Report, SnapshotLimits,
};
use crate::domain::filter::Filter;
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::{AccountId, Contact, ContactId, Result};
use crate::storage::contact_stream::{self, Item};
use crate::storage::database::handle::Database;
use crate::storage::db::counters;
use crate::storage::groups;

pub(crate) struct SqlAudiences {
    database: Database,
    account: AccountId,
}

impl SqlAudiences {
    pub(crate) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl AudienceRepository for SqlAudiences {
    async fn find(&self, request: LookupRequest<'_>) -> Result<LookupResult> {
        lookup::find(&self.database, self.account, request).await
    }

    async fn group(&self, key: GroupKey) -> Result<GroupId> {
        let account = self.account;
        self.database.read(async move |reader| groups::id_of(&reader, account, &key).await).await
    }

    async fn count(&self, groups: Vec<GroupId>, all: bool) -> Result<u64> {
        let account = self.account;
        self.database
            .read(async move |reader| {
                let groups: Vec<Uuid> = groups.iter().map(|group| group.as_uuid()).collect();
                let members: u64 = counters::read_each(&reader, account, &groups).await?.values().sum();
                Ok(members
                    + if all { counters::read(&reader, account, counters::CONTACTS).await? } else { 0 })
            })
            .await
    }

    fn stream(&self, group: Option<GroupId>) -> BoxStream<'static, Result<Vec<Recipient>>> {
        let account = self.account;
        let read = move |reader, after: Option<ContactId>, limit| {
            let before = after.map_or(Uuid::max(), ContactId::as_uuid);
            Box::pin(async move {
                match group {
                    Some(group) => recipients::member_page(&reader, account, group, before, limit).await,
                    None => recipients::page(&reader, account, before, limit).await,
                }
            }) as _
        };
        contact_stream::pages(&self.database, Box::new(read))
    }

    async fn matching(&self, filter: Filter) -> Result<Box<dyn MatchingRecipients>> {
        matching::open(&self.database, self.account, filter).await
    }

    async fn begin(
        &self,
        request: Option<IdempotentRequest>,
        entries: u64,
        limits: SnapshotLimits,
    ) -> Result<Created<AudienceId>> {
        snapshots::begin(&self.database, self.account, request, entries, limits).await
    }

    async fn add_entries(&self, id: AudienceId, entries: Vec<(i64, Entry)>) -> Result<()> {
        snapshots::save_entries(&self.database, self.account, id, entries).await
    }

    async fn finish(&self, id: AudienceId, report: Report) -> Result<AudienceSnapshot> {
        snapshots::finish(&self.database, self.account, id, report).await
    }

    async fn abandon(&self, id: AudienceId, request: Option<IdempotentRequest>) {
        if let Err(error) = snapshots::abandon(&self.database, self.account, id, request).await {
            // It is deleted when it expires.
            tracing::warn!(reason = error.cause(), "an abandoned audience could not be deleted");
        }
    }

    async fn get(&self, id: AudienceId) -> Result<AudienceSnapshot> {
        snapshots::find(&self.database, self.account, id).await
    }

    async fn delete(&self, id: AudienceId) -> Result<()> {
        snapshots::delete(&self.database, self.account, id).await
    }

    async fn list(&self, page: CursorParams<AudienceId>) -> Result<CursorPage<AudienceSnapshot>> {
        snapshots::list(&self.database, self.account, page).await
    }

    async fn page(&self, id: AudienceId, kind: Kind, after: Option<i64>, limit: u64) -> Result<EntryPage> {
        snapshots::page(&self.database, self.account, id, kind, after, limit).await
    }
}

impl Item for Recipient {
    fn contact(&self) -> &Contact {
        &self.contact
    }
}
