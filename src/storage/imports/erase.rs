//! Erases a person from imports: from rows of plans and rejects, and from what is known of a file as a whole. A file that is
//! still to be read is waited for, since no row of it can be taken out.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::repository::{by_id, in_progress, release};
use super::stored;
use crate::domain::erasure::{Pages, Traces, erase_rows};
use crate::domain::id::first_after;
use crate::domain::import::{ImportCounts, ImportId, Region, Target};
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp, random};
use crate::storage::db::save::save;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::import::{Column, Entity, Model};
use crate::storage::entity::{import_chunk, import_page};

/// Ends the transfer of files that began before a time: what they have is from before. Returns how many there were. Their
/// chunks are then deleted as those of any abandoned file.
pub(in crate::storage) async fn cut_off_uploads(
    transaction: &Transaction,
    account: AccountId,
    time: Timestamp,
) -> Result<u64> {
    let cut_off = Entity::update_many()
        .col_expr(Column::Uploading, Expr::value(Option::<Uuid>::None))
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Uploading.lt(first_after(time)))
        .exec(transaction)
        .await?;
    Ok(cut_off.rows_affected)
}

/// Whether anything of a file is left whose transfer began before a time.
pub(in crate::storage) async fn has_file_since(
    reader: &impl ConnectionTrait,
    account: AccountId,
    time: Timestamp,
) -> Result<bool> {
    use import_chunk::{Column, Entity};
    let chunk = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Upload.lt(first_after(time)))
        .limit(1);
    Ok(chunk.into_tuple::<i64>().one(reader).await?.is_some())
}

/// A page of a plan, among all of the account.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::storage) struct StoredPage {
    import_id: Uuid,
    number: i64,
    content: Vec<u8>,
}

/// The next pages of all imports of an account.
pub(in crate::storage) async fn pages_after(
    reader: &impl ConnectionTrait,
    account: AccountId,
    after: Option<&StoredPage>,
    limit: u64,
) -> Result<Vec<StoredPage>> {
    use import_page::{Column, Entity};
    let key = [Column::ImportId, Column::Number];
    let mut select = Entity::find()
        .select_only()
        .columns(key)
        .column(Column::Content)
        .filter(Column::AccountId.eq(account.get()))
        .order_by_asc(Column::ImportId)
        .order_by_asc(Column::Number)
        .limit(limit);
    if let Some(StoredPage { import_id, number, content: _ }) = after {
        let last = [Expr::val(*import_id), Expr::val(*number)];
        select = select.filter(Expr::tuple(key.map(Expr::col)).gt(Expr::tuple(last)));
    }
    Ok(select.into_model().all(reader).await?)
}

/// In which country the numbers of each import of an account are dialled. Those are included that have expired and are not
/// deleted yet.
pub(in crate::storage) async fn regions(
    reader: &impl ConnectionTrait,
    account: AccountId,
) -> Result<BTreeMap<Uuid, Option<Region>>> {
    let imports = Entity::find().filter(Column::AccountId.eq(account.get())).all(reader).await?;
    imports.iter().map(|row| Ok((row.id, stored::read(row)?.options.default_region))).collect()
}

/// Those of the pages that have rows of a person.
pub(in crate::storage) async fn pages_about(
    pages: &[StoredPage],
    regions: &BTreeMap<Uuid, Option<Region>>,
    traces: &Arc<Traces>,
) -> Result<Vec<StoredPage>> {
    let pages: Vec<(StoredPage, Option<Region>)> =
        pages.iter().map(|page| (page.clone(), regions.get(&page.import_id).copied().flatten())).collect();
    let traces = Arc::clone(traces);
    // Decoding takes the processor for some milliseconds.
    let about = tokio::task::spawn_blocking(move || {
        let mut about = Vec::new();
        for (page, region) in pages {
            let mut rows = stored::read_rows(&page.content)?;
            if erase_rows(&mut rows, &traces, region, Pages::CarriedOut) > 0 {
                about.push(StoredPage { content: Vec::new(), ..page });
            }
        }
        Ok(about)
    });
    about.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
}

async fn lock(transaction: &Transaction, account: AccountId, id: Uuid) -> Result<Option<Model>> {
    let select = Entity::find().filter(by_id(account, ImportId::from_uuid(id))).lock(LockType::NoKeyUpdate);
    Ok(select.one(transaction).await?)
}

/// Erases the rows of a person from a page. Returns how many there were.
pub(in crate::storage) async fn erase_page(
    transaction: &Transaction,
    account: AccountId,
    page: &StoredPage,
    traces: &Traces,
) -> Result<u64> {
    use import_page::{Column, Entity};
    let import = lock(transaction, account, page.import_id).await?;
    let region =
        import.as_ref().map(stored::read).transpose()?.and_then(|import| import.options.default_region);
    let key = (account.get(), page.import_id, page.number);
    let Some(stored_page) = Entity::find_by_id(key).one(transaction).await? else { return Ok(0) };
    let mut rows = stored::read_rows(&stored_page.content)?;
    let pages = if stored_page.step == 0 { Pages::Planned } else { Pages::CarriedOut };
    let erased = erase_rows(&mut rows, traces, region, pages);
    if erased == 0 {
        return Ok(0);
    }
    let (before, after) = (stored::from_json(&stored_page.counts)?, ImportCounts::of(&rows));
    Entity::update_many()
        .col_expr(Column::Counts, Expr::value(stored::to_json(&after)?))
        .col_expr(Column::Content, Expr::value(stored::compress(&stored::write_rows(&rows)?)?))
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::ImportId.eq(page.import_id))
        .filter(Column::Number.eq(page.number))
        .exec(transaction)
        .await?;
    let Some(mut import) = import else { return Ok(erased) };
    let sum: ImportCounts = stored::from_json(&import.counts)?;
    import.counts = stored::to_json(&sum.replace(&before, &after))?;
    if import.digest.is_some() {
        // It is a hash of what the rows said, and it was another plan.
        import.digest = Some(random::bytes::<32>()?.to_vec());
    }
    if in_progress().any(|state| state == import.state) {
        // Whoever carries it out has read the page as it was, and claims it anew.
        release(&mut import);
    }
    save(transaction, &import).await?;
    Ok(erased)
}

/// Stands for a column whose name was a value of a person.
const ERASED: &str = "(erased)";

/// What an import says of its file as a whole. In a file without a header, the first row is taken for the names of columns: if
/// one of them is a number of the person, all of them are values of the person.
fn erase_texts(row: &mut Model, traces: &Traces) -> Result<bool> {
    let mut import = stored::read(row)?;
    let mut erased = false;
    let is_header = !import.report.columns.iter().any(|column| traces.number_is_in(column));
    if !is_header {
        for column in &mut import.report.columns {
            ERASED.clone_into(column);
        }
        for mapping in &mut import.report.mappings {
            ERASED.clone_into(&mut mapping.column);
            if let Target::Meta(key) = &mut mapping.to {
                ERASED.clone_into(key);
            }
        }
        import.report.notes.clear();
        row.report = stored::to_json(&import.report)?;
        erased = true;
    }
    if row.failure.as_deref().is_some_and(|failure| !is_header || traces.are_in(failure)) {
        row.failure = None;
        erased = true;
    }
    Ok(erased)
}

/// Whether what an import says of its file is about a person.
pub(in crate::storage) async fn report_is_about(
    reader: &impl ConnectionTrait,
    account: AccountId,
    id: Uuid,
    traces: &Traces,
) -> Result<bool> {
    let import = Entity::find().filter(by_id(account, ImportId::from_uuid(id))).one(reader).await?;
    let Some(mut import) = import else { return Ok(false) };
    erase_texts(&mut import, traces)
}

/// Erases it. Returns whether there was something.
pub(in crate::storage) async fn erase_report(
    transaction: &Transaction,
    account: AccountId,
    id: Uuid,
    traces: &Traces,
) -> Result<bool> {
    let Some(mut import) = lock(transaction, account, id).await? else { return Ok(false) };
    let erased = erase_texts(&mut import, traces)?;
    if erased {
        save(transaction, &import).await?;
    }
    Ok(erased)
}
