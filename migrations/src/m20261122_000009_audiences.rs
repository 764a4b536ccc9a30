//! Audience snapshots and their entries.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, small_integer, string, string_null, uuid};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("audiences")
                    .col(big_integer("account_id"))
                    .col(uuid("id"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    // The report as JSON; null until the snapshot is complete.
                    .col(string_null("report").text())
                    .primary_key(Index::create().name("audiences_pkey").col("account_id").col("id"))
                    .to_owned(),
            )
            .await?;
        // For the expiry of old snapshots across all accounts.
        manager
            .create_index(
                Index::create().name("audiences_by_end").table("audiences").col("expires_at").to_owned(),
            )
            .await?;
        let mut entries = Table::create()
            .table("audience_entries")
            .col(big_integer("account_id"))
            .col(uuid("audience_id"))
            // 0: recipients, 1: exclusions; positions count separately in each.
            .col(small_integer("kind"))
            .col(big_integer("position"))
            // A copy as JSON, independent of later changes to the contact.
            .col(string("entry").text())
            .primary_key(
                Index::create()
                    .name("audience_entries_pkey")
                    .col("account_id")
                    .col("audience_id")
                    .col("kind")
                    .col("position"),
            )
            .to_owned();
        if manager.get_database_backend() == DbBackend::Sqlite {
            // Clustered by primary key: a page is one contiguous range.
            entries.extra("WITHOUT ROWID");
        }
        manager.create_table(entries).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("audience_entries").to_owned()).await?;
        manager.drop_table(Table::drop().table("audiences").to_owned()).await
    }
}
