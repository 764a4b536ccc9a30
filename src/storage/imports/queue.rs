//! The imports that wait for a worker, and the leases of those that have one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::cleanup::delete_pages;
use super::execute;
use super::lease::{self, Lease};
use super::prepared::PreparedPage;
use super::repository::{by_id, in_progress, not_found, release};
use super::stored::{self, to_i64};
use crate::domain::api_key::KeyId;
use crate::domain::import::{
    CommitMode, FileReport, ImportCounts, ImportJob, ImportQueue, ImportState, PlanDigest, PlannedRow,
    Progress,
};
use crate::domain::{AccountId, Error, ErrorCode, RequestContext, Result, Timestamp};
use crate::storage::change_set::ChangeSet;
use crate::storage::database::handle::Database;
use crate::storage::db::save::save;
use crate::storage::entity::import::{Column, Entity, Model};
use crate::storage::entity::{import_chunk, import_page};
use crate::storage::process::Process;

/// Pages of an earlier plan that are deleted in one transaction.
const DELETED_PAGES: u64 = 20;

pub(in crate::storage) struct SqlImportQueue {
    database: Database,
    /// The page after the one that is being carried out.
    next: Mutex<Option<Prefetch>>,
}

/// A page that is being read.
struct Prefetch {
    lease: Uuid,
    number: u64,
    page: JoinHandle<Result<Option<PreparedPage>>>,
}

impl SqlImportQueue {
    pub(in crate::storage) fn new(database: Database) -> Self {
        Self { database, next: Mutex::default() }
    }

    /// The database on behalf of a job's account.
    fn of(&self, job: &ImportJob) -> Database {
        self.database.for_request(&job.context)
    }

    fn take_prefetched(
        &self,
        job: &ImportJob,
        number: u64,
    ) -> Option<JoinHandle<Result<Option<PreparedPage>>>> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (next.lease == job.lease && next.number == number).then_some(next.page)
    }

    fn prefetch(&self, job: &ImportJob, number: u64) {
        let (database, lease, job) = (self.of(job), job.lease, job.clone());
        let page = async move { PreparedPage::read(&database, &job, number).await };
        let page = self.database.parts.runtime.spawn(page);
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Prefetch { lease, number, page });
    }

    /// Changes an import whose lease this process has, and renews the lease.
    async fn update<F>(&self, job: &ImportJob, change: F) -> Result<()>
    where
        F: FnOnce(&mut Model) -> Result<()> + Clone + Send + Sync + 'static,
    {
        let lease = Lease::of(job);
        self.of(job)
            .write(move |transaction| {
                Box::pin(async move {
                    let mut row = lease.renew(transaction).await?;
                    change(&mut row)?;
                    save(transaction, &row).await?;
                    Ok(((), ChangeSet::default()))
                })
            })
            .await
    }
}

/// Imports that wait for a worker: never claimed, or claimed by a process that has terminated.
fn waiting(owner: Process) -> Condition {
    let now = Timestamp::now().millis();
    let mut free = Condition::any().add(Column::LeasedUntil.is_null()).add(Column::LeasedUntil.lt(now));
    if owner.is_only_process {
        free = free.add(Column::Owner.ne(owner.id));
    }
    Condition::all().add(Column::State.is_in(in_progress())).add(Column::ExpiresAt.gt(now)).add(free)
}

#[async_trait]
impl ImportQueue for SqlImportQueue {
    async fn wait(&self, limit: Duration) {
        drop(tokio::time::timeout(limit, self.database.parts.imports_changed.notified()).await);
    }

    async fn claim(&self) -> Result<Option<ImportJob>> {
        let owner = self.database.process();
        let find = move || Entity::find().filter(waiting(owner)).order_by_asc(Column::UpdatedAt).limit(1);
        // On SQLite, looking takes no write lock.
        let found = self.database.read(async move |reader| Ok(find().one(&reader).await?));
        if found.await?.is_none() {
            return Ok(None);
        }
        let lease = Uuid::now_v7();
        let claimed = self.database.write(move |transaction| {
            Box::pin(async move {
                let find = find().lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
                let Some(mut row) = find.one(transaction).await? else {
                    return Ok((None, ChangeSet::default()));
                };
                (row.owner, row.lease) = (Some(owner.id), Some(lease));
                row.leased_until = Some(lease::end());
                save(transaction, &row).await?;
                Ok((Some(row), ChangeSet::default()))
            })
        });
        let Some(row) = claimed.await? else { return Ok(None) };
        let import = stored::read(&row)?;
        let Model { account_id, key_id, request_id, .. } = row;
        let context = RequestContext::new(AccountId::new(account_id), KeyId::from_stored(key_id), request_id);
        Ok(Some(ImportJob { context, import, lease }))
    }

    async fn begin_plan(&self, job: &ImportJob) -> Result<()> {
        loop {
            let lease = Lease::of(job);
            let database = self.of(job);
            let more = database.write(move |transaction| {
                Box::pin(async move {
                    let mut row = lease.renew(transaction).await?;
                    row.counts = stored::to_json(&ImportCounts::default())?;
                    row.done = 0;
                    let (account, import) = (row.account_id, row.id);
                    let more = delete_pages(transaction, account, import, DELETED_PAGES).await?;
                    save(transaction, &row).await?;
                    Ok((more, ChangeSet::default()))
                })
            });
            if !more.await? {
                return Ok(());
            }
        }
    }

    async fn chunk(&self, job: &ImportJob, number: u64) -> Result<Option<Vec<u8>>> {
        use import_chunk::Column as ChunkColumn;
        let (account, import) = (job.context.account(), job.import.id);
        let database = self.of(job);
        let chunk = database.read(async move |reader| {
            let row = Entity::find().filter(by_id(account, import)).one(&reader).await?;
            let upload = row.ok_or_else(not_found)?.upload.ok_or_else(not_found)?;
            let chunk = import_chunk::Entity::find()
                .filter(ChunkColumn::AccountId.eq(account.get()))
                .filter(ChunkColumn::ImportId.eq(import.as_uuid()))
                .filter(ChunkColumn::Upload.eq(upload))
                .filter(ChunkColumn::Number.eq(to_i64(number)))
                .one(&reader)
                .await?;
            Ok(chunk.map(|chunk| chunk.content))
        });
        chunk.await
    }

    async fn save_page(
        &self,
        job: &ImportJob,
        number: u64,
        rows: Vec<PlannedRow>,
        progress: Progress,
    ) -> Result<[u8; 32]> {
        let json = stored::write_rows(&rows)?;
        let digest = Sha256::digest(&json).into();
        let counts = ImportCounts::of(&rows);
        let page = import_page::Model {
            account_id: job.context.account().get(),
            import_id: job.import.id.as_uuid(),
            number: to_i64(number),
            step: 0,
            counts: stored::to_json(&counts)?,
            content: stored::compress(&json)?,
        };
        let lease = Lease::of(job);
        self.of(job)
            .write(move |transaction| {
                Box::pin(async move {
                    let mut row = lease.renew(transaction).await?;
                    let sum: ImportCounts = stored::from_json(&row.counts)?;
                    row.counts = stored::to_json(&sum.replace(&ImportCounts::default(), &counts))?;
                    (row.done, row.total) = (to_i64(progress.done), to_i64(progress.total));
                    row.stored_bytes =
                        row.stored_bytes.saturating_add(i64::try_from(page.content.len()).unwrap_or(0));
                    save(transaction, &row).await?;
                    import_page::Entity::insert(page.into_active_model())
                        .exec_without_returning(transaction)
                        .await?;
                    Ok(((), ChangeSet::default()))
                })
            })
            .await?;
        Ok(digest)
    }

    async fn finish_plan(&self, job: &ImportJob, report: FileReport, digest: PlanDigest) -> Result<()> {
        let (commit, bytes) =
            (job.import.options.commit, job.import.file.as_ref().map_or(0, |file| file.bytes));
        self.update(job, move |row| {
            let counts: ImportCounts = stored::from_json(&row.counts)?;
            row.report = stored::to_json(&report)?;
            row.digest = Some(digest.as_bytes().to_vec());
            // The plan has all that is needed of the file.
            row.upload = None;
            row.stored_bytes = row.stored_bytes.saturating_sub(to_i64(bytes));
            release(row);
            let state = match commit {
                CommitMode::Manual => {
                    row.done = row.total;
                    ImportState::Planned
                }
                CommitMode::Automatic => {
                    (row.done, row.total) = (0, to_i64(counts.rows));
                    ImportState::Committing
                }
            };
            state.as_str().clone_into(&mut row.state);
            Ok(())
        })
        .await?;
        self.database.wake_cleaner();
        self.database.wake_imports();
        Ok(())
    }

    async fn execute_page(&self, job: &ImportJob, number: u64) -> Result<bool> {
        let database = self.of(job);
        database.wait_for_index().await?;
        let page = match self.take_prefetched(job, number) {
            Some(page) => page.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))??,
            None => PreparedPage::read(&database, job, number).await?,
        };
        let Some(page) = page else { return Ok(false) };
        self.prefetch(job, number + 1);
        execute::page(&database, job, Lease::of(job), page).await?;
        Ok(true)
    }

    async fn finish(&self, job: &ImportJob) -> Result<()> {
        let state = match job.import.state {
            ImportState::Undoing => ImportState::Undone,
            _ => ImportState::Committed,
        };
        self.update(job, move |row| {
            state.as_str().clone_into(&mut row.state);
            row.done = row.total;
            release(row);
            Ok(())
        })
        .await
    }

    async fn fail(&self, job: &ImportJob, report: FileReport, reason: String) -> Result<()> {
        self.update(job, move |row| {
            ImportState::Failed.as_str().clone_into(&mut row.state);
            row.report = stored::to_json(&report)?;
            row.failure = Some(reason);
            row.upload = None;
            row.stored_bytes = 0;
            release(row);
            Ok(())
        })
        .await?;
        self.database.wake_cleaner();
        Ok(())
    }

    async fn release(&self, job: &ImportJob) {
        let released = self.update(job, |row| {
            release(row);
            Ok(())
        });
        if let Err(error) = released.await {
            tracing::debug!(reason = error.cause(), "the lease of an import ends by itself");
        }
    }
}
