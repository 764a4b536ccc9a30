//! Plans an import: reads its file in a thread of its own, looks up what the store has for its rows, and stores page after
//! page of the plan. Three batches of rows are in memory at a time, whatever the size of the file.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::source::{self, Batch, BatchRow, Chunks};
use crate::domain::audience::{LookupRequest, LookupResult, PhoneMatch, Recipient};
use crate::domain::contact::ContactId;
use crate::domain::contact::batch::MatchBy;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::group::GroupName;
use crate::domain::import::{
    FileReport, ImportJob, ImportQueue, Matched, PAGE_ROWS, ParsedRow, PlanDigest, PlannedRow, Planner,
    Progress, RowWarning, Stored,
};
use crate::domain::store::Store;
use crate::domain::{Error, ErrorCode, Result};

/// A small compressed file may be a large one: a limit for a hundred million rows.
const MAX_DECOMPRESSED_BYTES: u64 = 16 << 30;

pub(super) async fn plan(
    store: &Arc<dyn Store>,
    queue: &Arc<dyn ImportQueue>,
    job: &ImportJob,
) -> Result<()> {
    queue.begin_plan(job).await?;
    let (chunks, received) = mpsc::channel(1);
    let (batches, mut parsed) = mpsc::channel(1);
    let feeder = tokio::spawn(feed(Arc::clone(queue), job.clone(), chunks));
    let options = job.import.options.clone();
    let file = job.import.file.clone();
    let reader = tokio::task::spawn_blocking(move || {
        source::read(Chunks::new(received), &options, file.as_ref(), MAX_DECOMPRESSED_BYTES, &batches)
    });
    let mut plan = Plan::new(store, queue, job);
    let mut outcome = Ok(());
    while let Some(batch) = parsed.recv().await {
        outcome = plan.add(batch).await;
        if outcome.is_err() {
            break;
        }
    }
    // Ends the reader, which otherwise would wait for the batch to be taken.
    drop(parsed);
    let read = reader.await;
    let fed = feeder.await;
    outcome?;
    fed.map_err(|error| Error::caused_by(ErrorCode::Internal, error))??;
    match read {
        Ok(Ok(report)) => plan.finish(report).await,
        Ok(Err(failure)) => queue.fail(job, failure.report, failure.reason).await,
        Err(panic) => {
            tracing::error!(import = %job.import.id, reason = %panic, "a file could not be read");
            let reason = "The file cannot be read".to_owned();
            queue.fail(job, FileReport::default(), reason).await
        }
    }
}

/// Sends the pieces of the file to its reader, until that has enough.
async fn feed(queue: Arc<dyn ImportQueue>, job: ImportJob, chunks: mpsc::Sender<Vec<u8>>) -> Result<()> {
    let mut number = 0;
    while let Ok(room) = chunks.reserve().await {
        let Some(chunk) = queue.chunk(&job, number).await? else { return Ok(()) };
        room.send(chunk);
        number += 1;
    }
    Ok(())
}

struct Plan<'p> {
    store: &'p Arc<dyn Store>,
    queue: &'p Arc<dyn ImportQueue>,
    job: &'p ImportJob,
    planner: Planner,
    digest: Sha256,
    pages: u64,
    /// The page before, which is being stored. (If the plan is dropped, its lease ends, and nothing of it counts.)
    saving: Option<JoinHandle<Result<[u8; 32]>>>,
    rows: Vec<PlannedRow>,
    progress: Progress,
}

impl<'p> Plan<'p> {
    fn new(store: &'p Arc<dyn Store>, queue: &'p Arc<dyn ImportQueue>, job: &'p ImportJob) -> Self {
        Self {
            store,
            queue,
            job,
            planner: Planner::new(&job.import.options),
            digest: Sha256::new(),
            pages: 0,
            saving: None,
            rows: Vec::with_capacity(PAGE_ROWS),
            progress: job.import.progress,
        }
    }

    async fn add(&mut self, batch: Batch) -> Result<()> {
        let Batch { rows, columns, bytes } = batch;
        let stored = self.look_up(&rows).await?;
        for (BatchRow { source, parsed }, stored) in rows.into_iter().zip(stored) {
            let planned = parsed.and_then(|row| self.planner.plan(row, stored, &columns));
            self.rows.push(planned.unwrap_or_else(|error| Planner::reject(&source, error)));
            if self.rows.len() == PAGE_ROWS {
                self.save().await?;
            }
        }
        self.progress.done = bytes;
        Ok(())
    }

    async fn save(&mut self) -> Result<()> {
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(PAGE_ROWS));
        self.saved().await?;
        let (queue, job) = (Arc::clone(self.queue), self.job.clone());
        let (page, progress) = (self.pages, self.progress);
        self.saving = Some(tokio::spawn(async move { queue.save_page(&job, page, rows, progress).await }));
        self.pages += 1;
        Ok(())
    }

    /// Waits until all pages so far are stored.
    async fn saved(&mut self) -> Result<()> {
        if let Some(saving) = self.saving.take() {
            let page = saving.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))??;
            self.digest.update(page);
        }
        Ok(())
    }

    async fn finish(mut self, report: FileReport) -> Result<()> {
        if !self.rows.is_empty() {
            self.save().await?;
        }
        self.saved().await?;
        self.queue.finish_plan(self.job, report, PlanDigest::new(self.digest.finalize().into())).await
    }

    /// What the store has for each of the rows.
    async fn look_up(&self, rows: &[BatchRow]) -> Result<Vec<Stored>> {
        let parsed = || rows.iter().filter_map(|row| row.parsed.as_ref().ok());
        let handles: Vec<&Handle> = parsed().filter_map(handle).collect();
        let phones: Vec<&Phone> = parsed().filter_map(phone).collect();
        let ids: Vec<ContactId> = parsed().filter_map(|row| row.id).collect();
        let context = &self.job.context;
        let request = LookupRequest { handles: handles.clone(), ids: ids.clone(), phones: phones.clone() };
        let LookupResult { by_handle, by_id, numbers } = self.store.audiences(context).find(request).await?;
        let by_handle: HashMap<&str, Option<Recipient>> =
            handles.into_iter().map(Handle::as_str).zip(by_handle).collect();
        let by_id: HashMap<ContactId, Option<Recipient>> = ids.into_iter().zip(by_id).collect();
        let numbers: HashMap<&str, PhoneMatch> = phones.into_iter().map(Phone::as_str).zip(numbers).collect();

        let mut stored: Vec<Stored> = rows
            .iter()
            .map(|row| match &row.parsed {
                Err(_) => Stored::default(),
                Ok(row) => {
                    let by_handle = handle(row).and_then(|handle| by_handle.get(handle.as_str())?.as_ref());
                    let number = phone(row).and_then(|phone| numbers.get(phone.as_str()));
                    let by_id = row.id.and_then(|id| by_id.get(&id)?.as_ref());
                    self.stored(by_handle, by_id, number)
                }
            })
            .collect();
        self.add_groups(rows, &mut stored).await?;
        Ok(stored)
    }

    fn stored(
        &self,
        by_handle: Option<&Recipient>,
        by_id: Option<&Recipient>,
        number: Option<&PhoneMatch>,
    ) -> Stored {
        let one = |recipient: Option<&Recipient>| {
            recipient.map_or(Matched::None, |found| Matched::One(Box::new(found.contact.clone())))
        };
        let matched = match (self.job.import.options.match_by, number) {
            (MatchBy::Handle, _) => one(by_handle),
            (MatchBy::Id, _) => one(by_id),
            (MatchBy::Phone, Some(PhoneMatch::One(recipient))) => one(Some(recipient)),
            (MatchBy::Phone, Some(PhoneMatch::Several { .. })) => Matched::Several,
            (MatchBy::Phone, Some(PhoneMatch::None { .. }) | None) => Matched::None,
        };
        let own = if let Matched::One(contact) = &matched { Some(contact.id) } else { None };
        let (opted_out, shared) = match number {
            None => (false, false),
            Some(PhoneMatch::None { opted_out }) => (*opted_out, false),
            Some(PhoneMatch::One(recipient)) => (recipient.opted_out, own != Some(recipient.contact.id)),
            Some(PhoneMatch::Several { opted_out }) => (*opted_out, true),
        };
        let warnings = [(RowWarning::OptedOut, opted_out), (RowWarning::SharedNumber, shared)];
        Stored {
            matched,
            by_handle: by_handle.map(|recipient| recipient.contact.id),
            member_of: Vec::new(),
            warnings: warnings.into_iter().filter(|(_, is_so)| *is_so).map(|(warning, _)| warning).collect(),
        }
    }

    /// Adds the groups of the contacts that join some.
    async fn add_groups(&self, rows: &[BatchRow], stored: &mut [Stored]) -> Result<()> {
        let joins_all = self.job.import.options.group.is_some();
        let joining =
            |row: &BatchRow| joins_all || row.parsed.as_ref().is_ok_and(|row| !row.groups.is_empty());
        let found: Vec<(usize, ContactId)> = rows
            .iter()
            .zip(stored.iter())
            .enumerate()
            .filter(|(_, (row, _))| joining(row))
            .filter_map(|(index, (_, stored))| match &stored.matched {
                Matched::One(contact) => Some((index, contact.id)),
                Matched::None | Matched::Several => None,
            })
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        let ids = found.iter().map(|(_, id)| *id).collect();
        let groups = self.store.groups(&self.job.context).of_contacts(ids).await?;
        for ((index, _), groups) in found.into_iter().zip(groups) {
            stored[index].member_of = groups.into_iter().map(|group| group.name).collect::<Vec<GroupName>>();
        }
        Ok(())
    }
}

fn handle(row: &ParsedRow) -> Option<&Handle> {
    row.handle.as_ref()?.value.as_ref()
}

fn phone(row: &ParsedRow) -> Option<&Phone> {
    row.phone.as_ref()?.value.as_ref()
}
