//! The groups of one account: repository, queries, members, and the sweep after deletions.

mod create;
mod members;
mod queries;
mod sweep;

use async_trait::async_trait;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Select};
use uuid::Uuid;

pub(super) use create::find_or_create;
pub(super) use members::{
    MembersCommand, all_groups_of, change, contacts_after, contains, cursor_page, is_small, remove_from_all,
    updated_page,
};
pub(super) use queries::id_of;
pub(super) use sweep::start_sweeper;

use super::database::handle::Database;
use super::db::counters;
use super::db::transaction::Transaction;
use super::entity::group::{Column, Entity, Model};
use super::named::{NamedEntity, SqlNamed};
use super::write::command::{Action, Outcome};
use crate::domain::change::ChangeType;
use crate::domain::group::{Group, GroupKey, GroupRef, GroupRepository, MemberChange, MembersChanged};
use crate::domain::named::NamedOffsetQuery;
use crate::domain::pagination::OffsetPage;
use crate::domain::{AccountId, Contact, ContactId, Result};

pub(super) type SqlGroups = SqlNamed<Entity>;

impl NamedEntity for Entity {
    type Resource = Group;

    const ACCOUNT: Column = Column::AccountId;
    const ID: Column = Column::Id;
    const NAME: Column = Column::Name;
    const COUNTER: Option<Uuid> = Some(counters::GROUPS);
    const EVENTS: [ChangeType; 3] =
        [ChangeType::GroupCreated, ChangeType::GroupUpdated, ChangeType::GroupDeleted];

    fn to_row(account: AccountId, group: &Group) -> Model {
        Model::new(account, group)
    }

    /// Adds the member counts, with one query for all groups.
    async fn load(
        connection: &impl ConnectionTrait,
        account: AccountId,
        rows: Vec<Model>,
    ) -> Result<Vec<Group>> {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let counts = counters::read_each(connection, account, &ids).await?;
        rows.into_iter()
            .map(|row| {
                let member_count = counts.get(&row.id).copied().unwrap_or_default();
                row.into_group(member_count)
            })
            .collect()
    }

    fn in_account(account: AccountId) -> Select<Self> {
        Self::find().filter(Column::AccountId.eq(account.get())).filter(Column::Name.is_not_null())
    }

    /// Sets the name to NULL: the group is deleted for all readers, and its name is free. [`sweep`] deletes its
    /// members and its row.
    async fn delete_row(transaction: &Transaction, account: AccountId, id: Uuid) -> Result<()> {
        Self::update_many()
            .col_expr(Column::Name, Expr::value(Option::<String>::None))
            .filter(Column::AccountId.eq(account.get()))
            .filter(Column::Id.eq(id))
            .exec(transaction)
            .await?;
        Ok(())
    }

    fn deleted(database: &Database) {
        database.wake_sweeper();
    }
}

#[async_trait]
impl GroupRepository for SqlGroups {
    async fn offset_page(&self, query: NamedOffsetQuery) -> Result<OffsetPage<Group>> {
        let account = self.account;
        self.database.read(async move |reader| queries::by_offset(&reader, account, query).await).await
    }

    async fn members_by_offset(&self, key: GroupKey, offset: u64, limit: u64) -> Result<OffsetPage<Contact>> {
        let account = self.account;
        self.database
            .read(async move |reader| members::offset_page(&reader, account, &key, offset, limit).await)
            .await
    }

    async fn change_members(&self, key: GroupKey, changes: Vec<MemberChange>) -> Result<MembersChanged> {
        match self.database.execute(Action::ChangeMembers { group: key, changes }, None).await? {
            Outcome::Members(changed) => Ok(changed),
            other => Err(other.unexpected()),
        }
    }

    async fn of_contacts(&self, contacts: Vec<ContactId>) -> Result<Vec<Vec<GroupRef>>> {
        let account = self.account;
        self.database
            .read(async move |reader| members::shown_groups_of(&reader, account, &contacts).await)
            .await
    }
}
