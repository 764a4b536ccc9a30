//! Declared fields of `meta`, and the index of their values.
//!
//! From here on every write of a contact maintains the index in its transaction. A program that does not know the index
//! would leave it behind the contacts, so older ones are locked out.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, string, string_null, uuid};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::compatibility::require_programs_that_know;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Planner statistics, as for the other tables: total rows, rows per account, rows per value of each further column.
const STATISTICS: [(&str, &str, &str); 5] = [
    ("fields", "fields", "10000 10 1"), // the primary key
    ("fields", "fields_by_key", "10000 10 1"),
    ("fields", "fields_by_state", "10000 3000"),
    ("field_values", "field_values", "30000000 3000000 3 1"), // the primary key
    ("field_values", "field_values_by_value", "30000000 3000000 1000000 100 1"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let connection = manager.get_connection();
        let mut value = string("value").text().to_owned();
        if !sqlite {
            // Byte order, as in SQLite.
            value.extra(r#"COLLATE "C""#);
        }
        let mut fields = Table::create()
            .table("fields")
            .col(big_integer("account_id"))
            .col(uuid("id"))
            // Of its values in the index; unique within the account.
            .col(integer("number"))
            // NULL: deleted. Its values are deleted in the background, and then the row.
            .col(string_null("key").text())
            .col(string("type").text())
            .col(string("state").text())
            // How far it is built: the last contact, and how many values have been indexed and did not fit the type.
            .col(uuid("position"))
            .col(big_integer("indexed"))
            .col(big_integer("mismatched"))
            .col(big_integer("created_at"))
            .primary_key(Index::create().name("fields_pkey").col("account_id").col("id"))
            .to_owned();
        let mut field_values = Table::create()
            .table("field_values")
            .col(big_integer("account_id"))
            .col(uuid("contact_id"))
            // The number of a field. A value that does not fit its type is an empty one under the negative number.
            .col(integer("field"))
            .col(value)
            .primary_key(
                Index::create().name("field_values_pkey").col("account_id").col("contact_id").col("field"),
            )
            .to_owned();
        for table in [&mut fields, &mut field_values] {
            if sqlite {
                // Clustered by primary key: new contacts are appended to one B-tree.
                table.extra("WITHOUT ROWID");
            }
            manager.create_table(table.clone()).await?;
        }
        let mut by_key = Index::create();
        by_key.name("fields_by_key").table("fields").col("account_id").col("key").unique();
        // For the background tasks, across all accounts.
        let mut by_state = Index::create();
        by_state.name("fields_by_state").table("fields").col("state");
        // Of one value, in the order of contacts; of one field, in the order of values.
        let mut by_value = Index::create();
        by_value.name("field_values_by_value").table("field_values");
        by_value.col("account_id").col("field").col("value").col("contact_id");
        for index in [by_key, by_state, by_value] {
            manager.create_index(index).await?;
        }
        if sqlite {
            for (table, index, figures) in STATISTICS {
                let insert = format!("INSERT INTO sqlite_stat1 VALUES ('{table}', '{index}', '{figures}')");
                connection.execute_unprepared(&insert).await?;
            }
        }
        // Grows whenever a field of the account begins, or ceases, to be maintained: a write that does not know of it
        // cannot advance the head.
        let version = big_integer("fields_version").default(0).to_owned();
        manager.alter_table(Table::alter().table("change_heads").add_column(version).to_owned()).await?;
        require_programs_that_know(manager, self.name()).await
    }

    /// # Errors
    /// Always: older programs would write without maintaining the index.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("declared fields cannot be removed; restore a backup instead".to_owned()))
    }
}
