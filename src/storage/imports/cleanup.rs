//! Deletes expired imports, and files and plans that are not needed any more, in batches.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::domain::import::ImportState;
use crate::domain::{Result, Timestamp};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::import::{Column, Entity};
use crate::storage::entity::{import_chunk, import_page};

/// A row has up to half a megabyte: so many rows of another table take as long.
const ROWS_PER_PIECE: u64 = 25;

/// Imports whose plans are to be deleted.
fn without_plan() -> Condition {
    Condition::any()
        .add(Column::ExpiresAt.lte(Timestamp::now().millis()))
        .add(Column::State.eq(ImportState::Cancelled.as_str()).and(Column::StoredBytes.gt(0)))
}

/// Chunks of files that are neither complete nor being received: replaced, planned, or abandoned ones.
fn orphaned_chunks() -> Condition {
    let current = |column: Column| {
        Expr::col((Entity, column)).equals((import_chunk::Entity, import_chunk::Column::Upload))
    };
    let used = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(
            Expr::col((Entity, Column::AccountId))
                .equals((import_chunk::Entity, import_chunk::Column::AccountId)),
        )
        .and_where(
            Expr::col((Entity, Column::Id)).equals((import_chunk::Entity, import_chunk::Column::ImportId)),
        )
        .and_where(Column::ExpiresAt.gt(Timestamp::now().millis()))
        .cond_where(Condition::any().add(current(Column::Upload)).add(current(Column::Uploading)))
        .to_owned();
    Condition::all().add(Expr::exists(used).not())
}

/// Whether [`delete_expired`] has anything to do.
pub(crate) async fn has_expired(reader: &impl ConnectionTrait) -> Result<bool> {
    let import = Entity::find().select_only().column(Column::Id).filter(without_plan()).limit(1);
    if import.into_tuple::<Uuid>().one(reader).await?.is_some() {
        return Ok(true);
    }
    let chunk = import_chunk::Entity::find().select_only().column(import_chunk::Column::Number);
    let chunk = chunk.filter(orphaned_chunks()).limit(1).into_tuple::<i64>().one(reader).await?;
    Ok(chunk.is_some())
}

/// Deletes up to about `limit` rows; returns whether there may be more.
pub(crate) async fn delete_expired(transaction: &Transaction, limit: u64) -> Result<bool> {
    let pieces = std::cmp::max(limit / ROWS_PER_PIECE, 1);
    if delete_chunks(transaction, pieces).await? {
        return Ok(true);
    }
    let Some(import) = Entity::find().filter(without_plan()).one(transaction).await? else {
        return Ok(false);
    };
    if delete_pages(transaction, import.account_id, import.id, pieces).await? {
        return Ok(true);
    }
    let this = Condition::all().add(Column::AccountId.eq(import.account_id)).add(Column::Id.eq(import.id));
    if import.expires_at <= Timestamp::now().millis() {
        Entity::delete_many().filter(this).exec(transaction).await?;
    } else {
        let emptied = Entity::update_many().col_expr(Column::StoredBytes, Expr::value(0_i64)).filter(this);
        emptied.exec(transaction).await?;
    }
    Ok(true)
}

async fn delete_chunks(transaction: &Transaction, pieces: u64) -> Result<bool> {
    use import_chunk::{Column, Entity};
    let keys: Vec<(i64, Uuid, Uuid, i64)> = Entity::find()
        .select_only()
        .columns([Column::AccountId, Column::ImportId, Column::Upload, Column::Number])
        .filter(orphaned_chunks())
        .limit(pieces)
        .into_tuple()
        .all(transaction)
        .await?;
    for (account, import, upload, number) in &keys {
        Entity::delete_by_id((*account, *import, *upload, *number)).exec(transaction).await?;
    }
    Ok(!keys.is_empty())
}

/// Deletes up to so many pages of a plan; returns whether there were any.
pub(super) async fn delete_pages(
    transaction: &Transaction,
    account: i64,
    import: Uuid,
    pieces: u64,
) -> Result<bool> {
    use import_page::{Column, Entity};
    let in_import = Condition::all().add(Column::AccountId.eq(account)).add(Column::ImportId.eq(import));
    let numbers: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(in_import.clone())
        .order_by_asc(Column::Number)
        .limit(pieces)
        .into_tuple()
        .all(transaction)
        .await?;
    let Some(last) = numbers.last() else { return Ok(false) };
    Entity::delete_many().filter(in_import).filter(Column::Number.lte(*last)).exec(transaction).await?;
    Ok(true)
}
