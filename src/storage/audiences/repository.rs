//! Audience repository: maps the domain's trait to lookup, recipient pages and snapshots.

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{lookup, recipients, snapshots};
use crate::domain::audience::{
    AudienceId, AudienceRepository, AudienceSnapshot, Entry, EntryPage, Kind, LookupRequest, LookupResult,
    Recipient, Report, SnapshotLimits,
};
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::{AccountId, Result};
use crate::storage::database::handle::Database;
use crate::storage::db::counters;
use crate::storage::groups;

/// Contacts per page: enough to make the round trip negligible, few enough to leave the connection to other
/// requests in between.
const MAX_PAGE_SIZE: u64 = 500;

/// Target size of a page in bytes: while a client reads slowly, two pages stay in memory.
const TARGET_PAGE_BYTES: usize = 64 * 1024;

/// Size of the first page, before the size of a contact is known.
const INITIAL_PAGE_SIZE: u64 = 8;

/// Estimated size of a contact without its `meta`.
const CONTACT_BYTES: usize = 200;

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
        // Reads one page ahead of the consumer; ends when the stream is dropped.
        let (pages, received) = mpsc::channel(1);
        self.database.spawn(stream_pages(self.database.clone(), self.account, group, pages));
        stream::unfold(received, async |mut received| received.recv().await.map(|page| (page, received)))
            .boxed()
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

/// The page size for which contacts of this size reach [`TARGET_PAGE_BYTES`].
fn page_size(recipients: &[Recipient]) -> u64 {
    let bytes: usize =
        recipients.iter().map(|recipient| CONTACT_BYTES + recipient.contact.meta.as_json().len()).sum();
    let size = TARGET_PAGE_BYTES * recipients.len() / bytes.max(1);
    u64::try_from(size).unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE)
}

/// Reads page after page, as far ahead as the channel has capacity.
async fn stream_pages(
    database: Database,
    account: AccountId,
    group: Option<GroupId>,
    pages: mpsc::Sender<Result<Vec<Recipient>>>,
) {
    let (mut before, mut limit) = (Uuid::max(), INITIAL_PAGE_SIZE);
    // Capacity first, then the page: a page that is read is never held back.
    while let Ok(room) = pages.reserve().await {
        let page = database.read(async move |reader| match group {
            Some(group) => recipients::member_page(&reader, account, group, before, limit).await,
            None => recipients::page(&reader, account, before, limit).await,
        });
        let page = page.await;
        let last =
            page.as_ref().ok().and_then(|recipients| recipients.last()).map(|recipient| recipient.contact.id);
        let Some(last) = last else {
            // The end of the list, or an error to pass on.
            if page.is_err() {
                room.send(page);
            }
            return;
        };
        before = last.as_uuid();
        if let Ok(recipients) = &page {
            limit = page_size(recipients);
        }
        room.send(page);
    }
}
