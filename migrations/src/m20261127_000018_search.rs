//! The search index: segments, their blocks, and per account how far the index follows the change log.
//!
//! The contacts of existing accounts are indexed in the background after the next start.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, binary, boolean, string, uuid_null};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let heads = Table::create()
            .table("search_heads")
            .col(big_integer("account_id"))
            // The last entry of the change log that is indexed.
            .col(big_integer("position"))
            // Grows whenever the segments are others.
            .col(big_integer("version"))
            .col(boolean("complete"))
            // While the index is built anew: the last contact, and the segments that the new ones replace.
            .col(uuid_null("build_after"))
            .col(big_integer_null("build_floor"))
            // The process that maintains the index, and when its lease ends.
            .col(uuid_null("lease"))
            .col(big_integer_null("leased_until"))
            .primary_key(Index::create().name("search_heads_pkey").col("account_id"))
            .to_owned();
        // A number that is never used again is what blocks can be cached by.
        let segments = Table::create()
            .table("search_segments")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(big_integer("account_id"))
            .col(string("state").text())
            .col(big_integer("changed_at"))
            .col(binary("directory"))
            .to_owned();
        // One integer as the key, the segment in its upper half: blocks are half as large as a page, or larger, which a
        // clustered index with several columns stores badly.
        let blocks = Table::create()
            .table("search_blocks")
            .col(big_integer("id").primary_key())
            .col(binary("data"))
            .to_owned();
        for table in [heads, segments, blocks] {
            manager.create_table(table).await?;
        }
        let by_account = Index::create()
            .name("search_segments_by_account")
            .table("search_segments")
            .col("account_id")
            .to_owned();
        manager.create_index(by_account).await?;
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            // They are compressed already.
            let external = "ALTER TABLE search_blocks ALTER COLUMN data SET STORAGE EXTERNAL";
            connection.execute_unprepared(external).await?;
        }
        let unindexed = "INSERT INTO search_heads (account_id, position, version, complete, build_floor) \
            SELECT a.id, COALESCE((SELECT h.sequence FROM change_heads h WHERE h.account_id = a.id), 0), 0, FALSE, 0 \
            FROM accounts a WHERE EXISTS (SELECT 1 FROM contacts c WHERE c.account_id = a.id)";
        connection.execute_unprepared(unindexed).await?;
        // Whose contacts are older than the log.
        let unlogged = "INSERT INTO change_heads (account_id, sequence) SELECT s.account_id, 0 FROM search_heads s \
            WHERE NOT EXISTS (SELECT 1 FROM change_heads h WHERE h.account_id = s.account_id)";
        connection.execute_unprepared(unlogged).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["search_blocks", "search_segments", "search_heads"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
