//! Idempotency keys of create requests, with the stored response.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, string, string_null};

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
                    .table("idempotency_keys")
                    .col(big_integer("account_id"))
                    .col(string("operation").text())
                    .col(string("key").text())
                    .col(binary("fingerprint"))
                    // The created contact as JSON; null if its handle was taken.
                    .col(string_null("contact").text())
                    .col(big_integer("created_at"))
                    .primary_key(
                        Index::create()
                            .name("idempotency_keys_pkey")
                            .col("account_id")
                            .col("operation")
                            .col("key"),
                    )
                    .to_owned(),
            )
            .await?;
        // For the expiry of old keys across all accounts.
        manager
            .create_index(
                Index::create()
                    .name("idempotency_keys_by_age")
                    .table("idempotency_keys")
                    .col("created_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("idempotency_keys").to_owned()).await
    }
}
