//! Reads and writes the tables of the search index. Each write of an index is one of the process that has its lease.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, Func, JoinType, LockType, OnConflict, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::segment::{self, BlockKey, Directory, EncodedSegment, Part, Segment};
use crate::domain::change::ChangeType;
use crate::domain::{AccountId, Contact, ContactId, Error, ErrorCode, Result, Timestamp};
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_lookup, contact_rows, json_sql};
use crate::storage::entity::search_segment::State;
use crate::storage::entity::{
    account, change, change_head, contact, search_block, search_head, search_segment,
};
use crate::storage::error::corrupt;
use crate::storage::process::Process;

/// How long an index without progress stays with its process.
const LEASE: Duration = Duration::from_secs(30);

/// How far an account's log and its index are.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(super) struct Heads {
    pub(super) account_id: i64,
    /// The number of the last entry of the log.
    pub(super) sequence: i64,
    /// `None`, as of the next ones: nothing of the account is indexed yet, its log begins with its first contact.
    position: Option<i64>,
    version: Option<i64>,
    complete: Option<bool>,
    build_floor: Option<i64>,
}

impl Heads {
    pub(super) fn position(&self) -> i64 {
        self.position.unwrap_or(0)
    }

    pub(super) fn version(&self) -> i64 {
        self.version.unwrap_or(0)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete.unwrap_or(true)
    }

    pub(super) fn is_being_built(&self) -> bool {
        self.build_floor.is_some()
    }

    /// How many entries are not indexed.
    pub(super) fn lag(&self) -> i64 {
        self.sequence - self.position()
    }
}

fn heads() -> SelectStatement {
    use search_head::Column;
    let of_account = Expr::col((search_head::Entity, Column::AccountId))
        .eq(Expr::col((change_head::Entity, change_head::Column::AccountId)));
    Query::select()
        .columns(
            [change_head::Column::AccountId, change_head::Column::Sequence]
                .map(|it| (change_head::Entity, it)),
        )
        .columns([Column::Position, Column::Version, Column::Complete, Column::BuildFloor])
        .from(change_head::Entity)
        .join(JoinType::LeftJoin, search_head::Entity, of_account)
        .to_owned()
}

/// Those of an account. `None`: nothing was ever logged.
pub(super) async fn heads_of(connection: &impl ConnectionTrait, account: AccountId) -> Result<Option<Heads>> {
    let mut query = heads();
    query.and_where(Expr::col((change_head::Entity, change_head::Column::AccountId)).eq(account.get()));
    let row = connection.query_one(&query).await?;
    Ok(row.map(|row| Heads::from_query_result(&row, "")).transpose()?)
}

/// An account whose index is behind the log or not complete.
pub(super) struct Behind {
    pub(super) heads: Heads,
    /// The time of the first entry that is not indexed. `None`: the log has lost it.
    waiting_since: Option<i64>,
}

impl Behind {
    /// Whether an entry has waited since before a time, or is lost.
    pub(super) fn is_waiting_since(&self, time: Timestamp) -> bool {
        self.heads.lag() > 0 && self.waiting_since.is_none_or(|since| since <= time.millis())
    }
}

/// All such accounts.
pub(super) async fn behind(connection: &impl ConnectionTrait) -> Result<Vec<Behind>> {
    use change::Column;
    const WAITING_SINCE: &str = "waiting_since";
    let position =
        || Func::coalesce([Expr::col((search_head::Entity, search_head::Column::Position)), 0.into()]);
    let log_head = |column: change_head::Column| Expr::col((change_head::Entity, column));
    let entry = |column: Column| Expr::col((change::Entity, column));
    let first = change::Entity::find()
        .select_only()
        .column(Column::At)
        .filter(entry(Column::AccountId).eq(log_head(change_head::Column::AccountId)))
        .filter(entry(Column::Sequence).eq(Expr::from(position()).add(1)))
        .into_query();
    let is_behind = log_head(change_head::Column::Sequence).gt(position());
    let is_being_built = Expr::col((search_head::Entity, search_head::Column::BuildFloor)).is_not_null();
    let mut query = heads();
    query.expr_as(first, WAITING_SINCE).and_where(is_behind.or(is_being_built));
    let rows = connection.query_all(&query).await?;
    rows.iter()
        .map(|row| {
            let heads = Heads::from_query_result(row, "")?;
            Ok(Behind { heads, waiting_since: row.try_get("", WAITING_SINCE)? })
        })
        .collect()
}

/// An entry of the change log, as far as the index needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogEntry {
    pub(super) sequence: i64,
    /// The contact that was created, updated or deleted; `None` for what is no contact.
    pub(super) contact: Option<ContactId>,
}

/// The next entries of an account's log.
///
/// # Errors
/// The log does not begin right behind `position`.
pub(super) async fn log_after(
    connection: &impl ConnectionTrait,
    account: AccountId,
    position: i64,
    limit: u64,
) -> Result<std::result::Result<Vec<LogEntry>, Gap>> {
    use change::Column;
    let rows: Vec<(i64, String, Uuid)> = change::Entity::find()
        .select_only()
        .columns([Column::Sequence, Column::Event, Column::ResourceId])
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Sequence.gt(position))
        .order_by_asc(Column::Sequence)
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?;
    if rows.first().is_none_or(|(first, ..)| *first != position + 1) {
        return Ok(Err(Gap));
    }
    let entry = |(sequence, event, resource): (i64, String, Uuid)| {
        let is_contact = matches!(
            ChangeType::parse(&event),
            Some(ChangeType::ContactCreated | ChangeType::ContactUpdated | ChangeType::ContactDeleted)
        );
        LogEntry { sequence, contact: is_contact.then(|| ContactId::from_uuid(resource)) }
    };
    Ok(Ok(rows.into_iter().map(entry).collect()))
}

/// The log has lost entries that are not indexed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap;

/// The live segments of an account that are not among the known ones, and the numbers of all.
pub(super) async fn live_segments(
    connection: &impl ConnectionTrait,
    account: AccountId,
    is_known: impl Fn(i64) -> bool,
) -> Result<(Vec<i64>, Vec<Segment>)> {
    let live: Vec<i64> = in_state(account, State::Live)
        .select_only()
        .column(search_segment::Column::Id)
        .into_tuple()
        .all(connection)
        .await?;
    let unknown: Vec<i64> = live.iter().copied().filter(|id| !is_known(*id)).collect();
    if unknown.is_empty() {
        return Ok((live, Vec::new()));
    }
    let select = search_segment::Entity::find().filter(search_segment::Column::Id.is_in(unknown));
    let rows = select.all(connection).await?;
    let segment = |row: search_segment::Model| {
        let directory: Directory = postcard::from_bytes(&row.directory).map_err(corrupt)?;
        Ok(Segment::new(row.id, directory))
    };
    Ok((live, rows.into_iter().map(segment).collect::<Result<_>>()?))
}

fn in_state(account: AccountId, state: State) -> Select<search_segment::Entity> {
    search_segment::Entity::find()
        .filter(search_segment::Column::AccountId.eq(account.get()))
        .filter(search_segment::Column::State.eq(state.as_str()))
}

/// All blocks of a segment.
pub(super) async fn part(connection: &impl ConnectionTrait, segment: i64) -> Result<Part> {
    use search_block::Column;
    let keys = segment::block_keys(segment);
    let blocks: Vec<(BlockKey, Vec<u8>)> = search_block::Entity::find()
        .select_only()
        .columns([Column::Id, Column::Data])
        .filter(Column::Id.gte(keys.start))
        .filter(Column::Id.lt(keys.end))
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(Part { blocks })
}

/// The right to maintain the index of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    account: AccountId,
    owner: Uuid,
}

impl Lease {
    /// Takes the lease, unless another process has it. What an earlier holder has not completed is given up.
    pub(super) async fn take(
        transaction: &Transaction,
        account: AccountId,
        process: Process,
    ) -> Result<Option<Self>> {
        use search_head::{ActiveModel, Column, Entity};
        // Locked, or a row could come after the account is purged. While it is, its index is not maintained any more.
        let purge_at = account::Column::PurgeAt;
        let account_row = account::Entity::find_by_id(account.get())
            .filter(purge_at.is_null().or(purge_at.gt(Timestamp::now().millis())))
            .lock(LockType::KeyShare);
        if account_row.one(transaction).await?.is_none() {
            return Ok(None);
        }
        let unindexed = ActiveModel {
            account_id: ActiveValue::Set(account.get()),
            position: ActiveValue::Set(0),
            version: ActiveValue::Set(0),
            complete: ActiveValue::Set(true),
            build_after: ActiveValue::Set(None),
            build_floor: ActiveValue::Set(None),
            lease: ActiveValue::Set(None),
            leased_until: ActiveValue::Set(None),
        };
        let there = OnConflict::column(Column::AccountId).do_nothing().to_owned();
        Entity::insert(unindexed).on_conflict(there).exec_without_returning(transaction).await?;
        let mut is_free = Column::Lease.is_null().or(Column::Lease.eq(process.id));
        is_free = is_free.or(Column::LeasedUntil.lt(Timestamp::now().millis()));
        if process.is_only_process {
            is_free = Expr::val(true);
        }
        let taken = Entity::update_many()
            .col_expr(Column::Lease, process.id.into())
            .col_expr(Column::LeasedUntil, end_of_lease().into())
            .filter(Column::AccountId.eq(account.get()))
            .filter(is_free)
            .exec(transaction)
            .await?;
        if taken.rows_affected == 0 {
            return Ok(None);
        }
        let lease = Self { account, owner: process.id };
        lease.retire(transaction, search_segment::Column::State.eq(State::Building.as_str())).await?;
        Ok(Some(lease))
    }

    /// Renews the lease, and locks the account's index until the transaction ends.
    ///
    /// # Errors
    /// It is lost.
    async fn renew(self, transaction: &Transaction) -> Result<search_head::Model> {
        use search_head::{Column, Entity};
        let renewed = Entity::update_many()
            .col_expr(Column::LeasedUntil, end_of_lease().into())
            .filter(Column::AccountId.eq(self.account.get()))
            .filter(Column::Lease.eq(self.owner))
            .exec(transaction)
            .await?;
        let lost =
            || Error::with_message(ErrorCode::Unavailable, "another process maintains the search index");
        if renewed.rows_affected == 0 {
            return Err(lost());
        }
        Entity::find_by_id(self.account.get()).one(transaction).await?.ok_or_else(lost)
    }

    /// Adds a segment without blocks, still invisible to readers. Returns its number.
    pub(super) async fn begin_segment(
        self,
        transaction: &Transaction,
        segment: &EncodedSegment,
    ) -> Result<i64> {
        self.renew(transaction).await?;
        let inserted = search_segment::Entity::insert(search_segment::ActiveModel {
            id: ActiveValue::NotSet,
            account_id: ActiveValue::Set(self.account.get()),
            state: ActiveValue::Set(State::Building.as_str().to_owned()),
            changed_at: ActiveValue::Set(Timestamp::now().millis()),
            directory: ActiveValue::Set(postcard::to_stdvec(&segment.directory).map_err(corrupt)?),
        });
        Ok(inserted.exec(transaction).await?.last_insert_id)
    }

    /// Adds some of its blocks.
    pub(super) async fn add_blocks(
        self,
        transaction: &Transaction,
        segment: i64,
        blocks: &[(BlockKey, Vec<u8>)],
    ) -> Result<()> {
        self.renew(transaction).await?;
        let first = segment::block_keys(segment).start;
        let row = |(key, data): &(BlockKey, Vec<u8>)| search_block::ActiveModel {
            id: ActiveValue::Set(first | key),
            data: ActiveValue::Set(data.clone()),
        };
        search_block::Entity::insert_many(blocks.iter().map(row)).exec_without_returning(transaction).await?;
        Ok(())
    }

    /// Makes complete segments live and retires those that they replace, and changes what is known of the index.
    pub(super) async fn publish(
        self,
        transaction: &Transaction,
        live: Option<i64>,
        replaced: &[i64],
        change: impl FnOnce(&mut search_head::Model),
    ) -> Result<()> {
        use search_segment::Column;
        let mut head = self.renew(transaction).await?;
        if let Some(live) = live {
            self.set_state(transaction, Column::Id.eq(live), State::Live).await?;
        }
        if !replaced.is_empty() {
            self.retire(transaction, Column::Id.is_in(replaced.iter().copied())).await?;
        }
        change(&mut head);
        head.version += 1;
        search_head::Entity::update(head.into_active_model().reset_all()).exec(transaction).await?;
        Ok(())
    }

    /// Begins to build the index anew. Segments from the next number on are those of the build, or newer.
    /// It remains complete if its segments and the log still have all.
    pub(super) async fn begin_build(self, transaction: &Transaction, remains_complete: bool) -> Result<()> {
        use search_segment::{Column, Entity};
        let last: Option<i64> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::AccountId.eq(self.account.get()))
            .order_by_desc(Column::Id)
            .limit(1)
            .into_tuple()
            .one(transaction)
            .await?;
        let sequence = heads_of(transaction, self.account).await?.map_or(0, |heads| heads.sequence);
        self.publish(transaction, None, &[], |head| {
            head.complete = remains_complete;
            head.build_after = None;
            head.build_floor = Some(last.map_or(0, |last| last + 1));
            if !remains_complete {
                // From there on the log has all.
                head.position = sequence;
            }
        })
        .await
    }

    /// The index has all contacts; what it had before the build is retired.
    pub(super) async fn end_build(self, transaction: &Transaction) -> Result<()> {
        use search_segment::Column;
        let floor = self.renew(transaction).await?.build_floor.unwrap_or(0);
        let replaced = Column::Id.lt(floor).and(Column::State.eq(State::Live.as_str()));
        self.retire(transaction, replaced).await?;
        self.publish(transaction, None, &[], |head| {
            head.complete = true;
            head.build_after = None;
            head.build_floor = None;
        })
        .await
    }

    async fn retire(self, transaction: &Transaction, which: Expr) -> Result<()> {
        self.set_state(transaction, which, State::Retired).await
    }

    async fn set_state(self, transaction: &Transaction, which: Expr, state: State) -> Result<()> {
        use search_segment::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::State, state.as_str().into())
            .col_expr(Column::ChangedAt, Timestamp::now().millis().into())
            .filter(Column::AccountId.eq(self.account.get()))
            .filter(which)
            .exec(transaction)
            .await?;
        Ok(())
    }
}

/// The next contacts in the order of ids, the oldest first.
pub(super) async fn contacts_after(
    connection: &impl ConnectionTrait,
    account: AccountId,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Contact>> {
    use contact::Column;
    let mut select = contact_lookup::in_account(account).order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    contact_rows::fetch_contacts(connection, select).await
}

/// Where a build goes on: after which contact, if it has begun. `None`: the index is not being built.
pub(super) async fn build_position(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Option<Uuid>>> {
    let head = search_head::Entity::find_by_id(account.get()).one(connection).await?;
    Ok(head.filter(|head| head.build_floor.is_some()).map(|head| head.build_after))
}

fn end_of_lease() -> i64 {
    Timestamp::now().after(LEASE).millis()
}

/// How long a retired segment stays: longer than a request may take.
const RETIREMENT: Duration = Duration::from_secs(60);

/// A segment that no search reads any more.
pub(super) async fn find_retired(connection: &impl ConnectionTrait) -> Result<Option<i64>> {
    use search_segment::{Column, Entity};
    let found = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::State.eq(State::Retired.as_str()))
        .filter(Column::ChangedAt.lt(Timestamp::now().before(RETIREMENT).millis()))
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(found)
}

/// Deletes blocks of retired segments; returns whether there may be more.
pub(super) async fn delete_retired(transaction: &Transaction, limit: u64) -> Result<bool> {
    let Some(segment) = find_retired(transaction).await? else { return Ok(false) };
    delete_from_segment(transaction, segment, limit).await?;
    Ok(true)
}

/// Deletes blocks of an account's segments, whatever their state, once its index has no lease; returns whether
/// there may be more.
pub(in crate::storage) async fn purge_segments(
    transaction: &Transaction,
    account: AccountId,
    limit: u64,
) -> Result<bool> {
    use search_segment::{Column, Entity};
    let segment = Entity::find().filter(Column::AccountId.eq(account.get())).one(transaction).await?;
    let Some(segment) = segment else { return Ok(false) };
    delete_from_segment(transaction, segment.id, limit).await?;
    Ok(true)
}

/// Deletes blocks of a segment, and with the last ones the segment.
async fn delete_from_segment(transaction: &Transaction, segment: i64, limit: u64) -> Result<()> {
    use search_block::Column;
    let keys = segment::block_keys(segment);
    let some = search_block::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.gte(keys.start))
        .filter(Column::Id.lt(keys.end))
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_query();
    let deleted = search_block::Entity::delete_many()
        .filter(json_sql::in_query(transaction, Column::Id, some))
        .exec(transaction)
        .await?;
    if deleted.rows_affected < limit {
        search_segment::Entity::delete_by_id(segment).exec(transaction).await?;
    }
    Ok(())
}
