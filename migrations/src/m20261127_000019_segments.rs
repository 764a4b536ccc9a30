//! Segments: filters that are saved under a name.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, uuid};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Planner statistics, as for the other tables: total rows, rows per account, rows per value of each further column.
const STATISTICS: [(&str, &str, &str); 2] = [
    ("segments", "segments", "10000 100 1"), // the primary key
    ("segments", "segments_by_name", "10000 100 1"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let mut name = string("name").text().to_owned();
        if !sqlite {
            // Byte order, as in SQLite.
            name.extra(r#"COLLATE "C""#);
        }
        let mut segments = Table::create()
            .table("segments")
            .col(big_integer("account_id"))
            .col(uuid("id"))
            .col(name)
            .col(string("filter").text())
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer("version"))
            .primary_key(Index::create().name("segments_pkey").col("account_id").col("id"))
            .to_owned();
        if sqlite {
            segments.extra("WITHOUT ROWID");
        }
        manager.create_table(segments).await?;
        let mut by_name = Index::create();
        by_name.name("segments_by_name").table("segments").col("account_id").col("name").unique();
        manager.create_index(by_name).await?;
        if sqlite {
            for (table, index, figures) in STATISTICS {
                let insert = format!("INSERT INTO sqlite_stat1 VALUES ('{table}', '{index}', '{figures}')");
                manager.get_connection().execute_unprepared(&insert).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Dropping a table drops its statistics.
        manager.drop_table(Table::drop().table("segments").to_owned()).await
    }
}
