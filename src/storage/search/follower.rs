//! The follower: indexes what the change logs say, in new segments, and merges small ones.
//!
//! One process maintains the index of an account at a time; it has the account's lease. A segment is stored in several
//! transactions, between which other writes run, and is visible to readers after the last of them. What a terminated process
//! has begun is given up by the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use super::erasures;
use super::index::{SearchIndex, Unindexed};
use super::segment::{self, BlockKey, EncodedSegment, MAX_ROWS, Segment};
use super::tables::{self, Behind, Heads, Lease};
use crate::domain::search::Document;
use crate::domain::{AccountId, ContactId, Error, ErrorCode, Result, Timestamp};
use crate::storage::background_task::BackgroundTask;
use crate::storage::change_set::ChangeSet;
use crate::storage::db::connection::Connection;
use crate::storage::db::counters;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::search_head;
use crate::storage::process::Process;
use crate::storage::write::batched_deletes::in_batches;
use crate::storage::write::search_backlog::{MAX_LAG, SearchBacklog};
use crate::storage::write::writer::Writer;

/// Between rounds, if not woken.
const INTERVAL: Duration = Duration::from_millis(500);

/// Entries after which an account is indexed.
const MANY: i64 = 4_096;

/// Entries after which an account is indexed once its log has not grown for a time.
const SOME: i64 = 256;
const IDLE: Duration = Duration::from_secs(1);

/// After this time, an account is indexed however few its entries are: the log expires.
const MAX_DELAY: Duration = Duration::from_secs(60 * 60);

/// Contacts of a new segment, at most: sorting its tokens takes 1 KiB each.
const MAX_NEW_ROWS: usize = 16_384;

/// Contacts read at a time to build an index anew.
const CONTACTS_PER_READ: usize = 1_024;

/// Blocks stored in one transaction: it takes some milliseconds. With fewer, the follower would wait for the lock more often than
/// it can afford while batches are written, each of which takes long.
const BLOCKS_PER_TRANSACTION: usize = 256;

/// Retired segments are looked for after so many rounds.
const ROUNDS_PER_DELETION: u64 = 40;

/// Sizes of blocks: half a page of SQLite less what the page needs; what PostgreSQL stores in the table itself.
const SQLITE_BLOCK: usize = 3_900;
const POSTGRES_BLOCK: usize = 1_900;

/// Starts the follower.
pub(in crate::storage) fn start(
    index: SearchIndex,
    writer: Writer,
    reader: Connection,
    process: Process,
    retention: Duration,
) -> BackgroundTask {
    let backlog = writer.search_backlog().clone();
    let follower =
        Follower { index, backlog, writer, reader, process, max_delay: MAX_DELAY.min(retention / 2) };
    BackgroundTask::start(|_| follower.run())
}

struct Follower {
    index: SearchIndex,
    backlog: SearchBacklog,
    writer: Writer,
    reader: Connection,
    process: Process,
    max_delay: Duration,
}

/// The last number of an account's log, and when it was first seen.
type Growth = HashMap<AccountId, (i64, Instant)>;

impl Follower {
    async fn run(self) {
        let mut growth = Growth::new();
        for round in 0_u64.. {
            self.backlog.changes(INTERVAL).await;
            if let Err(error) = self.round(&mut growth).await {
                tracing::warn!(reason = error.cause(), "the search index could not be brought up to date");
            }
            if round.is_multiple_of(ROUNDS_PER_DELETION)
                && let Err(error) = self.delete_retired().await
            {
                tracing::warn!(reason = error.cause(), "retired segments could not be deleted");
            }
        }
    }

    async fn round(&self, growth: &mut Growth) -> Result<()> {
        for erasure in erasures::pending(&self.reader).await? {
            let account = erasure.account.get();
            if let Err(error) = self.erase(erasure).await {
                tracing::warn!(account, reason = error.cause(), "the search index still has erased contacts");
            }
        }
        let behind = tables::behind(&self.reader).await?;
        let account = |behind: &Behind| AccountId::new(behind.heads.account_id);
        let is_too_far = |behind: &&Behind| behind.heads.is_complete() && behind.heads.lag() > MAX_LAG;
        self.backlog.set(behind.iter().filter(is_too_far).map(account).collect());
        let now = Instant::now();
        let seen = |behind: &Behind| match growth.get(&account(behind)) {
            Some((sequence, since)) if *sequence == behind.heads.sequence => *since,
            _ => now,
        };
        let seen: Growth =
            behind.iter().map(|behind| (account(behind), (behind.heads.sequence, seen(behind)))).collect();
        *growth = seen;
        for behind in &behind {
            let (account, heads) = (account(behind), &behind.heads);
            let is_idle = || growth.get(&account).is_some_and(|(_, since)| now - *since >= IDLE);
            let is_due = heads.is_being_built()
                || heads.lag() >= MANY
                || (heads.lag() >= SOME && is_idle())
                || behind.is_waiting_since(Timestamp::now().before(self.max_delay));
            if !is_due {
                continue;
            }
            if let Err(error) = self.maintain(account, heads).await {
                tracing::warn!(
                    account = heads.account_id,
                    reason = error.cause(),
                    "the search index of an account could not be brought up to date"
                );
            }
        }
        Ok(())
    }

    async fn maintain(&self, account: AccountId, heads: &Heads) -> Result<()> {
        let process = self.process;
        let lease =
            self.transact(move |transaction| Box::pin(Lease::take(transaction, account, process))).await?;
        let Some(lease) = lease else { return Ok(()) };
        if heads.is_being_built() {
            return self.build(account, lease, heads.is_complete()).await;
        }
        if let Err(error) = self.index_tail(account, lease).await {
            // Its log has lost what is not indexed.
            if error.code() == ErrorCode::Unavailable && self.has_gap(account).await? {
                return self.begin_build(lease, false).await;
            }
            return Err(error);
        }
        while self.merge_once(account, lease).await? {
            // Merging takes long.
            let heads = tables::heads_of(&self.reader, account).await?;
            if heads.is_some_and(|heads| heads.lag() >= MANY) {
                self.index_tail(account, lease).await?;
            }
        }
        self.rebuild_if_outdated(account, lease).await
    }

    /// Indexes what the log says behind the position.
    async fn index_tail(&self, account: AccountId, lease: Lease) -> Result<()> {
        let Unindexed { documents, position } =
            self.index.unindexed(&self.reader, account, MAX_NEW_ROWS).await?;
        let live = self.store(lease, documents).await?;
        self.publish(lease, live, Vec::new(), move |head| head.position = head.position.max(position)).await
    }

    async fn has_gap(&self, account: AccountId) -> Result<bool> {
        let Some(heads) = tables::heads_of(&self.reader, account).await? else { return Ok(false) };
        if heads.lag() <= 0 {
            return Ok(false);
        }
        Ok(tables::log_after(&self.reader, account, heads.position(), 1).await?.is_err())
    }

    /// Stores a segment, which is invisible to readers until it is published. Returns its number.
    async fn store(&self, lease: Lease, documents: Vec<(ContactId, Arc<Document>)>) -> Result<Option<i64>> {
        if documents.is_empty() {
            return Ok(None);
        }
        let block_bytes = self.block_bytes();
        let encode = move || {
            let documents = documents.iter().map(|(id, document)| (*id, document.as_ref()));
            segment::build(documents, block_bytes)
        };
        self.store_encoded(lease, blocking(encode).await?).await.map(Some)
    }

    async fn store_encoded(&self, lease: Lease, segment: EncodedSegment) -> Result<i64> {
        let segment = Arc::new(segment);
        let begin = Arc::clone(&segment);
        let id = self
            .transact(move |transaction| {
                Box::pin(async move { lease.begin_segment(transaction, &begin).await })
            })
            .await?;
        let blocks = segment.blocks.len();
        for start in (0..blocks).step_by(BLOCKS_PER_TRANSACTION) {
            let segment = Arc::clone(&segment);
            let range = start..(start + BLOCKS_PER_TRANSACTION).min(blocks);
            self.transact(move |transaction| {
                Box::pin(async move {
                    let some: &[(BlockKey, Vec<u8>)] = segment.blocks.get(range).unwrap_or_default();
                    lease.add_blocks(transaction, id, some).await
                })
            })
            .await?;
        }
        Ok(id)
    }

    async fn publish(
        &self,
        lease: Lease,
        live: Option<i64>,
        replaced: Vec<i64>,
        change: impl FnOnce(&mut search_head::Model) + Clone + Send + 'static,
    ) -> Result<()> {
        self.transact(move |transaction| {
            Box::pin(async move { lease.publish(transaction, live, &replaced, change).await })
        })
        .await
    }

    /// Merges some segments of similar size, if there are many of them. Returns whether it has.
    async fn merge_once(&self, account: AccountId, lease: Lease) -> Result<bool> {
        let segments = self.index.segments(&self.reader, account).await?;
        let Some(chosen) = to_merge(&segments) else { return Ok(false) };
        let mut parts = Vec::with_capacity(chosen.len());
        for segment in &chosen {
            parts.push(tables::part(&self.reader, *segment).await?);
        }
        let block_bytes = self.block_bytes();
        let merged = blocking(move || segment::merge(&parts, block_bytes)).await?;
        let live = self.store_encoded(lease, merged).await?;
        self.publish(lease, Some(live), chosen, |_| {}).await?;
        Ok(true)
    }

    /// Begins to build the index anew if most of what it has is outdated: updates add to it, deletions take nothing away.
    async fn rebuild_if_outdated(&self, account: AccountId, lease: Lease) -> Result<()> {
        let segments = self.index.segments(&self.reader, account).await?;
        let rows: usize = segments.iter().map(|segment| segment.rows()).sum();
        let contacts = counters::read(&self.reader, account, counters::CONTACTS).await?;
        if rows as u64 > 2 * contacts + MAX_ROWS as u64 {
            return self.begin_build(lease, true).await;
        }
        Ok(())
    }

    /// Begins to build the index from the contacts. It remains complete if its segments and the log still have all.
    async fn begin_build(&self, lease: Lease, remains_complete: bool) -> Result<()> {
        self.transact(move |transaction| Box::pin(lease.begin_build(transaction, remains_complete))).await
    }

    /// Builds the index from the contacts, in the order of ids, on from where it was interrupted. Meanwhile, one that remains
    /// complete follows the log.
    async fn build(&self, account: AccountId, lease: Lease, is_complete: bool) -> Result<()> {
        let Some(mut after) = tables::build_position(&self.reader, account).await? else { return Ok(()) };
        loop {
            let documents = self.documents_after(account, after).await?;
            let Some((last, _)) = documents.last() else { break };
            after = Some(last.as_uuid());
            let live = self.store(lease, documents).await?;
            self.publish(lease, live, Vec::new(), move |head| head.build_after = after).await?;
            if is_complete {
                self.index_tail(account, lease).await?;
            }
        }
        self.transact(move |transaction| Box::pin(lease.end_build(transaction))).await?;
        while self.merge_once(account, lease).await? {}
        Ok(())
    }

    /// The next contacts for a segment.
    async fn documents_after(
        &self,
        account: AccountId,
        mut after: Option<Uuid>,
    ) -> Result<Vec<(ContactId, Arc<Document>)>> {
        let mut documents = Vec::new();
        while documents.len() + CONTACTS_PER_READ <= MAX_NEW_ROWS {
            let contacts =
                tables::contacts_after(&self.reader, account, after, CONTACTS_PER_READ as u64).await?;
            let Some(last) = contacts.last() else { break };
            after = Some(last.id.as_uuid());
            documents.extend(contacts.iter().map(|contact| (contact.id, Arc::new(Document::of(contact)))));
        }
        Ok(documents)
    }

    /// Takes the contacts of an erasure out of the index: their segments are stored anew without them.
    async fn erase(&self, erasure: erasures::Pending) -> Result<()> {
        let (account, process) = (erasure.account, self.process);
        let found = erasures::segments_with(&self.reader, account, &erasure.contacts).await?;
        if found.is_empty() {
            return self
                .transact(move |transaction| {
                    Box::pin(async move { erasures::end(transaction, &erasure, process).await })
                })
                .await;
        }
        if found.iter().all(|segment| segment.is_retired) {
            // Searches that began before may still read them.
            return self.delete_retired().await;
        }
        let lease =
            self.transact(move |transaction| Box::pin(Lease::take(transaction, account, process))).await?;
        let Some(lease) = lease else { return Ok(()) };
        // As they are now: what an earlier holder of the lease has not completed is given up.
        let found = erasures::segments_with(&self.reader, account, &erasure.contacts).await?;
        for segment in found.iter().filter(|segment| segment.is_live) {
            let (id, contacts) = (segment.id, segment.contacts);
            let part = tables::part(&self.reader, id).await?;
            let (erased, block_bytes) = (erasure.contacts.clone(), self.block_bytes());
            let rest = blocking(move || segment::merge_without(&[part], &erased, block_bytes)).await?;
            let live = match rest {
                Some(rest) => Some(self.store_encoded(lease, rest).await?),
                None => None,
            };
            let erasure = erasure.clone();
            self.transact(move |transaction| {
                Box::pin(async move {
                    lease.publish(transaction, live, &[id], |_| {}).await?;
                    erasures::count_erased(transaction, &erasure, contacts).await
                })
            })
            .await?;
        }
        Ok(())
    }

    async fn delete_retired(&self) -> Result<()> {
        if tables::find_retired(&self.reader).await?.is_none() {
            return Ok(());
        }
        in_batches(&self.writer, &self.reader, |transaction, limit| {
            Box::pin(tables::delete_retired(transaction, limit))
        })
        .await
    }

    /// The index is derived: its writes change nothing that is logged.
    async fn transact<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<T>> + Clone + Send + 'static,
    {
        let transact = self.writer.transact(move |transaction| {
            let done = job(transaction);
            Box::pin(async move { Ok((done.await?, ChangeSet::default())) })
        });
        Ok(transact.await?)
    }

    fn block_bytes(&self) -> usize {
        match self.reader.get_database_backend() {
            DbBackend::Sqlite => SQLITE_BLOCK,
            _ => POSTGRES_BLOCK,
        }
    }
}

/// Runs work that takes the processor for long.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
}

/// Segments with more rows than the last of these are not merged any more: two of the others make one.
const TIERS: [usize; 4] = [15, 255, 4_095, MAX_ROWS / 2];

/// So many segments of one size are merged.
const FAN_IN: usize = 16;

/// The segments to merge next, if there are many of similar size.
fn to_merge(segments: &[Arc<Segment>]) -> Option<Vec<i64>> {
    let mut segments: Vec<&Segment> = segments.iter().map(AsRef::as_ref).collect();
    // Neighbours: after a merge, a segment still has the ids of one range.
    segments.sort_unstable_by_key(|segment| segment.first());
    let tier = |segment: &Segment| TIERS.iter().position(|max| segment.rows() <= *max);
    for wanted in 0..TIERS.len() {
        let of_tier: Vec<&Segment> =
            segments.iter().copied().filter(|segment| tier(segment) == Some(wanted)).collect();
        let is_largest = wanted + 1 == TIERS.len();
        let rows: usize = of_tier.iter().map(|segment| segment.rows()).sum();
        if of_tier.len() < FAN_IN && !(is_largest && rows >= MAX_ROWS) {
            continue;
        }
        let mut rows = 0;
        let fits = |segment: &&Segment| {
            rows += segment.rows();
            rows <= MAX_ROWS
        };
        return Some(of_tier.into_iter().take(FAN_IN).take_while(fits).map(Segment::id).collect());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_segments_are_merged_until_few_are_left() {
        for flush in [1, 100, 257, 4_096, 5_000, 16_384] {
            let mut segments: Vec<(i64, usize)> = Vec::new();
            let (mut next, mut merged) = (0, 0);
            for _ in 0..2_000 {
                next += 1;
                segments.push((next, flush));
                loop {
                    let segment = |(id, rows): &(i64, usize)| Arc::new(Segment::of_rows(*id, *rows));
                    let all: Vec<_> = segments.iter().map(segment).collect();
                    let Some(chosen) = to_merge(&all) else { break };
                    assert!(chosen.len() > 1, "of {flush}");
                    let is_chosen = |(id, _): &(i64, usize)| chosen.contains(id);
                    let rows: usize = segments.iter().filter(|it| is_chosen(it)).map(|(_, rows)| rows).sum();
                    assert!(rows <= MAX_ROWS);
                    merged += rows;
                    segments.retain(|it| !is_chosen(it));
                    next += 1;
                    segments.push((next, rows));
                }
            }
            let total = 2_000 * flush;
            assert_eq!(segments.iter().map(|(_, rows)| rows).sum::<usize>(), total);
            assert!(segments.len() <= 45 + total / (MAX_ROWS / 2), "{} segments of {flush}", segments.len());
            assert!(merged <= 5 * total, "{merged} rows merged of {total}");
        }
    }
}
