//! What a change set does to the index of the values of declared fields.
//!
//! **Invariant: whoever reads the index sees what the contacts of the same moment have.** Each write maintains the index in
//! its transaction, for all fields that are declared when it commits. Which ones those are is cached; the account's row in
//! `change_heads` has their version, which a declaration or a deletion advances. A write compares the version it has used
//! with the stored one when it [advances the log](super::change_log), and is run again if they differ: the row is locked
//! from there to the commit, so that either the write is committed before the declaration, and the build of the field
//! finds it, or it knows the field.
//!
//! A contact has at most one row for each field: its value under the field's number, or an empty one under the negative
//! number if it does not fit the type. So what does not fit is counted as exactly as what does, and conditions on a field
//! need not distinguish the two.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, InsertStatement, OnConflict, Query};
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, Iterable, JoinType, QueryFilter, QueryTrait};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::field::{FieldContent, FieldKey, FieldNumber, FieldState, FieldType};
use crate::domain::{AccountId, Contact, ContactId, Error, ErrorCode, Result};
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::counters;
use crate::storage::db::json_sql::{self, Type};
use crate::storage::db::suppressions::{self, SuppressionKey};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::field_value::{Column, Entity};
use crate::storage::entity::{change_head, field};

/// The fields of an account whose index writes maintain.
#[derive(Debug, Default)]
pub(crate) struct MaintainedFields {
    version: i64,
    fields: Vec<MaintainedField>,
    /// Of an account that has suppressions. The version grows with the first one, as with a field.
    suppression_key: Option<SuppressionKey>,
}

#[derive(Debug)]
pub(crate) struct MaintainedField {
    number: FieldNumber,
    key: FieldKey,
    field_type: FieldType,
    state: FieldState,
}

/// The maintained fields of each account that has been written to, as they were when they were last needed.
#[derive(Clone, Default)]
pub(crate) struct FieldCache {
    accounts: Arc<RwLock<HashMap<AccountId, Arc<MaintainedFields>>>>,
}

/// The maintained fields of the accounts of a write.
pub(super) type FieldsByAccount = BTreeMap<AccountId, Arc<MaintainedFields>>;

impl MaintainedFields {
    pub(super) fn version(&self) -> i64 {
        self.version
    }

    pub(super) fn suppression_key(&self) -> Option<&SuppressionKey> {
        self.suppression_key.as_ref()
    }
}

impl FieldCache {
    /// Of all accounts that a change set is about.
    pub(super) async fn get(
        &self,
        transaction: &Transaction,
        change_set: &ChangeSet,
    ) -> Result<FieldsByAccount> {
        let mut fields = FieldsByAccount::new();
        let mut unknown = BTreeSet::new();
        {
            let cached = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
            for change in &change_set.changes {
                let account = change.account();
                if fields.contains_key(&account) {
                    continue;
                }
                match cached.get(&account) {
                    Some(known) => drop(fields.insert(account, Arc::clone(known))),
                    None => drop(unknown.insert(account)),
                }
            }
        }
        if !unknown.is_empty() {
            let loaded = load(transaction, &unknown).await?;
            let mut cached = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
            cached.extend(loaded.iter().map(|(account, fields)| (*account, Arc::clone(fields))));
            fields.extend(loaded);
        }
        Ok(fields)
    }

    /// To be called by the transaction that declares or deletes a field, or that has built one. Every write that does not know
    /// the account's fields as they are after it is run again. Locks the account's head until the commit.
    pub(crate) async fn advance_version(&self, transaction: &Transaction, account: AccountId) -> Result<()> {
        use change_head::{ActiveModel, Column, Entity};
        let first = ActiveModel { account_id: Set(account.get()), sequence: Set(0), fields_version: Set(1) };
        let next = Expr::col((Entity, Column::FieldsVersion)).add(1);
        let on_conflict = OnConflict::column(Column::AccountId).value(Column::FieldsVersion, next).to_owned();
        Entity::insert(first).on_conflict(on_conflict).exec_without_returning(transaction).await?;
        // On SQLite no write looks before this one has released the lock: none has to be run again.
        self.clear();
        Ok(())
    }

    /// To be called when what is cached has turned out to be outdated, or may be.
    pub(crate) fn clear(&self) {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[derive(FromQueryResult)]
struct Row {
    account_id: i64,
    fields_version: i64,
    number: Option<i32>,
    key: Option<String>,
    field_type: Option<String>,
    state: Option<String>,
}

/// Version and fields in one statement, so that they belong together.
async fn load(transaction: &Transaction, accounts: &BTreeSet<AccountId>) -> Result<FieldsByAccount> {
    let ids: Vec<(i64,)> = accounts.iter().map(|account| (account.get(),)).collect();
    let ids = json_sql::records(transaction, &ids, &[("account_id", Type::Integer)])?;
    let head = |column| Expr::col((change_head::Entity, column));
    let of_head = head(change_head::Column::AccountId)
        .equals((field::Entity, field::Column::AccountId))
        .and(Expr::col((field::Entity, field::Column::Key)).is_not_null());
    let mut select = Query::select();
    select
        .expr_as(head(change_head::Column::AccountId), "account_id")
        .expr_as(head(change_head::Column::FieldsVersion), "fields_version")
        .expr_as(Expr::col((field::Entity, field::Column::Number)), "number")
        .expr_as(Expr::col((field::Entity, field::Column::Key)), "key")
        .expr_as(Expr::col((field::Entity, field::Column::FieldType)), "field_type")
        .expr_as(Expr::col((field::Entity, field::Column::State)), "state")
        .from(change_head::Entity)
        .join(JoinType::LeftJoin, field::Entity, of_head)
        .and_where(json_sql::in_query(
            transaction,
            (change_head::Entity, change_head::Column::AccountId),
            ids,
        ));
    let mut loaded: HashMap<i64, MaintainedFields> = HashMap::new();
    for row in &transaction.query_all(&select).await? {
        let Row { account_id, fields_version, number, key, field_type, state } =
            Row::from_query_result(row, "")?;
        let of_account = loaded.entry(account_id).or_default();
        of_account.version = fields_version;
        let (Some(number), Some(key), Some(field_type), Some(state)) = (number, key, field_type, state)
        else {
            continue;
        };
        let unreadable = || Error::caused_by(ErrorCode::Internal, "a stored field cannot be read");
        of_account.fields.push(MaintainedField {
            number: FieldNumber::new(number),
            key: FieldKey::from_stored(key),
            field_type: FieldType::parse(&field_type).ok_or_else(unreadable)?,
            state: FieldState::parse(&state).ok_or_else(unreadable)?,
        });
    }
    // After the version: a key that comes in between is one that the version does not know, and the write is run again.
    let keys = suppressions::keys(transaction, accounts.iter().copied()).await?;
    for (account, key) in keys {
        loaded.entry(account.get()).or_default().suppression_key = Some(key);
    }
    // An account without a head has neither a field nor a change yet.
    let mut of = |account: &AccountId| loaded.remove(&account.get()).unwrap_or_default();
    Ok(accounts.iter().map(|account| (*account, Arc::new(of(account)))).collect())
}

/// A row of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexRow {
    pub(crate) contact: ContactId,
    /// See [`Column::Field`].
    pub(crate) field: i32,
    pub(crate) value: String,
}

impl IndexRow {
    /// What the index has of a contact for a field; `None` if the contact has no value.
    pub(crate) fn of(contact: ContactId, number: FieldNumber, content: FieldContent) -> Option<Self> {
        match content {
            FieldContent::Absent => None,
            FieldContent::Value(value) => {
                Some(Self { contact, field: number.get(), value: value.into_string() })
            }
            FieldContent::Mismatch => Some(Self { contact, field: -number.get(), value: String::new() }),
        }
    }

    /// What counts it.
    fn counter(&self) -> Uuid {
        let number = FieldNumber::new(self.field.abs());
        if self.fits() { counters::indexed(number) } else { counters::mismatched(number) }
    }

    /// Whether the value fits the type.
    pub(crate) fn fits(&self) -> bool {
        self.field > 0
    }
}

/// What a change set does to the index.
#[derive(Default)]
pub(super) struct IndexChanges {
    deleted: Vec<(AccountId, IndexRow)>,
    stored: Vec<(AccountId, IndexRow)>,
    counted: BTreeMap<(AccountId, Uuid), i64>,
}

impl IndexChanges {
    pub(super) fn of(change_set: &ChangeSet, fields: &FieldsByAccount) -> Self {
        let mut changes = Self::default();
        if fields.values().all(|fields| fields.fields.is_empty()) {
            return changes;
        }
        // In the order of keys: neighbours are on the same page.
        let mut contacts: BTreeMap<(AccountId, ContactId), Difference<'_>> = BTreeMap::new();
        for change in &change_set.changes {
            let (before, after) = match &change.kind {
                ChangeKind::ContactCreated(created) => (None, Some(created)),
                ChangeKind::ContactUpdated { before, after } => (Some(before), Some(after)),
                ChangeKind::ContactDeleted(deleted) => (Some(deleted), None),
                ChangeKind::MemberAdded { .. }
                | ChangeKind::MemberRemoved { .. }
                | ChangeKind::MembershipEnded { .. }
                | ChangeKind::OptOutCreated(_)
                | ChangeKind::OptOutDeleted(_)
                | ChangeKind::Named { .. } => continue,
            };
            let Some(contact) = before.or(after) else { continue };
            let difference = contacts
                .entry((change.account(), contact.id))
                .or_insert_with(|| Difference { before: before.map(Arc::as_ref), after: None });
            difference.after = after.map(Arc::as_ref);
        }
        for ((account, contact), difference) in contacts {
            if let Some(fields) = fields.get(&account) {
                changes.add(account, contact, &difference, &fields.fields);
            }
        }
        changes
    }

    fn add(
        &mut self,
        account: AccountId,
        contact: ContactId,
        difference: &Difference<'_>,
        fields: &[MaintainedField],
    ) {
        let Difference { before, after } = *difference;
        if let (Some(before), Some(after)) = (before, after)
            && before.meta == after.meta
        {
            return;
        }
        let [before, after] = [before, after].map(|contact| contact.map(|contact| contact.meta.to_map()));
        for MaintainedField { number, key, field_type, state } in fields {
            let row = |meta: &Option<Map<String, Value>>| {
                let content = FieldContent::of(*field_type, key, meta.as_ref()?);
                IndexRow::of(contact, *number, content)
            };
            let (before, after) = (row(&before), row(&after));
            if before == after {
                continue;
            }
            // What is stored while the field is built is counted when it is ready.
            if *state == FieldState::Ready {
                for (row, delta) in [(&before, -1), (&after, 1)] {
                    let Some(row) = row else { continue };
                    *self.counted.entry((account, row.counter())).or_default() += delta;
                }
            }
            let is_replaced =
                |before: &IndexRow| after.as_ref().is_some_and(|after| after.field == before.field);
            self.deleted.extend(before.filter(|before| !is_replaced(before)).map(|row| (account, row)));
            self.stored.extend(after.map(|row| (account, row)));
        }
    }

    /// What the counters change by.
    pub(super) fn counted(&self) -> &BTreeMap<(AccountId, Uuid), i64> {
        &self.counted
    }

    pub(super) async fn write(&self, transaction: &Transaction) -> Result<()> {
        let backend = transaction.get_database_backend();
        if !self.deleted.is_empty() {
            let key =
                |(account, row): &(AccountId, IndexRow)| (account.get(), row.contact.as_uuid(), row.field);
            let keys: Vec<_> = self.deleted.iter().map(key).collect();
            let [account, contact, field, _] = ROW;
            let keys = json_sql::records(transaction, &keys, &[account, contact, field])?;
            let key = Expr::tuple([Column::AccountId, Column::ContactId, Column::Field].map(Expr::col));
            let delete = Entity::delete_many().filter(key.in_subquery(keys));
            transaction.execute_at_commit(delete.build(backend)).await?;
        }
        if !self.stored.is_empty() {
            let mut insert = insert(transaction, self.stored.iter().map(|(account, row)| (*account, row)))?;
            insert.on_conflict(on_conflict().update_column(Column::Value).to_owned());
            transaction.execute_at_commit(backend.build(&insert)).await?;
        }
        Ok(())
    }
}

/// A row as a JSON array.
const ROW: [(&str, Type); 4] = [
    ("account_id", Type::Integer),
    ("contact_id", Type::Id),
    ("field", Type::Integer),
    ("value", Type::Text),
];

/// Inserts rows; the caller says what happens to those that exist.
pub(crate) fn insert<'r>(
    transaction: &Transaction,
    rows: impl Iterator<Item = (AccountId, &'r IndexRow)>,
) -> Result<InsertStatement> {
    let members = |(account, row): (AccountId, &'r IndexRow)| {
        let IndexRow { contact, field, value } = row;
        (account.get(), contact.as_uuid(), field, value)
    };
    let rows: Vec<_> = rows.map(members).collect();
    json_sql::insert_from(Entity, Column::iter(), json_sql::records(transaction, &rows, &ROW)?)
}

/// Of a row that a contact has for the field.
pub(crate) fn on_conflict() -> OnConflict {
    OnConflict::columns([Column::AccountId, Column::ContactId, Column::Field])
}

/// A contact before and after a change set.
struct Difference<'c> {
    before: Option<&'c Contact>,
    after: Option<&'c Contact>,
}
