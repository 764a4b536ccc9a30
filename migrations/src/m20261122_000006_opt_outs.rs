//! Opt-outs, and counters: a number of rows as the sum over a few counter rows, to avoid contention on one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, small_integer, string, string_null, uuid};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Planner statistics, as for the contacts: total rows, rows per account, rows per value of each further column.
const STATISTICS: [(&str, &str, &str); 3] = [
    ("opt_outs", "opt_outs", "1000000 100000 1"), // the primary key
    ("opt_outs", "opt_outs_by_creation", "1000000 100000 1"),
    ("tallies", "tallies", "100000 1000 10 1"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let mut phone = string("phone").text().to_owned();
        if !sqlite {
            // Byte order, as in SQLite.
            phone.extra(r#"COLLATE "C""#);
        }
        // Keyed by number and not by contact: an opt-out survives updates and deletion of contacts.
        let mut opt_outs = Table::create()
            .table("opt_outs")
            .col(big_integer("account_id"))
            .col(phone)
            .col(uuid("id"))
            .col(string_null("source").text())
            .col(string_null("note").text())
            .col(big_integer("created_at"))
            .primary_key(Index::create().name("opt_outs_pkey").col("account_id").col("phone"))
            .to_owned();
        let mut tallies = Table::create()
            .table("tallies")
            .col(big_integer("account_id"))
            .col(uuid("of_id"))
            .col(small_integer("shard"))
            .col(big_integer("amount"))
            .primary_key(Index::create().name("tallies_pkey").col("account_id").col("of_id").col("shard"))
            .to_owned();
        if sqlite {
            // Clustered by primary key: the check of a number needs no second lookup.
            opt_outs.extra("WITHOUT ROWID");
            tallies.extra("WITHOUT ROWID");
        }
        manager.create_table(opt_outs).await?;
        manager.create_table(tallies).await?;
        manager
            .create_index(
                Index::create()
                    .name("opt_outs_by_creation")
                    .table("opt_outs")
                    .col("account_id")
                    .col("id")
                    .unique()
                    .to_owned(),
            )
            .await?;
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
        manager.drop_table(Table::drop().table("tallies").to_owned()).await?;
        manager.drop_table(Table::drop().table("opt_outs").to_owned()).await
    }
}
