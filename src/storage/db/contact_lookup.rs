//! Contacts by their keys: below the repositories, since groups, audiences and the write path use them too.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::contact_rows::{self, Key};
use super::json_sql::{self, Words};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, ErrorCode, Result};
use crate::storage::entity::contact::{Column, Entity, Model};

/// The contacts of an account.
pub(crate) fn of(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get()))
}

/// One contact. `lock` keeps others from changing it until the transaction ends (on PostgreSQL; on
/// SQLite there is one writer anyway).
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &ContactKey,
    lock: bool,
) -> Result<Contact> {
    let select = match key {
        ContactKey::Id(id) => of(account).filter(Column::Id.eq(id.as_uuid())),
        // The second one would make the first ambiguous.
        ContactKey::Phone(phone) => of(account).filter(Column::Phone.eq(phone.as_str())).limit(2),
        ContactKey::Handle(handle) => of(account).filter(Column::Handle.eq(handle.as_str())),
    };
    let select = if lock { select.lock_exclusive() } else { select };
    let mut found = contact_rows::contacts(connection, select).await?;
    match (found.pop(), found.is_empty()) {
        (Some(contact), true) => Ok(contact),
        (Some(_), false) => Err(ErrorCode::PhoneAmbiguous.into()),
        (None, _) => Err(ErrorCode::NotFound.into()),
    }
}

/// These contacts, in this order; without those that have gone in the meantime.
pub(crate) async fn by_ids(
    connection: &impl ConnectionTrait,
    account: AccountId,
    ids: &[Uuid],
) -> Result<Vec<Contact>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Key> = ids.iter().map(|id| (account, ContactId::from_uuid(*id))).collect();
    let found = contact_rows::these(connection, &keys).await?;
    let mut by_id: HashMap<Uuid, Model> = found.into_iter().map(|row| (row.id, row)).collect();
    ids.iter().filter_map(|id| by_id.remove(id)).map(Contact::try_from).collect()
}

/// Whose a number or a handle is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    None,
    One(ContactId),
    Several,
}

/// Whose values in an indexed column are. Of a number that many share, two contacts are looked at.
pub(crate) async fn whose(
    connection: &impl ConnectionTrait,
    account: AccountId,
    column: &str,
    texts: BTreeSet<&str>,
) -> Result<HashMap<String, Whose>> {
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let words = Words::of(connection);
    // Numbers lie in the order of ids; a handle is one contact's, and the planner need not be told of an
    // order.
    let order = if column == "phone" { "ORDER BY id" } else { "" };
    let nth = |n: u8| {
        format!(
            "(SELECT id FROM contacts WHERE account_id = $1 AND {column} = value \
             {order} LIMIT 1 OFFSET {n})"
        )
    };
    let item = format!("{}(value, {}, {})", words.array, words.shown("first"), words.shown("second"));
    let from = format!(
        "(SELECT value, {} AS first, {} AS second FROM {}) AS found",
        nth(0),
        nth(1),
        words.each("$2")
    );
    let texts: Vec<&str> = texts.into_iter().collect();
    let values = [account.get().into(), json_sql::list(&texts)?];
    let found: Vec<(String, Option<String>, Option<String>)> =
        words.rows(connection, &item, &from, values).await?;
    let read = |id: Option<String>| id.and_then(|id| Uuid::try_parse(&id).ok()).map(ContactId::from_uuid);
    let outcome = |first, second| match (read(first), read(second)) {
        (None, _) => Whose::None,
        (Some(id), None) => Whose::One(id),
        (Some(_), Some(_)) => Whose::Several,
    };
    Ok(found.into_iter().map(|(text, first, second)| (text, outcome(first, second))).collect())
}
