//! What the index has of erased contacts. Searches may still read a segment that has been replaced, so that it is waited for, too.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::segment::{self, Directory, Segment};
use crate::domain::erasure::{ErasurePlace, ErasureState, Places};
use crate::domain::{AccountId, Result};
use crate::storage::db::json_sql;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::erasure::{Column, Entity};
use crate::storage::entity::search_segment::State;
use crate::storage::entity::{search_block, search_head, search_segment};
use crate::storage::error::corrupt;
use crate::storage::process::Process;

/// An erasure for which the index has not been looked through yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) account: AccountId,
    id: Uuid,
    pub(super) contacts: BTreeSet<Uuid>,
    /// `contacts` as they are stored.
    contact_ids: String,
}

pub(super) async fn pending(connection: &impl ConnectionTrait) -> Result<Vec<Pending>> {
    let rows: Vec<(i64, Uuid, String)> = Entity::find()
        .select_only()
        .columns([Column::AccountId, Column::Id, Column::ContactIds])
        .filter(Column::State.eq(ErasureState::Running.as_str()))
        .filter(Column::Unindexed.eq(false))
        .into_tuple()
        .all(connection)
        .await?;
    let pending = |(account, id, contact_ids): (i64, Uuid, String)| {
        let contacts = json_sql::from_json(&contact_ids)?;
        Ok(Pending { account: AccountId::new(account), id, contacts, contact_ids })
    };
    rows.into_iter().map(pending).collect()
}

/// A segment that has some contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentWith {
    pub(super) id: i64,
    pub(super) is_live: bool,
    pub(super) is_retired: bool,
    /// How many of them.
    pub(super) contacts: u64,
}

/// The segments of an account, in any state, that have some of these contacts.
pub(super) async fn segments_with(
    connection: &impl ConnectionTrait,
    account: AccountId,
    contacts: &BTreeSet<Uuid>,
) -> Result<Vec<SegmentWith>> {
    use search_segment::{Column, Entity};
    let mut found = Vec::new();
    for row in Entity::find().filter(Column::AccountId.eq(account.get())).all(connection).await? {
        let directory: Directory = postcard::from_bytes(&row.directory).map_err(corrupt)?;
        let segment = Segment::new(row.id, directory);
        let keys = segment.blocks_of_ids(contacts);
        if keys.is_empty() {
            continue;
        }
        // Its blocks may not be there yet.
        let mut count = u64::from(row.state == State::Building.as_str());
        let blocks = search_block::Entity::find().filter(search_block::Column::Id.is_in(keys));
        for block in blocks.all(connection).await? {
            count += segment::ids(&block.data).filter(|id| contacts.contains(id)).count() as u64;
        }
        if count > 0 {
            let (is_live, is_retired) =
                (row.state == State::Live.as_str(), row.state == State::Retired.as_str());
            found.push(SegmentWith { id: row.id, is_live, is_retired, contacts: count });
        }
    }
    Ok(found)
}

/// Notes that the index has nothing of an erasure's contacts, unless another process has the lease: it may have read them before
/// they were deleted.
pub(super) async fn end(transaction: &Transaction, erasure: &Pending, process: Process) -> Result<()> {
    let account = erasure.account.get();
    let head = search_head::Entity::find_by_id(account).lock(LockType::Update).one(transaction).await?;
    if head.is_some_and(|head| process.must_respect(head.lease, head.leased_until)) {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::Unindexed, true.into())
        .filter(Column::AccountId.eq(account))
        .filter(Column::Id.eq(erasure.id))
        // More contacts may have been found.
        .filter(Column::ContactIds.eq(erasure.contact_ids.as_str()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Adds to the receipt of an erasure what was taken out of the index.
pub(super) async fn count_erased(transaction: &Transaction, erasure: &Pending, contacts: u64) -> Result<()> {
    let key = (erasure.account.get(), erasure.id);
    let Some(row) = Entity::find_by_id(key).lock(LockType::Update).one(transaction).await? else {
        return Ok(());
    };
    let mut places: Places = json_sql::from_json(&row.places)?;
    places.add(ErasurePlace::SearchIndex, contacts, 0);
    Entity::update_many()
        .col_expr(Column::Places, Expr::value(json_sql::to_json(&places)?))
        .filter(Column::AccountId.eq(erasure.account.get()))
        .filter(Column::Id.eq(erasure.id))
        .exec(transaction)
        .await?;
    Ok(())
}
