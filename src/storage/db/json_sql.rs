//! Lists as one JSON parameter, and on SQLite results as one JSON array. A statement for any number of elements
//! is then a single prepared statement, and its result crosses from SQLite's thread in one piece; see
//! [`super::contact_rows`].

use sea_orm::sea_query::{
    Expr, ExprTrait, Func, InsertStatement, IntoColumnRef, IntoIden, IntoTableRef, Query, SelectStatement,
};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Statement, TryGetableMany, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Error, ErrorCode, Result};
use crate::storage::error::no_row;

/// The elements of a list as rows with one text column, `value`.
pub(crate) fn elements<T: Serialize>(
    connection: &impl ConnectionTrait,
    list: &[T],
) -> Result<SelectStatement> {
    Ok(rows_from(connection, to_parameter(list)?, "json_each", "json_array_elements_text"))
}

/// A JSON list as rows, through a function of each database.
fn rows_from(
    connection: &impl ConnectionTrait,
    list: Value,
    on_sqlite: &'static str,
    on_postgres: &'static str,
) -> SelectStatement {
    let list = Expr::val(list);
    let rows = match connection.get_database_backend() {
        DbBackend::Sqlite => Func::cust(on_sqlite).arg(list),
        _ => Func::cust(on_postgres).arg(list.cast_as("json")),
    };
    Query::select().from_function(rows, "value").to_owned()
}

/// A list of texts as a query with one column, `value`.
pub(crate) fn texts<T: Serialize>(connection: &impl ConnectionTrait, list: &[T]) -> Result<SelectStatement> {
    Ok(elements(connection, list)?.column("value").to_owned())
}

/// A list of ids as a query with one column, `id`.
pub(crate) fn ids<T: Serialize>(connection: &impl ConnectionTrait, list: &[T]) -> Result<SelectStatement> {
    Ok(elements(connection, list)?.expr_as(id_of_element(connection), "id").to_owned())
}

/// The type of a member of a [`records`] list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Integer,
    Text,
    Id,
    /// Bytes as hexadecimal text.
    Bytes,
    /// Any JSON, as text.
    Json,
}

/// A list of arrays as rows with one column for each of their members.
pub(crate) fn records<T: Serialize>(
    connection: &impl ConnectionTrait,
    list: &[T],
    columns: &[(&'static str, Type)],
) -> Result<SelectStatement> {
    Ok(encoded_records(connection, to_parameter(list)?, columns))
}

/// As [`records`], of a list that [`to_parameter`] has encoded.
pub(crate) fn encoded_records(
    connection: &impl ConnectionTrait,
    list: Value,
    columns: &[(&'static str, Type)],
) -> SelectStatement {
    let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
    let mut query = rows_from(connection, list, "jsonb_each", "json_array_elements");
    for (i, (name, r#type)) in columns.iter().enumerate() {
        query.expr_as(Expr::cust(typed_member(sqlite, i, *r#type)), *name);
    }
    // Or SQLite would parse a following ON CONFLICT as a join constraint.
    query.and_where(Expr::cust("true"));
    query
}

/// The rows of a table that have one of these keys, each found by a search of its index; a query without columns yet. A key
/// is an array of these columns.
pub(crate) fn with_keys<E: EntityTrait, T: Serialize>(
    connection: &impl ConnectionTrait,
    table: E,
    keys: &[T],
    columns: &[(E::Column, Type)],
) -> Result<SelectStatement> {
    let names: Vec<_> = columns.iter().map(|(column, r#type)| (column.as_str(), *r#type)).collect();
    let mut query = Query::select();
    // SQLite joins in the order of a cross join.
    query.from_subquery(records(connection, keys, &names)?, "keys").cross_join(table);
    for (column, _) in columns {
        query.and_where(Expr::col(("keys", *column)).eq(Expr::col((table, *column))));
    }
    Ok(query)
}

/// The SQL of one member of a record.
fn typed_member(sqlite: bool, i: usize, r#type: Type) -> String {
    match (sqlite, r#type) {
        (true, Type::Integer | Type::Text) => format!("value ->> {i}"),
        (true, Type::Id) => format!("unhex(value ->> {i}, '-')"),
        (true, Type::Bytes) => format!("unhex(value ->> {i})"),
        (true, Type::Json) => format!("value -> {i}"),
        (false, Type::Integer) => format!("(value ->> {i})::bigint"),
        (false, Type::Text) => format!("value ->> {i}"),
        (false, Type::Id) => format!("(value ->> {i})::uuid"),
        (false, Type::Bytes) => format!("decode(value ->> {i}, 'hex')"),
        (false, Type::Json) => format!("(value -> {i})::text"),
    }
}

/// Converts an element to an id.
pub(crate) fn id_of_element(connection: &impl ConnectionTrait) -> Expr {
    to_id(connection, Expr::col("value"))
}

/// Converts a text to an id.
pub(crate) fn to_id(connection: &impl ConnectionTrait, text: Expr) -> Expr {
    match connection.get_database_backend() {
        DbBackend::Sqlite => Func::cust("unhex").args([text, Expr::val("-")]).into(),
        _ => text.cast_as("uuid"),
    }
}

/// Membership in the result of a query, which PostgreSQL then runs once, not per row.
pub(crate) fn in_query(
    connection: &impl ConnectionTrait,
    column: impl IntoColumnRef,
    query: SelectStatement,
) -> Expr {
    let column = Expr::col(column);
    match connection.get_database_backend() {
        DbBackend::Sqlite => column.in_subquery(query),
        _ => column.eq(Func::cust("ANY").arg(Func::cust("ARRAY").arg(query))),
    }
}

/// INSERT … SELECT.
pub(crate) fn insert_from(
    table: impl IntoTableRef,
    columns: impl IntoIterator<Item = impl IntoIden>,
    query: SelectStatement,
) -> Result<InsertStatement> {
    let mut insert = Query::insert();
    insert.into_table(table).columns(columns);
    insert.select_from(query).map_err(|error| Error::caused_by(ErrorCode::Internal, error))?;
    Ok(insert)
}

/// Fetches the rows of a query; on SQLite as one JSON array, of `item` for each row.
pub(crate) async fn fetch<T: DeserializeOwned + TryGetableMany>(
    connection: &impl ConnectionTrait,
    query: &SelectStatement,
    item: &str,
) -> Result<Vec<T>> {
    let statement = connection.get_database_backend().build(query);
    if statement.db_backend == DbBackend::Sqlite {
        return fetch_json(connection, statement, item).await;
    }
    let rows = connection.query_all_raw(statement).await?;
    rows.iter().map(|row| Ok(row.try_get_many_by_index()?)).collect()
}

/// Fetches the rows of a query on SQLite as one JSON array, of `item` for each row.
pub(crate) async fn fetch_json<T: DeserializeOwned>(
    connection: &impl ConnectionTrait,
    query: Statement,
    item: &str,
) -> Result<Vec<T>> {
    let Statement { sql, values, db_backend } = query;
    let sql = format!("SELECT json_group_array({item}) AS \"rows\" FROM ({sql})");
    rows(connection, Statement { sql, values, db_backend }).await
}

/// Fetches the result of a statement whose one column, `rows`, is a JSON array.
pub(crate) async fn rows<T: DeserializeOwned>(
    connection: &impl ConnectionTrait,
    statement: Statement,
) -> Result<Vec<T>> {
    let row = connection.query_one_raw(statement).await?.ok_or_else(no_row)?;
    let rows: String = row.try_get("", "rows")?;
    from_json(&rows)
}

pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|_| Error::caused_by(ErrorCode::Internal, "stored rows cannot be read"))
}

pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::caused_by(ErrorCode::Internal, error))
}

pub(crate) fn to_parameter<T: Serialize>(items: &[T]) -> Result<Value> {
    to_json(items).map(Value::from)
}
