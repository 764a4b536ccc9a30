//! Erasures: who was erased, how far, and what was found where. Their traces are there only until they are complete.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, string, string_null, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let erasures = Table::create()
            .table("erasures")
            .col(big_integer("account_id"))
            .col(uuid("id"))
            .col(string("state").text())
            .col(string("selected_by").text())
            // JSON, as the next ones.
            .col(string("contact_ids").text())
            .col(string("places").text())
            .col(string("remaining").text())
            // What the person is found by; NULL once the erasure is complete.
            .col(string_null("traces").text())
            // Whether the search index has nothing of these contacts any more.
            .col(boolean("unindexed"))
            // Of the request.
            .col(string("key_id").text())
            .col(string("request_id").text())
            // The process that carries it out, and when its lease ends.
            .col(uuid_null("lease"))
            .col(big_integer_null("leased_until"))
            .col(big_integer("created_at"))
            .col(big_integer_null("completed_at"))
            .col(big_integer_null("backups_until"))
            .primary_key(Index::create().name("erasures_pkey").col("account_id").col("id"))
            .to_owned();
        manager.create_table(erasures).await?;
        // For the background task, across all accounts.
        let by_state = Index::create().name("erasures_by_state").table("erasures").col("state").to_owned();
        manager.create_index(by_state).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("erasures").to_owned()).await
    }
}
