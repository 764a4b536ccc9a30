//! Contacts, and a counter of contacts per account.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, small_integer, string, string_null, uuid};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Byte order, as in SQLite and in comparisons of handles; PostgreSQL's default is the collation of the server's
/// locale.
const BYTE_ORDER: &str = r#"COLLATE "C""#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let by_bytes = |column: ColumnDef| {
            let mut column = column;
            if !sqlite {
                column.extra(BYTE_ORDER);
            }
            column
        };
        // No foreign key to `accounts`: accounts are never deleted, and on PostgreSQL each insert
        // would lock the account's row.
        let mut contacts = Table::create()
            .table("contacts")
            .col(big_integer("account_id"))
            .col(uuid("id"))
            .col(by_bytes(string("handle").text().to_owned()))
            .col(by_bytes(string("phone").text().to_owned()))
            .col(string_null("display_name").text())
            .col(string_null("avatar_url").text())
            // Text and not jsonb, which would not preserve the order of members.
            .col(string("meta").text())
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer("version"))
            .primary_key(Index::create().name("contacts_pkey").col("account_id").col("id"))
            .to_owned();
        if sqlite {
            // Clustered by primary key: a page of the list is one contiguous range.
            contacts.extra("WITHOUT ROWID");
        }
        manager.create_table(contacts).await?;
        manager
            .create_table(
                Table::create()
                    .table("contact_counts")
                    .col(big_integer("account_id"))
                    .col(small_integer("shard"))
                    .col(big_integer("contacts"))
                    .primary_key(Index::create().name("contact_counts_pkey").col("account_id").col("shard"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_index(
                Index::create()
                    .name("contacts_by_handle")
                    .table("contacts")
                    .col("account_id")
                    .col("handle")
                    .unique()
                    .to_owned(),
            )
            .await?;
        for (name, column) in [("contacts_by_phone", "phone"), ("contacts_by_change", "updated_at")] {
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table("contacts")
                        .col("account_id")
                        .col(column)
                        .col("id")
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("contact_counts").to_owned()).await?;
        manager.drop_table(Table::drop().table("contacts").to_owned()).await
    }
}
