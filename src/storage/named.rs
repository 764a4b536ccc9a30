//! The repository of named, versioned resources, generic over their entity.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DeleteMany, EntityTrait, IntoActiveModel, Order, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

use super::change_set::{ChangeKind, ChangeSet};
use super::database::handle::Database;
use super::db::keyset;
use super::db::save::save;
use super::db::transaction::Transaction;
use super::entity::idempotency_key::{Recorded, Reference};
use super::error::name_conflict;
use super::write::idempotency::Once;
use crate::domain::change::ChangeType;
use crate::domain::id::Id;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::named::{
    KeyOf, NamedKey, NamedOffsetQuery, NamedQuery, NamedRepository, NamedResource, NamedSort, QueryOf,
};
use crate::domain::pagination::{CursorPage, OffsetParams, SortDirection};
use crate::domain::precondition::Precondition;
use crate::domain::text::Text as _;
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp};

/// A table of named resources, with a unique index on account and name. The defaults suit a resource that is
/// one row.
pub(super) trait NamedEntity:
    EntityTrait<Model: IntoActiveModel<Self::ActiveModel> + Sync, ActiveModel: Send>
{
    type Resource: NamedResource;

    const ACCOUNT: Self::Column;
    const ID: Self::Column;
    const NAME: Self::Column;

    /// The counter of the account's resources, for lists that show a total.
    const COUNTER: Option<Uuid> = None;

    /// What the change log calls a create, an update and a deletion.
    const EVENTS: [ChangeType; 3];

    fn to_row(account: AccountId, resource: &Self::Resource) -> Self::Model;

    /// The resources in these rows, in their order.
    fn load(
        connection: &impl ConnectionTrait,
        account: AccountId,
        rows: Vec<Self::Model>,
    ) -> impl Future<Output = Result<Vec<Self::Resource>>> + Send;

    fn in_account(account: AccountId) -> Select<Self> {
        Self::find().filter(Self::ACCOUNT.eq(account.get()))
    }

    /// Deletes a row that exists and is locked.
    fn delete_row(
        transaction: &Transaction,
        account: AccountId,
        id: Uuid,
    ) -> impl Future<Output = Result<()>> + Send {
        async move {
            let row: DeleteMany<Self> = Self::delete_many();
            row.filter(Self::ACCOUNT.eq(account.get())).filter(Self::ID.eq(id)).exec(transaction).await?;
            Ok(())
        }
    }

    /// Checks what a resource refers to, in the transaction that stores it.
    fn check(
        _transaction: &Transaction,
        _account: AccountId,
        _resource: &Self::Resource,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Called after a deletion was committed.
    fn deleted(_database: &Database) {}
}

/// The resources of one account.
pub(super) struct SqlNamed<E> {
    pub(super) database: Database,
    pub(super) account: AccountId,
    entity: PhantomData<E>,
}

impl<E: NamedEntity> SqlNamed<E> {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account, entity: PhantomData }
    }
}

#[async_trait]
impl<E: NamedEntity> NamedRepository<E::Resource> for SqlNamed<E> {
    async fn insert(
        &self,
        resource: E::Resource,
        request: Option<IdempotentRequest>,
    ) -> Result<Created<E::Resource>> {
        let context = Arc::clone(self.database.context()?);
        let created = self.database.write_once(request, move |transaction| {
            Box::pin(async move {
                let created = create::<E>(transaction, context.account(), &resource).await?;
                let changes = ChangeSet::of(&context, created.ok_or_else(Error::name_taken)?);
                let recorded = Recorded::Resource(Reference::created(resource.id().as_uuid()));
                Ok(((recorded, resource), changes))
            })
        });
        match created.await? {
            Once::Done(resource) => Ok(Created { resource, replayed: false }),
            Once::Replayed(recorded) => {
                let Reference { id, is_new: _ } = recorded.into_resource()?;
                Created::replay(self.find(NamedKey::Id(Id::from_uuid(id))).await, E::Resource::KIND)
            }
        }
    }

    async fn find(&self, key: KeyOf<E::Resource>) -> Result<E::Resource> {
        let account = self.account;
        self.database
            .read(async move |reader| {
                let row = find_row::<E>(&reader, account, &key, None).await?;
                load_one::<E>(&reader, account, row).await
            })
            .await
    }

    async fn update(
        &self,
        key: KeyOf<E::Resource>,
        patch: <E::Resource as NamedResource>::Patch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<E::Resource> {
        let context = Arc::clone(self.database.context()?);
        self.database
            .write(move |transaction| {
                Box::pin(async move {
                    let account = context.account();
                    let before = find_for_update::<E>(transaction, account, &key, &precondition).await?;
                    let after = before.patched(patch, now);
                    if after.version() == before.version() {
                        return Ok((after, ChangeSet::default()));
                    }
                    E::check(transaction, account, &after).await?;
                    update_row::<E>(transaction, account, &after).await?;
                    let [_, updated, _] = E::EVENTS;
                    let change = change::<E>(updated, &after, after.changed_fields(&before), 0);
                    Ok((after, ChangeSet::of(&context, change)))
                })
            })
            .await
    }

    async fn delete(&self, key: KeyOf<E::Resource>, precondition: Precondition) -> Result<()> {
        let context = Arc::clone(self.database.context()?);
        self.database
            .write_deletion(move |transaction| {
                Box::pin(async move {
                    let account = context.account();
                    let before = find_for_update::<E>(transaction, account, &key, &precondition).await?;
                    E::delete_row(transaction, account, before.id().as_uuid()).await?;
                    let [_, _, deleted] = E::EVENTS;
                    Ok(((), ChangeSet::of(&context, change::<E>(deleted, &before, Vec::new(), -1))))
                })
            })
            .await?;
        E::deleted(&self.database);
        Ok(())
    }

    async fn cursor_page(&self, query: QueryOf<E::Resource>) -> Result<CursorPage<E::Resource>> {
        let account = self.account;
        let NamedQuery { page, name } = query;
        let mut select = E::in_account(account);
        if let Some(name) = &name {
            select = select.filter(E::NAME.eq(name.as_str()));
        }
        let at_most_one = name.is_some();
        self.database
            .read(async move |reader| {
                let page = keyset::by_cursor(&reader, select, E::ID, at_most_one, &page).await?;
                let CursorPage { items, has_more, resume_at } = page;
                Ok(CursorPage { items: E::load(&reader, account, items).await?, has_more, resume_at })
            })
            .await
    }
}

/// The row with a key. A lock lasts until the transaction ends (on PostgreSQL; SQLite has one writer).
pub(super) async fn find_row<E: NamedEntity>(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &KeyOf<E::Resource>,
    lock: Option<LockType>,
) -> Result<E::Model> {
    let (id, name) = match key {
        NamedKey::Id(id) => (Some(id), None),
        NamedKey::Name(name) => (None, Some(name)),
        NamedKey::IdOrName(id, name) => (Some(id), Some(name)),
    };
    // A statement for each, which uses one index.
    let conditions = [id.map(|id| E::ID.eq(id.as_uuid())), name.map(|name| E::NAME.eq(name.as_str()))];
    for condition in conditions.into_iter().flatten() {
        let mut select = E::in_account(account).filter(condition);
        if let Some(lock) = lock {
            select = select.lock(lock);
        }
        if let Some(row) = select.one(connection).await? {
            return Ok(row);
        }
    }
    Err(Error::no_such(E::Resource::KIND))
}

/// The rows of a page at an offset.
pub(super) async fn rows_by_offset<E: NamedEntity>(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: NamedOffsetQuery,
    id_of: fn(&E::Model) -> Uuid,
) -> Result<Vec<E::Model>> {
    let NamedOffsetQuery { field, page } = query;
    let select = E::in_account(account);
    match field {
        NamedSort::CreatedOn => keyset::by_offset(connection, select, E::ID, id_of, &page).await,
        NamedSort::Name => {
            let OffsetParams { direction, offset, limit } = page;
            let order = match direction {
                SortDirection::Ascending => Order::Asc,
                SortDirection::Descending => Order::Desc,
            };
            Ok(select.order_by(E::NAME, order).offset(offset).limit(limit).all(connection).await?)
        }
    }
}

async fn load_one<E: NamedEntity>(
    connection: &impl ConnectionTrait,
    account: AccountId,
    row: E::Model,
) -> Result<E::Resource> {
    let resource = E::load(connection, account, vec![row]).await?.pop();
    resource.ok_or_else(|| Error::no_such(E::Resource::KIND))
}

/// Locks a resource for a change, and checks the precondition.
async fn find_for_update<E: NamedEntity>(
    transaction: &Transaction,
    account: AccountId,
    key: &KeyOf<E::Resource>,
    precondition: &Precondition,
) -> Result<E::Resource> {
    let row = find_row::<E>(transaction, account, key, Some(LockType::Update)).await?;
    let resource = load_one::<E>(transaction, account, row).await?;
    if precondition.allows(resource.version()) {
        Ok(resource)
    } else {
        Err(ErrorCode::PreconditionFailed.into())
    }
}

/// Inserts a resource; returns the change, or `None` if its name is taken.
pub(super) async fn create<E: NamedEntity>(
    transaction: &Transaction,
    account: AccountId,
    resource: &E::Resource,
) -> Result<Option<ChangeKind>> {
    E::check(transaction, account, resource).await?;
    let inserted = insert_row::<E>(transaction, E::to_row(account, resource)).await?;
    let [created, _, _] = E::EVENTS;
    Ok(inserted.then(|| change::<E>(created, resource, Vec::new(), 1)))
}

/// Inserts a row; returns whether its name was free.
async fn insert_row<E: NamedEntity>(transaction: &Transaction, row: E::Model) -> Result<bool> {
    let name = OnConflict::columns([E::ACCOUNT, E::NAME]).do_nothing().to_owned();
    let inserted =
        E::insert(row.into_active_model()).on_conflict(name).exec_without_returning(transaction).await?;
    Ok(inserted > 0)
}

async fn update_row<E: NamedEntity>(
    transaction: &Transaction,
    account: AccountId,
    resource: &E::Resource,
) -> Result<()> {
    save(transaction, &E::to_row(account, resource)).await.map_err(name_conflict)
}

/// A change of a resource, which adds `delta` to their number.
fn change<E: NamedEntity>(
    event: ChangeType,
    resource: &E::Resource,
    fields: Vec<&'static str>,
    delta: i64,
) -> ChangeKind {
    ChangeKind::Named {
        event,
        id: resource.id().as_uuid(),
        version: resource.version(),
        fields,
        counted: E::COUNTER.map(|counter| (counter, delta)),
    }
}
