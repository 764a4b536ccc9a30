//! JSON in SQL: lists as one JSON parameter, and results as one JSON array. A statement for any number of
//! elements is then a single prepared statement, and its result crosses from SQLite's thread in one piece;
//! see [`super::contact_rows`].

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Error, ErrorCode, Result};

/// SQL fragments in a database's dialect.
pub(crate) struct JsonSql {
    backend: DbBackend,
    /// The function that builds a JSON array of its arguments.
    pub(crate) array: &'static str,
}

impl JsonSql {
    pub(crate) fn of(connection: &impl ConnectionTrait) -> Self {
        let backend = connection.get_database_backend();
        let array = if backend == DbBackend::Sqlite { "json_array" } else { "json_build_array" };
        Self { backend, array }
    }

    /// The elements of a parameter's JSON array, as rows with one text column, `value`.
    pub(crate) fn elements(&self, parameter: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("json_each({parameter})"),
            _ => format!("json_array_elements_text({parameter}::json) AS value"),
        }
    }

    /// The ids in a parameter's JSON array, as a query with one column, `id`.
    pub(crate) fn ids(&self, parameter: &str) -> String {
        format!("SELECT {} AS id FROM {}", self.parse_id("value"), self.elements(parameter))
    }

    /// Converts text to an id.
    pub(crate) fn parse_id(&self, text: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("unhex({text}, '-')"),
            _ => format!("{text}::uuid"),
        }
    }

    /// Converts an id to JSON text.
    pub(crate) fn id_to_json(&self, id: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("hex({id})"),
            _ => id.to_owned(),
        }
    }

    /// Aggregates all rows into one JSON array, in their order.
    pub(crate) fn aggregate(&self, item: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("json_group_array({item})"),
            _ => format!("coalesce(json_agg({item}), '[]'::json)"),
        }
    }

    /// A subquery whose result is JSON, within JSON.
    pub(crate) fn nested(&self, query: &str) -> String {
        if self.backend == DbBackend::Sqlite { format!("json(({query}))") } else { format!("({query})") }
    }

    /// Membership in the result of a query, which PostgreSQL then runs once, not per row.
    pub(crate) fn in_query(&self, query: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("IN ({query})"),
            _ => format!("= ANY(ARRAY({query}))"),
        }
    }

    /// The locking clause, where there are several writers.
    pub(crate) fn lock_clause(&self, clause: &'static str) -> &'static str {
        if self.backend == DbBackend::Sqlite { "" } else { clause }
    }

    /// Fetches `select` for each row of `from`, as one JSON array.
    pub(crate) async fn rows<T: DeserializeOwned>(
        &self,
        connection: &impl ConnectionTrait,
        select: &str,
        from: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<T>> {
        let text = if self.backend == DbBackend::Sqlite { "" } else { "::text" };
        let sql = format!("SELECT {}{text} AS \"rows\" FROM {from}", self.aggregate(select));
        rows(connection, Statement::from_sql_and_values(self.backend, sql, values)).await
    }

    /// Runs a statement; returns the number of rows affected.
    pub(crate) async fn execute(
        &self,
        connection: &impl ConnectionTrait,
        sql: String,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64> {
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        let done = connection.execute_raw(statement).await?;
        Ok(done.rows_affected())
    }
}

/// Fetches the result of a statement whose one column, `rows`, is a JSON array.
pub(crate) async fn rows<T: DeserializeOwned>(
    connection: &impl ConnectionTrait,
    statement: Statement,
) -> Result<Vec<T>> {
    let row = connection
        .query_one_raw(statement)
        .await?
        .ok_or_else(|| Error::caused_by(ErrorCode::Internal, "an aggregate returned no row"))?;
    let rows: String = row.try_get("", "rows")?;
    serde_json::from_str(&rows)
        .map_err(|_| Error::caused_by(ErrorCode::Internal, "stored rows cannot be read"))
}

pub(crate) fn to_json<T: Serialize>(items: &[T]) -> Result<String> {
    serde_json::to_string(items).map_err(|error| Error::caused_by(ErrorCode::Internal, error))
}

pub(crate) fn to_parameter<T: Serialize>(items: &[T]) -> Result<Value> {
    to_json(items).map(Value::from)
}
