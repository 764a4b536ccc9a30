//! Saved templates.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, uuid};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Planner statistics, as for the contacts: total rows, rows per account, rows per value of the further column.
const STATISTICS: [(&str, &str); 2] = [("templates", "10000 100 1"), ("templates_by_name", "10000 100 1")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let mut name = string("name").text().to_owned();
        if !sqlite {
            // Byte order, as in SQLite and in comparisons of names.
            name.extra(r#"COLLATE "C""#);
        }
        let mut templates = Table::create()
            .table("templates")
            .col(big_integer("account_id"))
            .col(uuid("id"))
            .col(name)
            .col(string("text").text())
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer("version"))
            .primary_key(Index::create().name("templates_pkey").col("account_id").col("id"))
            .to_owned();
        if sqlite {
            // Clustered by primary key: a page of the list is one contiguous range.
            templates.extra("WITHOUT ROWID");
        }
        manager.create_table(templates).await?;
        manager
            .create_index(
                Index::create()
                    .name("templates_by_name")
                    .table("templates")
                    .col("account_id")
                    .col("name")
                    .unique()
                    .to_owned(),
            )
            .await?;
        if sqlite {
            for (index, figures) in STATISTICS {
                let insert = format!("INSERT INTO sqlite_stat1 VALUES ('templates', '{index}', '{figures}')");
                manager.get_connection().execute_unprepared(&insert).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Dropping a table drops its statistics.
        manager.drop_table(Table::drop().table("templates").to_owned()).await
    }
}
