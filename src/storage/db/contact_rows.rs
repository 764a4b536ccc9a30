//! Encoding of contact rows between the service and the database: many rows as one JSON text.
//!
//! An SQLite connection is a thread of its own, and each row and each parameter would cross to it separately;
//! SQLite reads and writes JSON faster than that. A statement for any number of rows is then a single
//! prepared statement.
//!
//! The statements are raw SQL: they insert and read contacts on the benchmark's path. Their texts are held by a test
//! below, their plans by `tests/api/contact_query_plans.rs`.

use std::sync::LazyLock;

use sea_orm::sea_query::LockType;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IdenStatic, Iterable, QueryTrait,
    Select, Statement,
};
use uuid::Uuid;

use super::json_sql;
use crate::domain::{AccountId, Contact, ContactId, Result};
use crate::storage::entity::contact::{Column, Model, Row};

/// An id as JSON text.
const ID_AS_JSON: &str = "hex(id)";

/// A row as a JSON array.
pub(crate) static ROW_AS_JSON: LazyLock<String> = LazyLock::new(|| {
    format!("json_array({})", column_list(|name| if name == "id" { ID_AS_JSON } else { name }))
});

/// Rows from JSON arrays that begin with the key, on SQLite: it finds a member of an array by counting, one of an object by
/// comparing names. (Without WHERE it would parse a following ON as a join constraint.)
fn sqlite_rows_from_json(columns: &[Column]) -> String {
    let mut values = String::from("value ->> 0 AS account_id, unhex(value ->> 1, '-') AS id");
    for (i, column) in columns.iter().enumerate() {
        values += &format!(", value ->> {} AS {}", i + 2, column.as_str());
    }
    format!("SELECT {values} FROM jsonb_each(?) WHERE true")
}

/// Rows from JSON objects, on PostgreSQL.
static POSTGRES_ROWS_FROM_JSON: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM json_populate_recordset(NULL::contacts, $1::json)", column_list(|name| name))
});

/// Contacts by account and id, each looked up in the primary key, on SQLite.
static SQLITE_BY_KEYS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT json_group_array({}) AS \"rows\" FROM (SELECT contacts.* FROM jsonb_each($1) AS asked \
         CROSS JOIN \"contacts\" ON account_id = value ->> 0 AND contacts.id = unhex(value ->> 1, '-'))",
        *ROW_AS_JSON
    )
});

/// As [`SQLITE_BY_KEYS`], on PostgreSQL.
static POSTGRES_BY_KEYS: LazyLock<String> = LazyLock::new(|| postgres_by_keys(""));

/// Their rows are locked one by one, in the order of the keys.
static POSTGRES_FOR_UPDATE: LazyLock<String> = LazyLock::new(|| postgres_by_keys(" FOR UPDATE"));
static POSTGRES_FOR_NO_KEY_UPDATE: LazyLock<String> =
    LazyLock::new(|| postgres_by_keys(" FOR NO KEY UPDATE"));

/// LIMIT rules out a scan of the whole table.
fn postgres_by_keys(lock: &str) -> String {
    format!(
        "SELECT {} FROM json_array_elements($1::json) AS asked, LATERAL (SELECT * FROM \"contacts\" \
         WHERE account_id = (asked ->> 0)::bigint AND id = (asked ->> 1)::uuid LIMIT 1{lock}) AS contacts",
        column_list(|name| name)
    )
}

/// An expression for each column, in column order, separated by commas.
pub(crate) fn column_list<T: AsRef<str>>(item: impl Fn(&'static str) -> T) -> String {
    let items: Vec<T> = Column::iter().map(|column| item(column.as_str())).collect();
    items.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
}

/// The contacts selected by a query, in its order.
pub(crate) async fn fetch_contacts<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    select: Select<E>,
) -> Result<Vec<Contact>> {
    let rows: Vec<Model> = if connection.get_database_backend() == DbBackend::Sqlite {
        json_sql::fetch_json(connection, select.build(DbBackend::Sqlite), &ROW_AS_JSON).await?
    } else {
        select.into_model().all(connection).await?
    };
    rows.into_iter().map(Contact::try_from).collect()
}

/// The ids selected by a query of that one column, in its order.
pub(crate) async fn fetch_ids<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    select: Select<E>,
) -> Result<Vec<Uuid>> {
    json_sql::fetch(connection, &select.into_query(), ID_AS_JSON).await
}

pub(crate) type ContactKeyPair = (AccountId, ContactId);

/// The contacts with these keys that exist, of any accounts, in any order; duplicates are kept.
pub(crate) async fn find_by_keys(
    connection: &impl ConnectionTrait,
    keys: &[ContactKeyPair],
) -> Result<Vec<Model>> {
    let keys: Vec<(i64, Uuid)> = keys.iter().map(|(account, id)| (account.get(), id.as_uuid())).collect();
    let backend = connection.get_database_backend();
    let sqlite = backend == DbBackend::Sqlite;
    let sql = if sqlite { &SQLITE_BY_KEYS } else { &POSTGRES_BY_KEYS };
    let statement = Statement::from_sql_and_values(backend, sql.as_str(), [json_sql::to_parameter(&keys)?]);
    if sqlite {
        return json_sql::rows(connection, statement).await;
    }
    Ok(Model::find_by_statement(statement).all(connection).await?)
}

/// As [`find_by_keys`], in the order of `keys`, and locks them until the transaction ends (on PostgreSQL; SQLite has one
/// writer).
pub(crate) async fn lock_by_keys(
    transaction: &impl ConnectionTrait,
    keys: &[ContactKeyPair],
    lock: LockType,
) -> Result<Vec<Model>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let backend = transaction.get_database_backend();
    if backend == DbBackend::Sqlite {
        return find_by_keys(transaction, keys).await;
    }
    let sql =
        if matches!(lock, LockType::Update) { &POSTGRES_FOR_UPDATE } else { &POSTGRES_FOR_NO_KEY_UPDATE };
    let keys: Vec<(i64, Uuid)> = keys.iter().map(|(account, id)| (account.get(), id.as_uuid())).collect();
    let statement = Statement::from_sql_and_values(backend, sql.as_str(), [json_sql::to_parameter(&keys)?]);
    Ok(Model::find_by_statement(statement).all(transaction).await?)
}

/// Contacts of any accounts, encoded for one statement.
pub(crate) struct ContactBatch {
    backend: DbBackend,
    /// Those that the statement sets, beside the key.
    columns: &'static [Column],
    json: String,
    rows: usize,
}

impl ContactBatch {
    /// All columns but the key.
    pub(crate) const ALL: &'static [Column] = &[
        Column::Handle,
        Column::Phone,
        Column::DisplayName,
        Column::AvatarUrl,
        Column::Meta,
        Column::CreatedAt,
        Column::UpdatedAt,
        Column::Version,
    ];

    /// What an update sets that leaves handle, number and display name: three indexes less to maintain.
    pub(crate) const UPDATED: &'static [Column] =
        &[Column::AvatarUrl, Column::Meta, Column::UpdatedAt, Column::Version];

    /// What an update sets that leaves handle and number.
    pub(crate) const UPDATED_WITH_NAME: &'static [Column] =
        &[Column::DisplayName, Column::AvatarUrl, Column::Meta, Column::UpdatedAt, Column::Version];

    /// What an update sets that leaves the handle.
    pub(crate) const UPDATED_WITH_PHONE: &'static [Column] = &[
        Column::Phone,
        Column::DisplayName,
        Column::AvatarUrl,
        Column::Meta,
        Column::UpdatedAt,
        Column::Version,
    ];

    pub(crate) fn new<'c>(
        connection: &impl ConnectionTrait,
        columns: &'static [Column],
        contacts: impl Iterator<Item = (AccountId, &'c Contact)>,
    ) -> Result<Self> {
        let rows: Vec<Row<'_>> = contacts.map(|(account, contact)| Row::new(account, contact)).collect();
        let backend = connection.get_database_backend();
        let json = if backend == DbBackend::Sqlite {
            json_sql::to_json(&rows.iter().map(|row| row.to_array(columns)).collect::<Vec<_>>())?
        } else {
            json_sql::to_json(&rows)?
        };
        Ok(Self { backend, columns, json, rows: rows.len() })
    }

    /// Inserts the contacts whose handle is free, in order. Returns whether all were.
    pub(crate) async fn insert(&self, connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let done = connection.execute_raw(self.statement(insert_sql)).await?;
        Ok(usize::try_from(done.rows_affected()) == Ok(self.rows))
    }

    /// The ids of the contacts that exist.
    pub(crate) async fn inserted_ids(&self, connection: &impl ConnectionTrait) -> Result<Vec<Uuid>> {
        let rows = connection.query_all_raw(self.statement(inserted_sql)).await?;
        rows.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
    }

    /// Sets the columns of contacts that exist.
    pub(crate) fn update(&self) -> Statement {
        self.statement(|rows| update_sql(rows, self.columns))
    }

    /// A statement around the query that decodes the rows.
    fn statement(&self, around: impl FnOnce(&str) -> String) -> Statement {
        let sql = if self.backend == DbBackend::Sqlite {
            around(&sqlite_rows_from_json(self.columns))
        } else {
            around(&POSTGRES_ROWS_FROM_JSON)
        };
        Statement::from_sql_and_values(self.backend, sql, [self.json.as_str().into()])
    }
}

fn insert_sql(rows: &str) -> String {
    let columns = column_list(|name| name);
    format!("INSERT INTO contacts ({columns}) {rows} ON CONFLICT (account_id, handle) DO NOTHING")
}

fn update_sql(rows: &str, columns: &[Column]) -> String {
    let set: Vec<_> =
        columns.iter().map(|column| column.as_str()).map(|name| format!("{name} = changed.{name}")).collect();
    format!(
        "UPDATE contacts SET {} FROM ({rows}) AS changed WHERE contacts.account_id = changed.account_id AND \
         contacts.id = changed.id",
        set.join(", ")
    )
}

fn inserted_sql(rows: &str) -> String {
    format!(
        "SELECT id FROM contacts WHERE (account_id, id) IN (SELECT account_id, id FROM ({rows}) AS given)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &str = "account_id, id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, \
         version";
    const JSON_ARRAY: &str = "json_array(account_id, hex(id), handle, phone, display_name, avatar_url, meta, \
         created_at, updated_at, version)";
    const SQLITE_ROWS: &str = "SELECT value ->> 0 AS account_id, unhex(value ->> 1, '-') AS id, value ->> 2 AS handle, \
         value ->> 3 AS phone, value ->> 4 AS display_name, value ->> 5 AS avatar_url, value ->> 6 AS meta, \
         value ->> 7 AS created_at, value ->> 8 AS updated_at, value ->> 9 AS version FROM jsonb_each(?) WHERE true";
    const SQLITE_UPDATED: &str = "SELECT value ->> 0 AS account_id, unhex(value ->> 1, '-') AS id, \
         value ->> 2 AS avatar_url, value ->> 3 AS meta, value ->> 4 AS updated_at, value ->> 5 AS version FROM \
         jsonb_each(?) WHERE true";

    #[test]
    fn statements_that_write_contacts() {
        let postgres_rows =
            format!("SELECT {COLUMNS} FROM json_populate_recordset(NULL::contacts, $1::json)");
        let all = [
            (DbBackend::Sqlite, SQLITE_ROWS, SQLITE_UPDATED),
            (DbBackend::Postgres, &postgres_rows, &postgres_rows),
        ];
        for (backend, rows, updated) in all {
            let batch = |columns| ContactBatch { backend, columns, json: "[]".to_owned(), rows: 0 };
            assert_eq!(
                batch(ContactBatch::ALL).statement(insert_sql).sql,
                format!(
                    "INSERT INTO contacts ({COLUMNS}) {rows} ON CONFLICT (account_id, handle) DO NOTHING"
                )
            );
            assert_eq!(
                batch(ContactBatch::ALL).statement(inserted_sql).sql,
                format!(
                    "SELECT id FROM contacts WHERE (account_id, id) IN \
                     (SELECT account_id, id FROM ({rows}) AS given)"
                )
            );
            assert_eq!(
                batch(ContactBatch::UPDATED).update().sql,
                format!(
                    "UPDATE contacts SET avatar_url = changed.avatar_url, \
                     meta = changed.meta, updated_at = changed.updated_at, version = changed.version FROM \
                     ({updated}) AS changed WHERE contacts.account_id = changed.account_id AND \
                     contacts.id = changed.id"
                )
            );
        }
    }

    #[test]
    fn statements_that_read_contacts() {
        assert_eq!(
            *SQLITE_BY_KEYS,
            format!(
                "SELECT json_group_array({JSON_ARRAY}) AS \"rows\" FROM (SELECT contacts.* FROM jsonb_each($1) \
                 AS asked CROSS JOIN \"contacts\" ON account_id = value ->> 0 AND contacts.id = \
                 unhex(value ->> 1, '-'))"
            )
        );
        assert_eq!(
            *POSTGRES_BY_KEYS,
            format!(
                "SELECT {COLUMNS} FROM json_array_elements($1::json) AS asked, LATERAL (SELECT * FROM \"contacts\" \
                 WHERE account_id = (asked ->> 0)::bigint AND id = (asked ->> 1)::uuid LIMIT 1) AS contacts"
            )
        );
    }
}
