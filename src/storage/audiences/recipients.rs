//! Queries for recipients: contacts, each with whether its number has opted out.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::audience::Recipient;
use crate::domain::group::GroupId;
use crate::domain::{AccountId, ContactId, Error, Result};
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_rows::{ROW_AS_JSON, column_list};
use crate::storage::db::json_sql::{self, JsonSql};
use crate::storage::entity::contact::Model;

const IS_OPTED_OUT: &str = "EXISTS (SELECT 1 FROM opt_outs \
     WHERE opt_outs.account_id = contacts.account_id AND opt_outs.phone = contacts.phone)";

static COLUMNS: LazyLock<String> = LazyLock::new(|| column_list(|name| name));

#[derive(FromQueryResult)]
struct RecipientRow {
    #[sea_orm(nested)]
    contact: Model,
    opted_out: bool,
}

impl TryFrom<RecipientRow> for Recipient {
    type Error = Error;

    fn try_from(RecipientRow { contact, opted_out }: RecipientRow) -> Result<Self> {
        Ok(Self { contact: contact.try_into()?, opted_out })
    }
}

/// The contacts that match a condition, in its order.
async fn select_recipients(
    connection: &Connection,
    condition: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Recipient>> {
    let columns = &*COLUMNS;
    let backend = connection.get_database_backend();
    if backend == DbBackend::Sqlite {
        let item = format!("json_array({}, {IS_OPTED_OUT})", *ROW_AS_JSON);
        let from = format!("(SELECT {columns} FROM contacts WHERE {condition}) AS contacts");
        let rows: Vec<(Model, u8)> = JsonSql::of(connection).rows(connection, &item, &from, values).await?;
        let row = |(contact, opted_out)| RecipientRow { contact, opted_out: opted_out != 0 };
        return rows.into_iter().map(row).map(Recipient::try_from).collect();
    }
    let sql = format!("SELECT {columns}, {IS_OPTED_OUT} AS opted_out FROM contacts WHERE {condition}");
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = RecipientRow::find_by_statement(statement).all(connection).await?;
    rows.into_iter().map(Recipient::try_from).collect()
}

/// The newest contacts of an account with an id below `before`.
pub(crate) async fn page(
    connection: &Connection,
    account: AccountId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Recipient>> {
    let condition = "account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    select_recipients(connection, condition, [account.get().into(), before.into(), limit.into()]).await
}

/// As [`page`], of a group's members.
pub(crate) async fn member_page(
    connection: &Connection,
    account: AccountId,
    group: GroupId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Recipient>> {
    let members = "SELECT contact_id FROM members WHERE account_id = $1 AND group_id = $2 \
         AND contact_id < $3 ORDER BY contact_id DESC LIMIT $4";
    let members = JsonSql::of(connection).in_query(members);
    let condition = format!("account_id = $1 AND id {members} ORDER BY id DESC");
    let values = [account.get().into(), group.as_uuid().into(), before.into(), limit.into()];
    select_recipients(connection, &condition, values).await
}

/// Contacts by id, in any order.
pub(crate) async fn by_ids(
    connection: &Connection,
    account: AccountId,
    ids: &[ContactId],
) -> Result<Vec<Recipient>> {
    find_by_column(connection, account, "id", &JsonSql::of(connection).parse_id("value"), ids).await
}

/// Contacts by handle, in any order.
pub(crate) async fn by_handles(
    connection: &Connection,
    account: AccountId,
    handles: &[&str],
) -> Result<Vec<Recipient>> {
    find_by_column(connection, account, "handle", "value", handles).await
}

/// Contacts by the values of a column; `value` converts an element of the JSON list to the column's type.
async fn find_by_column<T: Serialize>(
    connection: &Connection,
    account: AccountId,
    column: &str,
    value: &str,
    list: &[T],
) -> Result<Vec<Recipient>> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let json = JsonSql::of(connection);
    let among = json.in_query(&format!("SELECT {value} FROM {}", json.elements("$2")));
    let condition = format!("account_id = $1 AND {column} {among}");
    select_recipients(connection, &condition, [account.get().into(), json_sql::to_parameter(list)?]).await
}
