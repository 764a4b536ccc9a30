//! The background task that carries out the steps of erasures.
//!
//! Instances take turns by a lease. If two are at work all the same, neither does what the other has done: each transaction
//! locks the erasure first.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::Notify;
use tracing::Instrument;
use uuid::Uuid;

use super::stored::{self, Step};
use super::{contacts, opt_outs, responses};
use crate::domain::api_key::KeyId;
use crate::domain::erasure::{ErasurePlace, ErasureState, Traces};
use crate::domain::{AccountId, RequestContext, Result, Timestamp};
use crate::storage::audiences::erase as audiences;
use crate::storage::background_task::BackgroundTask;
use crate::storage::change_set::ChangeSet;
use crate::storage::db::connection::Connection;
use crate::storage::db::save::save;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::erasure::{Column, Entity, Model};
use crate::storage::imports;
use crate::storage::process::Process;
use crate::storage::spans;
use crate::storage::write::writer::{WriteError, WriteOutput, Writer};

/// Without being woken: another instance may have begun an erasure and terminated.
const INTERVAL: Duration = Duration::from_secs(10);

/// While an erasure waits for something (an import's file, the search index): the first pause, by which each further one is
/// longer, and how many times.
const RETRY: Duration = Duration::from_millis(50);
const MAX_RETRIES: u32 = 20;

/// How long an erasure stays with a process that does not go on.
const LEASE: Duration = Duration::from_secs(30);

/// Rows that are looked at in one read, and changed in one transaction.
const READ_ROWS: u64 = 500;
const WRITTEN_ROWS: usize = 50;

/// Pages of plans that are read at a time: each has up to 500 rows.
const READ_PAGES: u64 = 10;

/// What the task needs.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) writer: Writer,
    pub(crate) reader: Connection,
    pub(crate) process: Process,
    /// Deletes the files of imports that nothing refers to.
    pub(crate) cleaner: Option<Arc<BackgroundTask>>,
    /// How long backups are kept; `None` if none are made.
    pub(crate) backup_retention: Option<Duration>,
}

/// Starts the task. Wake it when an erasure has begun.
pub(crate) fn start(worker: Worker) -> BackgroundTask {
    BackgroundTask::start(|wake| worker.run(wake))
}

impl Worker {
    async fn run(self, wake: Arc<Notify>) {
        let mut retries = 0;
        loop {
            let pause = match self.round().await {
                Ok(true) => {
                    retries = MAX_RETRIES.min(retries + 1);
                    RETRY * retries
                }
                Ok(false) => INTERVAL,
                Err(error) => {
                    tracing::warn!(reason = error.cause(), "an erasure could not be carried out");
                    INTERVAL
                }
            };
            if tokio::time::timeout(pause, wake.notified()).await.is_ok() {
                retries = 0;
            }
        }
    }

    /// Goes on with every erasure. Returns whether some are not complete yet. Begins with a read, which takes no lock.
    async fn round(&self) -> Result<bool> {
        let running: Vec<(i64, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::AccountId, Column::Id])
            .filter(Column::State.eq(ErasureState::Running.as_str()))
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mut is_waiting = false;
        let mut failure = None;
        for (account, id) in running {
            let key = (AccountId::new(account), id);
            // One that fails holds up no other.
            match self.carry_out(key).instrument(spans::erasure()).await {
                Ok(complete) => is_waiting |= !complete,
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(is_waiting), Err)
    }

    async fn carry_out(&self, key: (AccountId, Uuid)) -> Result<bool> {
        let Some(row) = self.claim(key).await? else { return Ok(false) };
        let erasing = Erasing { worker: self, key, traces: Arc::new(stored::traces(&row)?), row: &row };
        let steps = stored::steps(&row)?;
        let mut left = steps.clone();
        for step in steps {
            let is_done = match step {
                Step::Responses => erasing.responses().await?,
                Step::Audiences => erasing.audiences().await?,
                Step::Imports => erasing.imports().await?,
                Step::Contacts => {
                    let were_none = erasing.contacts().await?;
                    if !were_none {
                        left = Step::ALL.to_vec();
                    }
                    // An import of before may still bring some back.
                    were_none && !left.contains(&Step::Imports)
                }
                Step::SearchIndex => row.unindexed,
            };
            if is_done {
                left.retain(|other| *other != step);
            }
        }
        self.end_steps(key, left).await
    }

    /// Takes the lease, unless another process has it.
    async fn claim(&self, key: (AccountId, Uuid)) -> Result<Option<Model>> {
        let process = self.process;
        self.transact(move |transaction| {
            Box::pin(async move {
                let Some(mut row) = stored::lock(transaction, key).await? else {
                    return Ok((None, ChangeSet::default()));
                };
                if process.must_respect(row.lease, row.leased_until) {
                    return Ok((None, ChangeSet::default()));
                }
                let end = Timestamp::now().after(LEASE);
                (row.lease, row.leased_until) = (Some(process.id), Some(end.millis()));
                save(transaction, &row).await?;
                Ok((Some(row), ChangeSet::default()))
            })
        })
        .await
    }

    /// Stores which steps are left; with the last one, the erasure is complete, and what the person was found by is forgotten.
    /// Returns whether it is.
    async fn end_steps(&self, key: (AccountId, Uuid), left: Vec<Step>) -> Result<bool> {
        let retention = self.backup_retention;
        self.transact(move |transaction| {
            Box::pin(async move {
                let Some(mut row) = stored::lock(transaction, key).await? else {
                    return Ok((true, ChangeSet::default()));
                };
                let mut left = left;
                if !row.unindexed && !left.contains(&Step::SearchIndex) {
                    // More contacts have been found meanwhile.
                    left.push(Step::SearchIndex);
                }
                let is_complete = left.is_empty();
                if is_complete {
                    let now = Timestamp::now();
                    ErasureState::Complete.as_str().clone_into(&mut row.state);
                    row.traces = None;
                    row.completed_at = Some(now.millis());
                    row.backups_until = retention.map(|retention| now.after(retention).clamped().millis());
                    (row.lease, row.leased_until) = (None, None);
                }
                stored::set_steps(&mut row, &left)?;
                save(transaction, &row).await?;
                Ok((is_complete, ChangeSet::default()))
            })
        })
        .await
    }

    async fn transact<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<T>>> + Clone + Send + 'static,
    {
        self.writer.transact_deletion(job).await.map_err(WriteError::into_deletion_error)
    }
}

/// One erasure, as it was claimed.
struct Erasing<'w> {
    worker: &'w Worker,
    key: (AccountId, Uuid),
    traces: Arc<Traces>,
    row: &'w Model,
}

impl Erasing<'_> {
    fn account(&self) -> AccountId {
        self.key.0
    }

    fn began(&self) -> Timestamp {
        Timestamp::from_millis(self.row.created_at)
    }

    fn reader(&self) -> &Connection {
        &self.worker.reader
    }

    /// Erases in a transaction, and counts what it has.
    async fn erase<F>(&self, place: ErasurePlace, job: F) -> Result<()>
    where
        F: for<'t> FnOnce(&'t Transaction, AccountId, Arc<Traces>) -> BoxFuture<'t, Result<u64>>
            + Clone
            + Send
            + 'static,
    {
        let (key, traces) = (self.key, Arc::clone(&self.traces));
        self.worker
            .transact(move |transaction| {
                Box::pin(async move {
                    let Some(mut row) = stored::lock(transaction, key).await? else {
                        return Ok(((), ChangeSet::default()));
                    };
                    let erased = job(transaction, key.0, traces).await?;
                    if erased > 0 {
                        stored::add(&mut row, place, erased, 0)?;
                        save(transaction, &row).await?;
                    }
                    Ok(((), ChangeSet::default()))
                })
            })
            .await
    }

    async fn responses(&self) -> Result<bool> {
        let mut last = None;
        loop {
            let page = responses::after(self.reader(), self.account(), last.as_ref(), READ_ROWS).await?;
            for found in responses::about(&page, &self.traces)?.chunks(WRITTEN_ROWS) {
                let found = found.to_vec();
                self.erase(ErasurePlace::StoredResponses, move |transaction, account, traces| {
                    Box::pin(async move { responses::erase(transaction, account, &found, &traces).await })
                })
                .await?;
            }
            last = page.into_iter().last();
            if last.is_none() {
                return Ok(true);
            }
        }
    }

    async fn audiences(&self) -> Result<bool> {
        if audiences::is_unfinished_since(self.reader(), self.account(), self.began()).await? {
            return Ok(false);
        }
        let mut last = None;
        loop {
            let page =
                audiences::entries_after(self.reader(), self.account(), last.as_ref(), READ_ROWS).await?;
            for found in audiences::about(&page, &self.traces)?.chunks(WRITTEN_ROWS) {
                let found = found.to_vec();
                self.erase(ErasurePlace::AudienceEntries, move |transaction, account, traces| {
                    Box::pin(
                        async move { audiences::erase_entries(transaction, account, &found, &traces).await },
                    )
                })
                .await?;
            }
            last = page.into_iter().last();
            if last.is_none() {
                return Ok(true);
            }
        }
    }

    async fn imports(&self) -> Result<bool> {
        let (account, began) = (self.account(), self.began());
        if imports::has_file_since(self.reader(), account, began).await? {
            self.erase(ErasurePlace::ImportFiles, move |transaction, account, _| {
                Box::pin(async move { imports::cut_off_uploads(transaction, account, began).await })
            })
            .await?;
            if let Some(cleaner) = &self.worker.cleaner {
                cleaner.wake();
            }
            return Ok(false);
        }
        let regions = imports::regions(self.reader(), account).await?;
        for id in regions.keys().copied() {
            if imports::report_is_about(self.reader(), account, id, &self.traces).await? {
                self.erase(ErasurePlace::ImportRows, move |transaction, account, traces| {
                    Box::pin(async move {
                        Ok(u64::from(imports::erase_report(transaction, account, id, &traces).await?))
                    })
                })
                .await?;
            }
        }
        let mut last = None;
        loop {
            let page = imports::pages_after(self.reader(), account, last.as_ref(), READ_PAGES).await?;
            for found in imports::pages_about(&page, &regions, &self.traces).await? {
                self.erase(ErasurePlace::ImportRows, move |transaction, account, traces| {
                    Box::pin(async move { imports::erase_page(transaction, account, &found, &traces).await })
                })
                .await?;
            }
            last = page.into_iter().last();
            if last.is_none() {
                return Ok(true);
            }
        }
    }

    /// Deletes contacts with the person's numbers that are there again, or were too many for one transaction, and opt-outs
    /// that are there again. Returns whether there were none: else, every step is to be done once more.
    async fn contacts(&self) -> Result<bool> {
        let Model { key_id, request_id, .. } = self.row.clone();
        let context = RequestContext::new(self.account(), KeyId::from_stored(key_id), request_id);
        let (key, writer) = (self.key, self.worker.writer.clone());
        let mut were_none = true;
        loop {
            let (context, writer) = (Arc::clone(&context), writer.clone());
            let found = self.worker.transact(move |transaction| {
                Box::pin(async move {
                    let mut change_set = ChangeSet::default();
                    let Some(mut row) = stored::lock(transaction, key).await? else {
                        return Ok((false, change_set));
                    };
                    let mut traces = stored::traces(&row)?;
                    let found = contacts::find(transaction, key.0, &traces).await?;
                    let suppressed = opt_outs::suppress(
                        transaction,
                        &context,
                        writer.fields(),
                        &mut traces,
                        &mut change_set,
                    )
                    .await?;
                    if found.is_empty() && suppressed == 0 {
                        return Ok((false, change_set));
                    }
                    stored::add(&mut row, ErasurePlace::OptOuts, 0, suppressed)?;
                    let ids = found.iter().map(|contact| contact.id).collect();
                    let cache = writer.cache();
                    let (deleted, counts) =
                        contacts::delete(transaction, &context, cache, ids, &mut change_set).await?;
                    for contact in deleted {
                        traces.add_id(contact.id);
                        traces.add_handle(&contact.handle);
                    }
                    for (place, erased) in counts {
                        stored::add(&mut row, place, erased, 0)?;
                    }
                    stored::set_traces(&mut row, &traces)?;
                    stored::set_steps(&mut row, &Step::ALL)?;
                    save(transaction, &row).await?;
                    Ok((true, change_set))
                })
            });
            if !found.await? {
                return Ok(were_none);
            }
            were_none = false;
        }
    }
}
