//! Persistence of imports: for requests, and for the worker that carries them out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::model::{FileReport, Import, ImportFile, ImportId, PlanDigest, Progress, RowFilter};
use super::plan::PlannedRow;
use crate::domain::context::RequestContext;
use crate::domain::error::Result;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};

/// Rows of one page of a plan, which are carried out in one transaction: few enough that other writes wait for
/// milliseconds only.
pub const PAGE_ROWS: usize = 500;

/// Bytes of one piece of a stored file.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// A file that is being received. It becomes the file of the import when it is complete.
#[derive(Clone, Copy, Debug)]
pub struct Upload {
    pub import: ImportId,
    pub id: Uuid,
}

#[derive(Clone, Debug)]
pub struct RowPage {
    /// Of the file.
    pub columns: Vec<String>,
    /// Each with its position in the plan, in order.
    pub rows: Vec<(u64, PlannedRow)>,
    pub has_more: bool,
}

/// Scoped to one account. Every method that takes an id returns
/// [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound) if there is no such import. Those that start something return
/// [`ErrorCode::TooManyImports`](crate::domain::ErrorCode::TooManyImports) if `at_once` imports of the account are in progress.
#[async_trait]
pub trait ImportRepository: Send + Sync {
    async fn insert(&self, import: Import, request: Option<IdempotentRequest>) -> Result<Created<Import>>;

    async fn get(&self, id: ImportId) -> Result<Import>;

    /// A page of the list, newest first.
    async fn list(&self, page: CursorParams<ImportId>) -> Result<CursorPage<Import>>;

    /// Bytes that the files and plans of the account take.
    async fn stored_bytes(&self) -> Result<u64>;

    /// Begins to receive a file, in place of one that is being received.
    ///
    /// # Errors
    /// [`ErrorCode::ImportState`](crate::domain::ErrorCode::ImportState): no file is accepted any more.
    async fn begin_upload(&self, id: ImportId, at_once: Option<u64>) -> Result<Upload>;

    /// Stores a piece of a file.
    ///
    /// # Errors
    /// [`ErrorCode::ImportState`](crate::domain::ErrorCode::ImportState): another file took its place.
    async fn append(&self, upload: Upload, number: u64, bytes: Vec<u8>) -> Result<()>;

    /// Makes a received file that of the import, and starts planning.
    ///
    /// # Errors
    /// As [`Self::append`].
    async fn finish_upload(&self, upload: Upload, file: ImportFile, at_once: Option<u64>) -> Result<Import>;

    /// Deletes what was received of a file.
    async fn abandon_upload(&self, upload: Upload);

    /// Starts to carry out a plan.
    ///
    /// # Errors
    /// [`ErrorCode::ImportState`](crate::domain::ErrorCode::ImportState),
    /// [`ErrorCode::PlanChanged`](crate::domain::ErrorCode::PlanChanged).
    async fn commit(&self, id: ImportId, digest: PlanDigest, at_once: Option<u64>) -> Result<Import>;

    /// Starts to take back what was carried out.
    ///
    /// # Errors
    /// [`ErrorCode::ImportState`](crate::domain::ErrorCode::ImportState).
    async fn undo(&self, id: ImportId, at_once: Option<u64>) -> Result<Import>;

    /// Deletes an import, or cancels one that is being carried out. Its file and its rows go in either case.
    async fn delete(&self, id: ImportId) -> Result<()>;

    /// The rows of a plan after a position.
    async fn rows(&self, id: ImportId, filter: RowFilter, after: Option<u64>, limit: u64) -> Result<RowPage>;
}

/// An import whose current step this process carries out.
#[derive(Clone, Debug)]
pub struct ImportJob {
    /// Of the request that started the step.
    pub context: Arc<RequestContext>,
    pub import: Import,
    pub lease: Uuid,
}

/// The work that imports wait for. One process at a time has the lease of an import; whatever it stores renews the lease,
/// and is stored only if it still has it.
///
/// All methods that take a job return [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound) if this process has no
/// lease any more: the import was cancelled, or another process took it over.
#[async_trait]
pub trait ImportQueue: Send + Sync {
    /// Waits until there may be something to do, at most for this time.
    async fn wait(&self, limit: Duration);

    /// Takes the lease of an import that waits for a worker.
    async fn claim(&self) -> Result<Option<ImportJob>>;

    /// Deletes the pages of an earlier plan, or of an earlier attempt.
    async fn begin_plan(&self, job: &ImportJob) -> Result<()>;

    /// A piece of the file; `None` after the last.
    async fn chunk(&self, job: &ImportJob, number: u64) -> Result<Option<Vec<u8>>>;

    /// Appends a page to the plan; returns its SHA-256.
    async fn save_page(
        &self,
        job: &ImportJob,
        number: u64,
        rows: Vec<PlannedRow>,
        progress: Progress,
    ) -> Result<[u8; 32]>;

    /// Completes the plan, and starts to carry it out if the import is committed automatically.
    async fn finish_plan(&self, job: &ImportJob, report: FileReport, digest: PlanDigest) -> Result<()>;

    /// Carries out a page of the plan, or takes it back, unless that was done before. Returns whether there is such a page.
    async fn execute_page(&self, job: &ImportJob, number: u64) -> Result<bool>;

    /// Ends the step.
    async fn finish(&self, job: &ImportJob) -> Result<()>;

    /// The file cannot be read, for a reason in one sentence.
    async fn fail(&self, job: &ImportJob, report: FileReport, reason: String) -> Result<()>;

    /// Gives the lease back, for another attempt.
    async fn release(&self, job: &ImportJob);
}
