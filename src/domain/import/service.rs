//! What may be asked of the imports of an account.

use std::time::Duration;

use super::model::{
    FileReport, Import, ImportCounts, ImportFile, ImportId, ImportState, PlanDigest, Progress, RowFilter,
};
use super::options::ImportOptions;
use super::repository::{ImportRepository, RowPage, Upload};
use crate::domain::account::limits::AccountLimits;
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::file_format::FileFormat;
use crate::domain::idempotency::{self, Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};

/// What applies to the imports of all accounts.
#[derive(Clone, Copy, Debug)]
pub struct ImportSettings {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// How long an import is kept.
    pub retention: Duration,
}

pub struct ImportService {
    repository: Box<dyn ImportRepository>,
    settings: ImportSettings,
    limits: AccountLimits,
}

impl ImportService {
    #[must_use]
    pub fn new(
        repository: Box<dyn ImportRepository>,
        settings: ImportSettings,
        limits: AccountLimits,
    ) -> Self {
        Self { repository, settings, limits }
    }

    /// # Errors
    /// As [`ImportRepository::insert`].
    pub async fn create(
        &self,
        options: ImportOptions,
        idempotent: Option<IdempotentRequest>,
        may_read: bool,
    ) -> Result<Created<Import>> {
        let (id, created_at) = ImportId::generate();
        let import = Import {
            id,
            state: ImportState::AwaitingFile,
            options,
            file: None,
            report: FileReport::default(),
            counts: ImportCounts::default(),
            progress: Progress::default(),
            digest: None,
            failure: None,
            created_at,
            updated_at: created_at,
            expires_at: created_at.after(self.settings.retention),
        };
        let insert = async |import, idempotent| self.repository.insert(import, idempotent).await;
        idempotency::create(import, idempotent, may_read, insert).await
    }

    /// # Errors
    /// As [`ImportRepository::get`].
    pub async fn get(&self, id: ImportId) -> Result<Import> {
        self.repository.get(id).await
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn list(&self, page: CursorParams<ImportId>) -> Result<CursorPage<Import>> {
        self.repository.list(page).await
    }

    /// Begins to receive a file, of `length` bytes if that is known.
    ///
    /// # Errors
    /// [`ErrorCode::ImportState`], [`ErrorCode::PayloadTooLarge`], [`ErrorCode::ImportQuota`] and
    /// [`ErrorCode::TooManyImports`].
    pub async fn begin_upload(&self, id: ImportId, length: Option<u64>) -> Result<UploadInProgress<'_>> {
        let file_bytes = self.settings.file_bytes;
        let available = self.limits.import_bytes.saturating_sub(self.repository.stored_bytes().await?);
        check(length.unwrap_or(0), file_bytes, available)?;
        let upload = self.repository.begin_upload(id, self.limits.imports).await?;
        let repository = self.repository.as_ref();
        Ok(UploadInProgress {
            repository,
            upload,
            chunks: 0,
            bytes: 0,
            limit: file_bytes,
            available,
            at_once: self.limits.imports,
        })
    }

    /// # Errors
    /// As [`ImportRepository::commit`].
    pub async fn commit(&self, id: ImportId, digest: PlanDigest) -> Result<Import> {
        self.repository.commit(id, digest, self.limits.imports).await
    }

    /// # Errors
    /// As [`ImportRepository::undo`].
    pub async fn undo(&self, id: ImportId) -> Result<Import> {
        self.repository.undo(id, self.limits.imports).await
    }

    /// # Errors
    /// As [`ImportRepository::delete`].
    pub async fn delete(&self, id: ImportId) -> Result<()> {
        self.repository.delete(id).await
    }

    /// # Errors
    /// As [`ImportRepository::rows`].
    pub async fn rows(
        &self,
        id: ImportId,
        filter: RowFilter,
        after: Option<u64>,
        limit: u64,
    ) -> Result<RowPage> {
        self.repository.rows(id, filter, after, limit).await
    }
}

/// A file that is being received, chunk by chunk. It counts before it is stored.
pub struct UploadInProgress<'s> {
    repository: &'s dyn ImportRepository,
    upload: Upload,
    chunks: u64,
    bytes: u64,
    limit: u64,
    available: u64,
    /// Imports in progress.
    at_once: Option<u64>,
}

impl UploadInProgress<'_> {
    /// Stores the next chunk. After a failure, the upload is to be abandoned.
    ///
    /// # Errors
    /// [`ErrorCode::PayloadTooLarge`] and [`ErrorCode::ImportQuota`].
    pub async fn append(&mut self, chunk: Vec<u8>) -> Result<()> {
        let bytes = self.bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        check(bytes, self.limit, self.available)?;
        self.bytes = bytes;
        self.repository.append(self.upload, self.chunks, chunk).await?;
        self.chunks += 1;
        Ok(())
    }

    /// The file is complete: it will be planned.
    ///
    /// # Errors
    /// As [`ImportRepository::finish_upload`].
    pub async fn finish(self, format: Option<FileFormat>) -> Result<Import> {
        let file = ImportFile { bytes: self.bytes, format };
        self.repository.finish_upload(self.upload, file, self.at_once).await
    }

    /// Deletes what was stored.
    pub async fn abandon(self) {
        self.repository.abandon_upload(self.upload).await;
    }
}

fn check(bytes: u64, limit: u64, available: u64) -> Result<()> {
    if bytes > limit {
        let message = format!("The file is larger than {limit} bytes");
        return Err(Error::with_message(ErrorCode::PayloadTooLarge, message));
    }
    if bytes > available {
        return Err(ErrorCode::ImportQuota.into());
    }
    Ok(())
}
