//! Recipients in one account: where each question goes.

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

/// Contacts that are read at a time: enough that the way to the database does not count, few enough
/// that others get their turn.
const MAX_PAGE_SIZE: u64 = 500;

/// The same in bytes, about: an answer whose reader is slow holds two pages for as long.
const TARGET_PAGE_BYTES: usize = 64 * 1024;

/// Contacts on the first page, when nothing is known of how large they are.
const INITIAL_PAGE_SIZE: u64 = 8;

/// What a contact takes beside its `meta`.
const CONTACT_BYTES: usize = 200;

/// Recipients in one account.
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
                Ok(members + if all { counters::read_contacts(&reader, account).await? } else { 0 })
            })
            .await
    }

    fn walk(&self, group: Option<GroupId>) -> BoxStream<'static, Result<Vec<Recipient>>> {
        // One page is read while the one before it is worked on; none is read for who has gone away.
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

    async fn keep(&self, id: AudienceId, entries: Vec<(i64, Entry)>) -> Result<()> {
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

    async fn kept(&self, id: AudienceId) -> Result<AudienceSnapshot> {
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

/// How many contacts of the size of these are a page.
fn page_size(recipients: &[Recipient]) -> u64 {
    let bytes: usize =
        recipients.iter().map(|recipient| CONTACT_BYTES + recipient.contact.meta.as_json().len()).sum();
    let size = TARGET_PAGE_BYTES * recipients.len() / bytes.max(1);
    u64::try_from(size).unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE)
}

/// Reads page after page, as far ahead as the channel has room.
async fn stream_pages(
    database: Database,
    account: AccountId,
    group: Option<GroupId>,
    pages: mpsc::Sender<Result<Vec<Recipient>>>,
) {
    let (mut before, mut limit) = (Uuid::max(), INITIAL_PAGE_SIZE);
    // A page is read when there is room for it, not to wait for room.
    while let Ok(room) = pages.reserve().await {
        let page = database.read(async move |reader| match group {
            Some(group) => recipients::member_page(&reader, account, group, before, limit).await,
            None => recipients::page(&reader, account, before, limit).await,
        });
        let page = page.await;
        let last =
            page.as_ref().ok().and_then(|recipients| recipients.last()).map(|recipient| recipient.contact.id);
        let Some(last) = last else {
            // The end, or a fault, which is passed on.
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
