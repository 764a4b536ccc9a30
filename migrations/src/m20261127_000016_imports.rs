//! Imports: their files, in chunks, and their plans, in pages.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, binary, binary_null, small_integer, string, string_null, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let imports = Table::create()
            .table("imports")
            .col(big_integer("account_id"))
            .col(uuid("id"))
            .col(string("state").text())
            // JSON, as the next ones.
            .col(string("options").text())
            .col(string_null("file").text())
            .col(string("report").text())
            .col(string("counts").text())
            .col(big_integer("done"))
            .col(big_integer("total"))
            .col(binary_null("digest"))
            .col(string_null("failure").text())
            // Of the request that started the current step.
            .col(string("key_id").text())
            .col(string("request_id").text())
            // The complete file, and the one that is being received.
            .col(uuid_null("upload"))
            .col(uuid_null("uploading"))
            // The process that carries out the current step, its claim, and when that ends.
            .col(uuid_null("owner"))
            .col(uuid_null("lease"))
            .col(big_integer_null("leased_until"))
            .col(big_integer("stored_bytes"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer("expires_at"))
            .primary_key(Index::create().name("imports_pkey").col("account_id").col("id"))
            .to_owned();
        let chunks = Table::create()
            .table("import_chunks")
            .col(big_integer("account_id"))
            .col(uuid("import_id"))
            .col(uuid("upload"))
            .col(big_integer("number"))
            .col(binary("content"))
            .primary_key(
                Index::create()
                    .name("import_chunks_pkey")
                    .col("account_id")
                    .col("import_id")
                    .col("upload")
                    .col("number"),
            )
            .to_owned();
        let pages = Table::create()
            .table("import_pages")
            .col(big_integer("account_id"))
            .col(uuid("import_id"))
            .col(big_integer("number"))
            // 0: planned, 1: committed, 2: undone.
            .col(small_integer("step"))
            .col(string("counts").text())
            // The rows as compressed JSON.
            .col(binary("content"))
            .primary_key(
                Index::create().name("import_pages_pkey").col("account_id").col("import_id").col("number"),
            )
            .to_owned();
        for table in [imports, chunks, pages] {
            manager.create_table(table).await?;
        }
        // For the workers and the clean-up, across all accounts.
        for (name, column) in [("imports_by_state", "state"), ("imports_by_end", "expires_at")] {
            manager.create_index(Index::create().name(name).table("imports").col(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["import_pages", "import_chunks", "imports"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
