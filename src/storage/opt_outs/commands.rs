//! Creates and deletions of opt-outs, as sets.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, Iterable, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::queries;
use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::{OptOutId, OptOutResult};
use crate::domain::{AccountId, OptOut, OptOutKey, RequestContext, Result};
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::json_sql::{self, Type, in_query};
use crate::storage::db::suppressions;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::opt_out::{Column, Entity, Model};
use crate::storage::error::concurrent_deletion;

/// A row as a JSON array, in the order of the entity's columns.
const ROW: [(&str, Type); 6] = [
    ("account_id", Type::Integer),
    ("phone", Type::Text),
    ("id", Type::Id),
    ("source", Type::Text),
    ("note", Type::Text),
    ("created_at", Type::Integer),
];

/// Opts numbers out; one that has opted out already keeps its opt-out. Returns the opt-out of each number.
pub(crate) async fn create(
    transaction: &Transaction,
    creates: &[(&Arc<RequestContext>, &OptOut)],
    change_set: &mut ChangeSet,
) -> Result<Vec<OptOutResult>> {
    if creates.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: Vec<Model> =
        creates.iter().map(|(context, opt_out)| Model::new(context.account(), (*opt_out).clone())).collect();
    if transaction.get_database_backend() == DbBackend::Postgres {
        // In different orders, two transactions would wait for each other's.
        rows.sort_by(|one, other| (one.account_id, &one.phone).cmp(&(other.account_id, &other.phone)));
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let Model { account_id, phone, id, source, note, created_at } = row;
            (account_id, phone, id, source, note, created_at)
        })
        .collect();
    let mut insert =
        json_sql::insert_from(Entity, Column::iter(), json_sql::records(transaction, &rows, &ROW)?)?;
    insert.on_conflict(OnConflict::columns([Column::AccountId, Column::Phone]).do_nothing().to_owned());
    let inserted = transaction.execute(&insert).await?.rows_affected();
    let stored = if usize::try_from(inserted) == Ok(creates.len()) {
        HashMap::new()
    } else {
        let numbers: Vec<_> = rows.iter().map(|(account, phone, ..)| (*account, *phone)).collect();
        find_by_numbers(transaction, &numbers).await?
    };
    let mut results = Vec::with_capacity(creates.len());
    for (context, opt_out) in creates {
        let number = (context.account().get(), opt_out.phone.as_str().to_owned());
        let existing = match stored.get(&number) {
            Some(existing) if existing.id != opt_out.id => Some(existing.clone()),
            Some(_) => None,
            None if stored.is_empty() => None,
            None => return Err(concurrent_deletion()),
        };
        let is_new = existing.is_none();
        if is_new {
            change_set.push(context, ChangeKind::OptOutCreated(opt_out.id));
        }
        results.push(OptOutResult { opt_out: existing.unwrap_or_else(|| (*opt_out).clone()), is_new });
    }
    Ok(results)
}

async fn find_by_numbers(
    transaction: &Transaction,
    numbers: &[(&i64, &String)],
) -> Result<HashMap<(i64, String), OptOut>> {
    let key = [(Column::AccountId, Type::Integer), (Column::Phone, Type::Text)];
    let mut select = json_sql::with_keys(transaction, Entity, numbers, &key)?;
    select.columns(Column::iter().map(|column| (Entity, column)));
    let mut found = HashMap::new();
    for row in transaction.query_all(&select).await? {
        let row = Model::from_query_result(&row, "")?;
        found.insert((row.account_id, row.phone.clone()), OptOut::from(row));
    }
    Ok(found)
}

/// Deletes opt-outs; of several deletions of one, the first succeeds. Returns whether each found its opt-out.
pub(crate) async fn delete(
    transaction: &Transaction,
    deletes: &[(&Arc<RequestContext>, &OptOutKey)],
    change_set: &mut ChangeSet,
) -> Result<Vec<Result<()>>> {
    let mut accounts: BTreeMap<AccountId, Locked> = BTreeMap::new();
    for (context, _) in deletes {
        let account = context.account();
        if let Entry::Vacant(vacant) = accounts.entry(account) {
            let of_account = deletes.iter().filter(|(context, _)| context.account() == account);
            vacant.insert(Locked::lock(transaction, account, of_account.map(|(_, key)| *key)).await?);
        }
    }
    let keys = suppressions::keys(transaction, accounts.keys().copied()).await?;
    let mut results = Vec::with_capacity(deletes.len());
    for (context, key) in deletes {
        let found = accounts.get_mut(&context.account()).and_then(|locked| locked.take(key));
        // Of a number that is suppressed, nothing else is left. A number can be both.
        let released = match (keys.get(&context.account()), key, &found) {
            (Some(secret), OptOutKey::Phone(phone), _) => secret.release(transaction, phone).await?,
            (Some(secret), OptOutKey::Id(_), Some((_, phone))) => secret.release(transaction, phone).await?,
            _ => false,
        };
        results.push(match found {
            Some((id, _)) => {
                change_set.push(context, ChangeKind::OptOutDeleted(id));
                Ok(())
            }
            None if released => Ok(()),
            None => Err(queries::not_found()),
        });
    }
    for (account, Locked { taken, .. }) in accounts {
        if taken.is_empty() {
            continue;
        }
        let delete = Entity::delete_many().filter(Column::AccountId.eq(account.get())).filter(in_query(
            transaction,
            Column::Id,
            json_sql::ids(transaction, &taken)?,
        ));
        transaction.execute_at_commit(delete.build(transaction.get_database_backend())).await?;
    }
    Ok(results)
}

/// The opt-outs of an account that are to be deleted.
struct Locked {
    phones: HashMap<String, Uuid>,
    /// Those that are left, each with its number.
    ids: BTreeMap<Uuid, String>,
    taken: Vec<Uuid>,
}

impl Locked {
    /// Locks them in the order of numbers until the transaction ends (on PostgreSQL; SQLite has one writer).
    async fn lock<'k>(
        transaction: &Transaction,
        account: AccountId,
        keys: impl Iterator<Item = &'k OptOutKey>,
    ) -> Result<Self> {
        let (mut ids, mut phones) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            match key {
                OptOutKey::Id(id) => drop(ids.insert(id.as_uuid())),
                OptOutKey::Phone(phone) => drop(phones.insert(phone.as_str())),
            }
        }
        let mut locked = Self { phones: HashMap::new(), ids: BTreeMap::new(), taken: Vec::new() };
        // A statement for each, which uses one index.
        let mut conditions = Vec::new();
        if !ids.is_empty() {
            let ids: Vec<Uuid> = ids.into_iter().collect();
            conditions.push(in_query(transaction, Column::Id, json_sql::ids(transaction, &ids)?));
        }
        if !phones.is_empty() {
            let phones: Vec<&str> = phones.into_iter().collect();
            conditions.push(in_query(transaction, Column::Phone, json_sql::texts(transaction, &phones)?));
        }
        for condition in conditions {
            let mut select = Entity::find()
                .select_only()
                .columns([Column::Id, Column::Phone])
                .filter(Column::AccountId.eq(account.get()))
                .filter(condition);
            if transaction.get_database_backend() == DbBackend::Postgres {
                select = select.order_by_asc(Column::Phone).lock(LockType::Update);
            }
            let found: Vec<(Uuid, String)> = select.into_tuple().all(transaction).await?;
            for (id, phone) in found {
                locked.ids.insert(id, phone.clone());
                locked.phones.insert(phone, id);
            }
        }
        Ok(locked)
    }

    /// Takes the opt-out with a key, and its number, unless an earlier deletion took it.
    fn take(&mut self, key: &OptOutKey) -> Option<(OptOutId, Phone)> {
        let id = match key {
            OptOutKey::Id(id) => id.as_uuid(),
            OptOutKey::Phone(phone) => *self.phones.get(phone.as_str())?,
        };
        let phone = self.ids.remove(&id)?;
        self.taken.push(id);
        Some((OptOutId::from_uuid(id), Phone::from_stored(phone)))
    }
}
