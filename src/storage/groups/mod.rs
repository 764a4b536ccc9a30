//! The groups of one account: repository, queries, commands, members, and the sweep after deletions.

mod commands;
mod members;
mod queries;
mod sweep;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

pub(super) use members::{contains, cursor_page, is_small, remove_from_all, updated_page};
pub(super) use queries::id_of;
pub(super) use sweep::start_sweeper;

use super::database::handle::Database;
use super::db::counters;
use super::db::transaction::Transaction;
use super::entity::group::Model;
use super::entity::idempotency_key::Reference;
use super::write::idempotency::Creation;
use super::write::writer::WriteOutput;
use crate::domain::group::{
    Group, GroupId, GroupKey, GroupOffsetQuery, GroupPatch, GroupQuery, GroupRef, GroupRepository,
    MemberChange, MemberOp, MembersChanged,
};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, OffsetPage};
use crate::domain::{AccountId, Contact, ContactId, Result, Timestamp};

pub(super) struct SqlGroups {
    database: Database,
    account: AccountId,
}

impl SqlGroups {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl GroupRepository for SqlGroups {
    async fn insert(&self, group: Group, request: Option<IdempotentRequest>) -> Result<Created<Group>> {
        let (account, shard) = (self.account, self.database.shard());
        let row = Model::new(account, &group);
        let made = self.database.create(account, request, Vec::new(), move |transaction| {
            Box::pin(async move {
                let is_new = commands::insert(transaction, row.clone()).await?;
                if is_new {
                    counters::add(transaction, account, counters::GROUPS, shard, 1).await?;
                }
                Ok(is_new.then_some((Reference::created(row.id), row)))
            })
        });
        match made.await? {
            // A new group has no members.
            Creation::New(row) => Ok(Created { made: row.into_group(0)?, replayed: false }),
            Creation::Replayed(Reference { id, is_new: _ }) => {
                Created::replay(self.find(GroupKey::Id(GroupId::from_uuid(id))).await, "group")
            }
        }
    }

    async fn find(&self, key: GroupKey) -> Result<Group> {
        let account = self.account;
        self.database.read(async move |reader| queries::find(&reader, account, &key).await).await
    }

    async fn update(&self, key: GroupKey, patch: GroupPatch, now: Timestamp) -> Result<Group> {
        let account = self.account;
        self.database
            .write(move |transaction| {
                Box::pin(async move {
                    Ok((commands::update(transaction, account, &key, patch, now).await?, Vec::new()))
                })
            })
            .await
    }

    async fn delete(&self, key: GroupKey) -> Result<()> {
        let (account, shard) = (self.account, self.database.shard());
        self.database
            .write_deletion(move |transaction| {
                Box::pin(async move {
                    commands::delete(transaction, account, &key).await?;
                    counters::add(transaction, account, counters::GROUPS, shard, -1).await?;
                    Ok(((), Vec::new()))
                })
            })
            .await?;
        self.database.wake_sweeper();
        Ok(())
    }

    async fn cursor_page(&self, query: GroupQuery) -> Result<CursorPage<Group>> {
        let account = self.account;
        self.database.read(async move |reader| queries::by_cursor(&reader, account, query).await).await
    }

    async fn offset_page(&self, query: GroupOffsetQuery) -> Result<OffsetPage<Group>> {
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
        let (account, shard) = (self.account, self.database.shard());
        let only_removes = changes.iter().all(|item| item.verb == MemberOp::Remove);
        let change = change_members(account, shard, key, changes);
        if only_removes {
            self.database.write_deletion(change).await
        } else {
            self.database.write(change).await
        }
    }

    async fn of_contacts(&self, contacts: Vec<ContactId>) -> Result<Vec<Vec<GroupRef>>> {
        let account = self.account;
        self.database.read(async move |reader| members::groups_of(&reader, account, &contacts).await).await
    }
}

fn change_members(
    account: AccountId,
    shard: i16,
    key: GroupKey,
    changes: Vec<MemberChange>,
) -> impl for<'t> FnOnce(&'t Transaction) -> BoxFuture<'t, Result<WriteOutput<MembersChanged>>>
+ Clone
+ Send
+ 'static {
    move |transaction| {
        Box::pin(async move {
            Ok((members::change(transaction, account, shard, &key, changes).await?, Vec::new()))
        })
    }
}
