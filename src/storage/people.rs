//! Contacts with what else a sender has to know of them: whether their number has opted out.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, Statement, Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::entity::contact::Model;
use super::error::to_domain;
use super::rows::{ROW, listed};
use crate::domain::audience::{Found, Number, Person, Whose};
use crate::domain::fields::{Handle, Phone};
use crate::domain::{AccountId, Code, ContactId, Error, Result};

const OPTED_OUT: &str = "EXISTS (SELECT 1 FROM opt_outs \
     WHERE opt_outs.account_id = contacts.account_id AND opt_outs.phone = contacts.phone)";

static COLUMNS: LazyLock<String> = LazyLock::new(|| listed(|name| name));

/// A row, and what goes with it.
#[derive(FromQueryResult)]
struct Row {
    #[sea_orm(nested)]
    contact: Model,
    opted_out: bool,
}

impl TryFrom<Row> for Person {
    type Error = Error;

    fn try_from(Row { contact, opted_out }: Row) -> Result<Self> {
        Ok(Self { contact: contact.try_into()?, opted_out })
    }
}

/// The contacts under a condition, in its order.
async fn people(
    connection: &DatabaseConnection,
    condition: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Person>> {
    let columns = &*COLUMNS;
    let backend = connection.get_database_backend();
    let select = format!("FROM contacts WHERE {condition}");
    if backend == DbBackend::Sqlite {
        let row = &*ROW;
        let sql = format!(
            "SELECT json_group_array(json_array({row}, {OPTED_OUT})) AS \"rows\" \
             FROM (SELECT {columns} {select}) AS contacts"
        );
        let rows: Vec<(Model, u8)> =
            json(connection, Statement::from_sql_and_values(backend, sql, values)).await?;
        let row = |(contact, opted_out)| Row { contact, opted_out: opted_out != 0 };
        return rows.into_iter().map(row).map(Person::try_from).collect();
    }
    let sql = format!("SELECT {columns}, {OPTED_OUT} AS opted_out {select}");
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.map_err(|error| to_domain(&error))?;
    rows.into_iter().map(Person::try_from).collect()
}

/// What a statement answers as one JSON text under the name `rows`.
async fn json<T: DeserializeOwned>(connection: &DatabaseConnection, statement: Statement) -> Result<Vec<T>> {
    let row = connection.query_one_raw(statement).await.map_err(|error| to_domain(&error))?;
    let rows: Option<String> = match row {
        Some(row) => row.try_get("", "rows").map_err(|error| to_domain(&error))?,
        None => None,
    };
    let rows = rows.as_deref().unwrap_or("[]");
    serde_json::from_str(rows).map_err(|_| Error::caused_by(Code::Internal, "stored rows that are no rows"))
}

fn list<T: serde::Serialize>(items: &[T]) -> Result<Value> {
    let json = serde_json::to_string(items).map_err(|error| Error::caused_by(Code::Internal, error))?;
    Ok(json.into())
}

/// The newest contacts of an account that are older than a given one.
pub(super) async fn page(
    connection: &DatabaseConnection,
    account: AccountId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Person>> {
    let condition = "account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    people(connection, condition, [account.get().into(), before.into(), limit.into()]).await
}

/// The same of a group's members.
pub(super) async fn member_page(
    connection: &DatabaseConnection,
    account: AccountId,
    group: Uuid,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Person>> {
    let condition = "account_id = $1 AND id IN (SELECT contact_id FROM members WHERE account_id = $1 \
         AND group_id = $2 AND contact_id < $3 ORDER BY contact_id DESC LIMIT $4) ORDER BY id DESC";
    people(connection, condition, [account.get().into(), group.into(), before.into(), limit.into()]).await
}

/// Those who were named one by one.
pub(super) async fn find(
    connection: &DatabaseConnection,
    account: AccountId,
    handles: &[Handle],
    mut ids: Vec<ContactId>,
    phones: &[Phone],
) -> Result<Found> {
    let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
    let numbers = if phones.is_empty() { Vec::new() } else { numbers(connection, account, phones).await? };
    ids.extend(numbers.iter().filter_map(|number| match number.whose {
        Whose::One(id) => Some(id),
        Whose::Nobodys | Whose::Several => None,
    }));
    let mut people_found = Vec::new();
    if !ids.is_empty() {
        let condition = if sqlite {
            "account_id = $1 AND id IN (SELECT unhex(value, '-') FROM json_each($2))"
        } else {
            "account_id = $1 AND id IN (SELECT value::uuid FROM json_array_elements_text($2::json) AS value)"
        };
        people_found = people(connection, condition, [account.get().into(), list(&ids)?]).await?;
    }
    if !handles.is_empty() {
        let handles: Vec<&str> = handles.iter().map(Handle::as_str).collect();
        let condition = if sqlite {
            "account_id = $1 AND handle IN (SELECT value FROM json_each($2))"
        } else {
            "account_id = $1 AND handle IN (SELECT json_array_elements_text($2::json))"
        };
        people_found.extend(people(connection, condition, [account.get().into(), list(&handles)?]).await?);
    }
    Ok(Found { people: people_found, numbers })
}

/// Whose each number is: one look for the first contact with it, one for a second.
async fn numbers(
    connection: &DatabaseConnection,
    account: AccountId,
    phones: &[Phone],
) -> Result<Vec<Number>> {
    let backend = connection.get_database_backend();
    let nth = |id: &str, offset: u8| {
        format!(
            "(SELECT {id} FROM contacts WHERE account_id = $1 AND phone = named.value \
             ORDER BY id LIMIT 1 OFFSET {offset})"
        )
    };
    let opted_out = "EXISTS (SELECT 1 FROM opt_outs WHERE account_id = $1 AND phone = named.value)";
    let sql = if backend == DbBackend::Sqlite {
        let (first, second) = (nth("hex(id)", 0), nth("hex(id)", 1));
        format!(
            "SELECT json_group_array(json_array(value, {first}, {second}, {opted_out})) AS \"rows\" \
             FROM json_each($2) AS named"
        )
    } else {
        let (first, second) = (nth("id", 0), nth("id", 1));
        format!(
            "SELECT json_agg(json_build_array(value, {first}, {second}, {opted_out}::int))::text AS \"rows\" \
             FROM json_array_elements_text($2::json) AS named(value)"
        )
    };
    let phones: Vec<&str> = phones.iter().map(Phone::as_str).collect();
    let statement = Statement::from_sql_and_values(backend, sql, [account.get().into(), list(&phones)?]);
    let rows: Vec<(String, Option<Uuid>, Option<Uuid>, u8)> = json(connection, statement).await?;
    let number = |(phone, first, second, opted_out): (String, Option<Uuid>, Option<Uuid>, u8)| {
        let whose = match (first, second) {
            (None, _) => Whose::Nobodys,
            (Some(id), None) => Whose::One(ContactId::from_uuid(id)),
            (Some(_), Some(_)) => Whose::Several,
        };
        Number { phone: Phone::from_stored(phone), whose, opted_out: opted_out != 0 }
    };
    Ok(rows.into_iter().map(number).collect())
}
