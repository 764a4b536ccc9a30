//! Segment repository.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, PaginatorTrait};

use super::db::connection::Connection;
use super::db::transaction::Transaction;
use super::entity::segment::{Column, Entity, Model};
use super::fields;
use super::named::{NamedEntity, SqlNamed, find_row, rows_by_offset};
use crate::domain::change::ChangeType;
use crate::domain::named::NamedOffsetQuery;
use crate::domain::pagination::OffsetPage;
use crate::domain::segment::{Segment, SegmentKey, SegmentRepository};
use crate::domain::{AccountId, Result, Timestamp};

pub(super) type SqlSegments = SqlNamed<Entity>;

impl NamedEntity for Entity {
    type Resource = Segment;

    const ACCOUNT: Column = Column::AccountId;
    const ID: Column = Column::Id;
    const NAME: Column = Column::Name;
    const EVENTS: [ChangeType; 3] =
        [ChangeType::SegmentCreated, ChangeType::SegmentUpdated, ChangeType::SegmentDeleted];

    fn to_row(account: AccountId, segment: &Segment) -> Model {
        Model::new(account, segment.clone())
    }

    async fn load(_: &impl ConnectionTrait, _: AccountId, rows: Vec<Model>) -> Result<Vec<Segment>> {
        rows.into_iter().map(Segment::try_from).collect()
    }

    /// The fields that the filter names are declared, and stay so: a deletion of one of them waits, and then finds the
    /// segment.
    async fn check(transaction: &Transaction, account: AccountId, segment: &Segment) -> Result<()> {
        fields::lock(transaction, account).await?;
        let declared = fields::definitions(transaction, account).await?;
        segment.filter.resolve(&declared, Timestamp::now()).map(drop)
    }
}

#[async_trait]
impl SegmentRepository for SqlSegments {
    async fn offset_page(&self, query: NamedOffsetQuery) -> Result<OffsetPage<Segment>> {
        let account = self.account;
        let read = async move |reader: Connection| {
            let rows = rows_by_offset::<Entity>(&reader, account, query, |row| row.id).await?;
            let total = Entity::in_account(account).count(&reader).await?;
            Ok(OffsetPage { items: Entity::load(&reader, account, rows).await?, total })
        };
        self.database.read(read).await
    }
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &SegmentKey,
) -> Result<Segment> {
    find_row::<Entity>(connection, account, key, None).await?.try_into()
}
