//! Suppressions: opt-outs of erased persons, by a keyed hash of the number in place of the number; and the keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, uuid};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // An account without a key has no suppressions, and is not looked for any.
        let keys = Table::create()
            .table("suppression_keys")
            .col(big_integer("account_id"))
            .col(binary("key"))
            .primary_key(Index::create().name("suppression_keys_pkey").col("account_id"))
            .to_owned();
        let suppressions = Table::create()
            .table("suppressions")
            .col(big_integer("account_id"))
            .col(binary("hash"))
            .col(uuid("id"))
            .col(big_integer("created_at"))
            .primary_key(Index::create().name("suppressions_pkey").col("account_id").col("hash"))
            .to_owned();
        for mut table in [keys, suppressions] {
            if manager.get_database_backend() == DbBackend::Sqlite {
                table.extra("WITHOUT ROWID");
            }
            manager.create_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("suppressions").to_owned()).await?;
        manager.drop_table(Table::drop().table("suppression_keys").to_owned()).await
    }
}
