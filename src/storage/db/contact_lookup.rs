//! Contact lookup by key. Below the repositories, since groups, audiences and the write path use it, too.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::contact_rows::{self, ContactKeyPair};
use super::json_sql::{self, JsonSql};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, Error, ErrorCode, Result};
use crate::storage::entity::contact::{Column, Entity, Model};

pub(crate) fn in_account(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get()))
}

/// One contact. `lock` locks its row until the transaction ends (on PostgreSQL; SQLite has one writer).
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &ContactKey,
    lock: bool,
) -> Result<Contact> {
    let select = match key {
        ContactKey::Id(id) => in_account(account).filter(Column::Id.eq(id.as_uuid())),
        // A second row makes the first ambiguous.
        ContactKey::Phone(phone) => in_account(account).filter(Column::Phone.eq(phone.as_str())).limit(2),
        ContactKey::Handle(handle) => in_account(account).filter(Column::Handle.eq(handle.as_str())),
    };
    let select = if lock { select.lock_exclusive() } else { select };
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

/// For each value of an indexed column, the contact that has it. Reads at most two contacts of a shared
/// number.
pub(crate) async fn match_unique(
    connection: &impl ConnectionTrait,
    account: AccountId,
    column: &str,
    texts: BTreeSet<&str>,
) -> Result<HashMap<String, KeyMatch>> {
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let json = JsonSql::of(connection);
    // The index on numbers is ordered by id. A handle is unique: without an order the planner chooses its
    // index.
    let order = if column == "phone" { "ORDER BY id" } else { "" };
    let nth = |n: u8| {
        format!(
            "(SELECT id FROM contacts WHERE account_id = $1 AND {column} = value \
             {order} LIMIT 1 OFFSET {n})"
        )
    };
    let item = format!("{}(value, {}, {})", json.array, json.id_to_json("first"), json.id_to_json("second"));
    let from = format!(
        "(SELECT value, {} AS first, {} AS second FROM {}) AS found",
        nth(0),
        nth(1),
        json.elements("$2")
    );
    let texts: Vec<&str> = texts.into_iter().collect();
    let values = [account.get().into(), json_sql::to_parameter(&texts)?];
    let found: Vec<(String, Option<String>, Option<String>)> =
        json.rows(connection, &item, &from, values).await?;
    let read = |id: Option<String>| id.and_then(|id| Uuid::try_parse(&id).ok()).map(ContactId::from_uuid);
    let outcome = |first, second| match (read(first), read(second)) {
        (None, _) => KeyMatch::None,
        (Some(id), None) => KeyMatch::One(id),
        (Some(_), Some(_)) => KeyMatch::Several,
    };
    Ok(found.into_iter().map(|(text, first, second)| (text, outcome(first, second))).collect())
}
