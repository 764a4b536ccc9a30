//! Planner statistics of the contacts, for SQLite.
//!
//! Without statistics SQLite assumes ten contacts per account and would scan them for a phone number instead of using
//! the index. An embedded database is never analysed by an operator, so that the statistics of a large account are
//! inserted once. (PostgreSQL gathers statistics automatically.)

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Index name and `sqlite_stat1` statistics: total rows, rows per account, rows per value of each further column.
const STATISTICS: [(&str, &str); 4] = [
    ("contacts", "1000000 100000 1"), // the primary key
    ("contacts_by_handle", "1000000 100000 1"),
    ("contacts_by_phone", "1000000 100000 2 1"),
    ("contacts_by_change", "1000000 100000 2 1"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite {
            return Ok(());
        }
        let connection = manager.get_connection();
        // Creates the table `sqlite_stat1`.
        connection.execute_unprepared("ANALYZE sqlite_schema").await?;
        connection.execute_unprepared("DELETE FROM sqlite_stat1 WHERE tbl = 'contacts'").await?;
        for (index, figures) in STATISTICS {
            let insert = format!("INSERT INTO sqlite_stat1 VALUES ('contacts', '{index}', '{figures}')");
            connection.execute_unprepared(&insert).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            let delete = "DELETE FROM sqlite_stat1 WHERE tbl = 'contacts'";
            manager.get_connection().execute_unprepared(delete).await?;
        }
        Ok(())
    }
}
