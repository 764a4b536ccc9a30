//! SQL with lists in it, each list as one JSON text: a statement for any number of things is then one
//! statement, and what it answers crosses from SQLite's thread in one piece; see [`super::contact_rows`].

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Error, ErrorCode, Result};

/// The words of a database for the same thing.
pub(crate) struct JsonSql {
    backend: DbBackend,
    /// Makes an array of its arguments.
    pub(crate) array: &'static str,
}

impl JsonSql {
    pub(crate) fn of(connection: &impl ConnectionTrait) -> Self {
        let backend = connection.get_database_backend();
        let array = if backend == DbBackend::Sqlite { "json_array" } else { "json_build_array" };
        Self { backend, array }
    }

    /// The items of the JSON array in a parameter, as rows of one text: `value`.
    pub(crate) fn elements(&self, parameter: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("json_each({parameter})"),
            _ => format!("json_array_elements_text({parameter}::json) AS value"),
        }
    }

    /// The ids in the JSON array in a parameter, as a query of one column: `id`.
    pub(crate) fn ids(&self, parameter: &str) -> String {
        format!("SELECT {} AS id FROM {}", self.parse_id("value"), self.elements(parameter))
    }

    /// An id out of a text.
    pub(crate) fn parse_id(&self, text: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("unhex({text}, '-')"),
            _ => format!("{text}::uuid"),
        }
    }

    /// An id as JSON has it.
    pub(crate) fn id_to_json(&self, id: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("hex({id})"),
            _ => id.to_owned(),
        }
    }

    /// All of a query's rows as one JSON array, in its order.
    pub(crate) fn aggregate(&self, item: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("json_group_array({item})"),
            _ => format!("coalesce(json_agg({item}), '[]'::json)"),
        }
    }

    /// A query whose answer is JSON, within JSON.
    pub(crate) fn nested(&self, query: &str) -> String {
        if self.backend == DbBackend::Sqlite { format!("json(({query}))") } else { format!("({query})") }
    }

    /// Being one of the values that a query answers. PostgreSQL asks the query once, and not for each row.
    pub(crate) fn in_query(&self, query: &str) -> String {
        match self.backend {
            DbBackend::Sqlite => format!("IN ({query})"),
            _ => format!("= ANY(ARRAY({query}))"),
        }
    }

    /// Rows are locked where there is more than one writer.
    pub(crate) fn lock_clause(&self, clause: &'static str) -> &'static str {
        if self.backend == DbBackend::Sqlite { "" } else { clause }
    }

    /// What a query answers whose one column is a JSON array, `rows`.
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

    /// Runs a statement; answers how many rows it touched.
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

/// The answer of a statement whose one column is a JSON array, `rows`.
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

/// A list as JSON.
pub(crate) fn to_json<T: Serialize>(items: &[T]) -> Result<String> {
    serde_json::to_string(items).map_err(|error| Error::caused_by(ErrorCode::Internal, error))
}

/// A list as a parameter.
pub(crate) fn to_parameter<T: Serialize>(items: &[T]) -> Result<Value> {
    to_json(items).map(Value::from)
}
