//! Contact lookup by key. Below the repositories, since groups, audiences and the write path use it, too.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::contact_rows::{self, ContactKeyPair};
use super::json_sql;
use crate::domain::{AccountId, Contact, ContactId, ContactKey, Error, ErrorCode, Result};
use crate::storage::entity::contact::{Column, Entity, Model};

pub(crate) fn in_account(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get()))
}

/// One contact.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &ContactKey,
) -> Result<Contact> {
    let select = match key {
        ContactKey::Id(id) => in_account(account).filter(Column::Id.eq(id.as_uuid())),
        // A second row makes the first ambiguous.
        ContactKey::Phone(phone) => in_account(account).filter(Column::Phone.eq(phone.as_str())).limit(2),
        ContactKey::Handle(handle) => in_account(account).filter(Column::Handle.eq(handle.as_str())),
    };
    let mut found = contact_rows::fetch_contacts(connection, select).await?;
    match (found.pop(), found.is_empty()) {
        (Some(contact), true) => Ok(contact),
        (Some(_), false) => Err(ErrorCode::PhoneAmbiguous.into()),
        (None, _) => Err(Error::no_such("contact")),
    }
}

/// The contacts with these ids, in the order given; deleted ones are left out.
pub(crate) async fn by_ids(
    connection: &impl ConnectionTrait,
    account: AccountId,
    ids: &[Uuid],
) -> Result<Vec<Contact>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<ContactKeyPair> = ids.iter().map(|id| (account, ContactId::from_uuid(*id))).collect();
    let found = contact_rows::find_by_keys(connection, &keys).await?;
    let mut by_id: HashMap<Uuid, Model> = found.into_iter().map(|row| (row.id, row)).collect();
    ids.iter().filter_map(|id| by_id.remove(id)).map(Contact::try_from).collect()
}

/// The contact that has a number or handle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyMatch {
    None,
    One(ContactId),
    Several,
}

/// The contacts that have the keys of a batch.
#[derive(Debug, Default)]
pub(crate) struct KeyMatches {
    phones: HashMap<String, KeyMatch>,
    handles: HashMap<String, KeyMatch>,
}

impl KeyMatches {
    /// Looks up all numbers and all handles at once.
    pub(crate) async fn find<'k>(
        connection: &impl ConnectionTrait,
        account: AccountId,
        keys: impl Iterator<Item = &'k ContactKey>,
    ) -> Result<Self> {
        let (mut phones, mut handles) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            match key {
                ContactKey::Id(_) => {}
                ContactKey::Phone(phone) => drop(phones.insert(phone.as_str())),
                ContactKey::Handle(handle) => drop(handles.insert(handle.as_str())),
            }
        }
        Ok(Self {
            phones: match_unique(connection, account, Column::Phone, phones).await?,
            handles: match_unique(connection, account, Column::Handle, handles).await?,
        })
    }

    /// Of an id it is not known whether a contact has it.
    pub(crate) fn get(&self, key: &ContactKey) -> KeyMatch {
        match key {
            ContactKey::Id(id) => KeyMatch::One(*id),
            ContactKey::Phone(phone) => self.phones.get(phone.as_str()).copied().unwrap_or(KeyMatch::None),
            ContactKey::Handle(handle) => {
                self.handles.get(handle.as_str()).copied().unwrap_or(KeyMatch::None)
            }
        }
    }
}

/// For each value of an indexed column, the contact that has it. Reads at most two contacts of a shared
/// number.
pub(crate) async fn match_unique(
    connection: &impl ConnectionTrait,
    account: AccountId,
    column: Column,
    texts: BTreeSet<&str>,
) -> Result<HashMap<String, KeyMatch>> {
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let nth = |n: u64| {
        let mut ids = in_account(account)
            .select_only()
            .column(Column::Id)
            .filter(Expr::col((Entity, column)).eq(Expr::col("value")))
            .limit(1)
            .offset(n);
        // The index on numbers is ordered by id. A handle is unique: without an order the planner chooses its
        // index.
        if matches!(column, Column::Phone) {
            ids = ids.order_by_asc(Column::Id);
        }
        Expr::from(ids.into_query())
    };
    let texts: Vec<&str> = texts.into_iter().collect();
    let mut query = json_sql::texts(connection, &texts)?;
    query.expr_as(nth(0), "first").expr_as(nth(1), "second");
    let item = "json_array(value, nullif(hex(first), ''), nullif(hex(second), ''))";
    let found: Vec<(String, Option<Uuid>, Option<Uuid>)> = json_sql::fetch(connection, &query, item).await?;
    let outcome = |first, second| match (first, second) {
        (None, _) => KeyMatch::None,
        (Some(id), None) => KeyMatch::One(ContactId::from_uuid(id)),
        (Some(_), Some(_)) => KeyMatch::Several,
    };
    Ok(found.into_iter().map(|(text, first, second)| (text, outcome(first, second))).collect())
}
