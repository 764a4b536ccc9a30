//! Imports as requests see them.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use super::stored::{self, to_i64, to_u64};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::import::{
    Import, ImportCounts, ImportFile, ImportId, ImportRepository, ImportState, PAGE_ROWS, PlanDigest,
    PlannedRow, RowFilter, RowPage, Upload,
};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::{AccountId, Error, ErrorCode, RequestContext, Result, Timestamp};
use crate::storage::change_set::ChangeSet;
use crate::storage::database::handle::Database;
use crate::storage::db::keyset;
use crate::storage::db::save::save;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::{Recorded, Reference};
use crate::storage::entity::import::{Column, Entity, Model};
use crate::storage::entity::{account, import_chunk, import_page};

use crate::storage::write::idempotency::Once;

pub(in crate::storage) struct SqlImports {
    database: Database,
    account: AccountId,
}

impl SqlImports {
    pub(in crate::storage) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }

    /// Changes an import that is locked for the transaction. `at_once`: how many imports of the account may be in progress.
    async fn update<F>(&self, id: ImportId, at_once: Option<u64>, change: F) -> Result<Import>
    where
        F: FnOnce(&Import, &mut Model, &RequestContext) -> Result<()> + Clone + Send + Sync + 'static,
    {
        let context = Arc::clone(self.database.context()?);
        let import = self.database.write(move |transaction| {
            Box::pin(async move {
                let mut row = lock(transaction, context.account(), id).await?;
                let before = stored::read(&row)?;
                change(&before, &mut row, &context)?;
                let after = stored::read(&row)?;
                // A file that is being sent is to be planned: better refused before than afterwards.
                let starts = after.state.is_in_progress() || row.uploading.is_some();
                if let Some(limit) = at_once
                    && starts
                    && !before.state.is_in_progress()
                {
                    require_room(transaction, context.account(), limit).await?;
                }
                row.updated_at = Timestamp::now().millis();
                save(transaction, &row).await?;
                Ok((stored::read(&row)?, ChangeSet::default()))
            })
        });
        let import = import.await?;
        self.database.wake_imports();
        Ok(import)
    }
}

/// Fails if as many imports of an account are in progress as may be. Their number cannot change until the transaction ends:
/// the account is locked.
async fn require_room(transaction: &Transaction, account: AccountId, limit: u64) -> Result<()> {
    account::Entity::find_by_id(account.get()).lock(LockType::NoKeyUpdate).one(transaction).await?;
    let in_progress = visible(account).filter(Column::State.is_in(in_progress())).count(transaction).await?;
    if in_progress >= limit { Err(ErrorCode::TooManyImports.into()) } else { Ok(()) }
}

/// The names of the states in which an import is, or waits to be, carried out.
pub(super) fn in_progress() -> impl Iterator<Item = &'static str> {
    ImportState::ALL.iter().filter(|state| state.is_in_progress()).map(|state| state.as_str())
}

pub(super) fn not_found() -> Error {
    Error::no_such("import")
}

pub(super) fn by_id(account: AccountId, id: ImportId) -> Condition {
    Condition::all().add(Column::AccountId.eq(account.get())).add(Column::Id.eq(id.as_uuid()))
}

/// Imports that have not expired.
fn visible(account: AccountId) -> Select<Entity> {
    Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::ExpiresAt.gt(Timestamp::now().millis()))
}

pub(super) async fn lock(transaction: &Transaction, account: AccountId, id: ImportId) -> Result<Model> {
    let select = visible(account).filter(Column::Id.eq(id.as_uuid())).lock(LockType::NoKeyUpdate);
    select.one(transaction).await?.ok_or_else(not_found)
}

/// Leaves the import to whoever claims it next. The caller saves the row.
pub(super) fn release(row: &mut Model) {
    (row.owner, row.lease, row.leased_until) = (None, None, None);
}

/// Starts a step, on behalf of a request.
fn start(row: &mut Model, context: &RequestContext, state: ImportState, total: u64) {
    state.as_str().clone_into(&mut row.state);
    context.key().as_str().clone_into(&mut row.key_id);
    context.request_id().clone_into(&mut row.request_id);
    (row.done, row.total) = (0, to_i64(total));
    release(row);
}

fn superseded() -> Error {
    Error::with_message(ErrorCode::ImportState, "Another file was sent for the import in the meantime")
}

#[async_trait]
impl ImportRepository for SqlImports {
    async fn insert(&self, import: Import, request: Option<IdempotentRequest>) -> Result<Created<Import>> {
        let row = stored::new_row(self.database.context()?, &import)?;
        let created = self.database.write_once(request, move |transaction| {
            Box::pin(async move {
                Entity::insert(row.into_active_model()).exec_without_returning(transaction).await?;
                let recorded = Recorded::Resource(Reference::created(import.id.as_uuid()));
                Ok(((recorded, import), ChangeSet::default()))
            })
        });
        match created.await? {
            Once::Done(resource) => Ok(Created { resource, replayed: false }),
            Once::Replayed(recorded) => {
                let Reference { id, is_new: _ } = recorded.into_resource()?;
                Created::replay(self.get(ImportId::from_uuid(id)).await, "import")
            }
        }
    }

    async fn get(&self, id: ImportId) -> Result<Import> {
        let account = self.account;
        let row = self.database.read(async move |reader| {
            Ok(visible(account).filter(Column::Id.eq(id.as_uuid())).one(&reader).await?)
        });
        stored::read(&row.await?.ok_or_else(not_found)?)
    }

    async fn list(&self, page: CursorParams<ImportId>) -> Result<CursorPage<Import>> {
        let account = self.account;
        let rows = self.database.read(async move |reader| {
            keyset::by_cursor(&reader, visible(account), Column::Id, false, &page).await
        });
        let CursorPage { items, has_more, resume_at } = rows.await?;
        let items = items.iter().map(stored::read).collect::<Result<_>>()?;
        Ok(CursorPage { items, has_more, resume_at })
    }

    async fn stored_bytes(&self) -> Result<u64> {
        let account = self.account;
        self.database.read(async move |reader| stored_bytes(&reader, account).await).await
    }

    async fn begin_upload(&self, id: ImportId, at_once: Option<u64>) -> Result<Upload> {
        let upload = Upload { import: id, id: Uuid::now_v7() };
        let begun = self.update(id, at_once, move |import, row, _| {
            if !import.state.accepts_file() {
                return Err(import.wrong_state("it accepts no file any more"));
            }
            row.uploading = Some(upload.id);
            Ok(())
        });
        begun.await?;
        Ok(upload)
    }

    async fn append(&self, upload: Upload, number: u64, bytes: Vec<u8>) -> Result<()> {
        let account = self.account;
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let stored = self.database.write(move |transaction| {
            Box::pin(async move {
                // Counted before it is stored: the quota sees files that are not complete.
                let counted = Entity::update_many()
                    .col_expr(Column::StoredBytes, Expr::col(Column::StoredBytes).add(length))
                    .filter(by_id(account, upload.import))
                    .filter(Column::Uploading.eq(upload.id))
                    .exec(transaction)
                    .await?;
                if counted.rows_affected == 0 {
                    return Err(superseded());
                }
                let chunk = import_chunk::Model {
                    account_id: account.get(),
                    import_id: upload.import.as_uuid(),
                    upload: upload.id,
                    number: to_i64(number),
                    content: bytes,
                };
                import_chunk::Entity::insert(chunk.into_active_model())
                    .exec_without_returning(transaction)
                    .await?;
                Ok(((), ChangeSet::default()))
            })
        });
        stored.await
    }

    async fn finish_upload(&self, upload: Upload, file: ImportFile, at_once: Option<u64>) -> Result<Import> {
        let finished = self.update(upload.import, at_once, move |import, row, context| {
            if row.uploading != Some(upload.id) {
                return Err(superseded());
            }
            if !import.state.accepts_file() {
                return Err(import.wrong_state("it accepts no file any more"));
            }
            (row.upload, row.uploading) = (row.uploading, None);
            row.stored_bytes = to_i64(file.bytes);
            row.file = Some(stored::to_json(&file)?);
            (row.digest, row.failure) = (None, None);
            row.counts = stored::to_json(&ImportCounts::default())?;
            start(row, context, ImportState::Planning, file.bytes);
            Ok(())
        });
        let import = finished.await?;
        // The file that it replaces.
        self.database.wake_cleaner();
        Ok(import)
    }

    async fn abandon_upload(&self, upload: Upload) {
        let abandoned = self.update(upload.import, None, move |_, row, _| {
            if row.uploading == Some(upload.id) {
                row.uploading = None;
            }
            Ok(())
        });
        if let Err(error) = abandoned.await {
            tracing::debug!(reason = error.cause(), "an incomplete file is deleted with its import");
        }
        self.database.wake_cleaner();
    }

    async fn commit(&self, id: ImportId, digest: PlanDigest, at_once: Option<u64>) -> Result<Import> {
        self.update(id, at_once, move |import, row, context| {
            if import.state != ImportState::Planned {
                return Err(import.wrong_state("only a planned import can be committed"));
            }
            if import.digest != Some(digest) {
                return Err(ErrorCode::PlanChanged.into());
            }
            start(row, context, ImportState::Committing, import.counts.rows);
            Ok(())
        })
        .await
    }

    async fn undo(&self, id: ImportId, at_once: Option<u64>) -> Result<Import> {
        self.update(id, at_once, move |import, row, context| {
            if import.state != ImportState::Committed {
                return Err(import.wrong_state("only a committed import can be undone"));
            }
            start(row, context, ImportState::Undoing, import.counts.rows);
            Ok(())
        })
        .await
    }

    async fn delete(&self, id: ImportId) -> Result<()> {
        self.update(id, None, move |import, row, _| {
            match import.state.after_deletion() {
                Some(state) => state.as_str().clone_into(&mut row.state),
                // Expired imports are invisible; the cleaner deletes them.
                None => row.expires_at = 0,
            }
            (row.upload, row.uploading) = (None, None);
            release(row);
            Ok(())
        })
        .await?;
        self.database.wake_cleaner();
        Ok(())
    }

    async fn rows(&self, id: ImportId, filter: RowFilter, after: Option<u64>, limit: u64) -> Result<RowPage> {
        let import = self.get(id).await?;
        if import.state == ImportState::Cancelled {
            return Ok(RowPage { columns: import.report.columns, rows: Vec::new(), has_more: false });
        }
        let account = self.account;
        let first = after.map_or(0, |after| after.saturating_add(1));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows =
            self.database.read(async move |reader| rows(&reader, account, id, filter, first, limit).await);
        let (rows, has_more) = rows.await?;
        Ok(RowPage { columns: import.report.columns, rows, has_more })
    }
}

/// Pages that are looked at in one query for one that has a selected row.
const PAGES_PER_QUERY: u64 = 200;

/// The selected rows from a position on, and whether there are more.
async fn rows(
    reader: &impl ConnectionTrait,
    account: AccountId,
    id: ImportId,
    filter: RowFilter,
    first: u64,
    limit: usize,
) -> Result<(Vec<(u64, PlannedRow)>, bool)> {
    use import_page::{Column, Entity};
    let page_rows = u64::try_from(PAGE_ROWS).unwrap_or(u64::MAX);
    let mut next_page = first / page_rows;
    let mut found = Vec::new();
    loop {
        let in_import = Entity::find()
            .filter(Column::AccountId.eq(account.get()))
            .filter(Column::ImportId.eq(id.as_uuid()));
        let counts: Vec<(i64, String)> = in_import
            .clone()
            .select_only()
            .columns([Column::Number, Column::Counts])
            .filter(Column::Number.gte(to_i64(next_page)))
            .order_by_asc(Column::Number)
            .limit(PAGES_PER_QUERY)
            .into_tuple()
            .all(reader)
            .await?;
        let Some((last, _)) = counts.last() else { return Ok((found, false)) };
        next_page = to_u64(*last) + 1;
        for (number, counts) in counts {
            if stored::from_json::<ImportCounts>(&counts)?.selected(filter) == 0 {
                continue;
            }
            let Some(page) = in_import.clone().filter(Column::Number.eq(number)).one(reader).await? else {
                continue;
            };
            let positions = to_u64(number) * page_rows..;
            let rows = positions.zip(stored::read_rows(&page.content)?);
            found.extend(rows.filter(|(position, row)| *position >= first && filter.selects(row)));
            if found.len() > limit {
                found.truncate(limit);
                return Ok((found, true));
            }
        }
    }
}

/// Bytes of the files and the plans of an account's imports, as counted against its quota.
pub(in crate::storage) async fn stored_bytes(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<u64> {
    // The sum of a bigint column is numeric on PostgreSQL.
    let sum = Entity::find()
        .select_only()
        .expr_as(Column::StoredBytes.sum().cast_as("bigint"), "bytes")
        .filter(Column::AccountId.eq(account.get()));
    let bytes = sum.into_tuple::<Option<i64>>().one(connection).await?.flatten();
    Ok(to_u64(bytes.unwrap_or(0)))
}
