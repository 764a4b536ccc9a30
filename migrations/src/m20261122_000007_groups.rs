//! Groups and their members.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string_null, uuid};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Planner statistics, as for the contacts: total rows, rows per account, rows per value of each further column.
const STATISTICS: [(&str, &str, &str); 5] = [
    ("groups", "groups", "10000 1000 1"), // the primary key
    ("groups", "groups_by_name", "10000 1000 1"),
    ("groups", "groups_without_name", "10 1 1"),
    ("members", "members", "10000000 1000000 10000 1"), // the primary key
    ("members", "members_by_contact", "10000000 1000000 10 1"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let mut name = string_null("name").text().to_owned();
        if !sqlite {
            // Byte order, as in SQLite and in comparisons of names.
            name.extra(r#"COLLATE "C""#);
        }
        let mut groups = Table::create()
            .table("groups")
            .col(big_integer("account_id"))
            .col(uuid("id"))
            // Null: the group was deleted, and its memberships are being deleted in the background.
            .col(name)
            .col(string_null("description").text())
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer("version"))
            .primary_key(Index::create().name("groups_pkey").col("account_id").col("id"))
            .to_owned();
        let mut members = Table::create()
            .table("members")
            .col(big_integer("account_id"))
            .col(uuid("group_id"))
            .col(uuid("contact_id"))
            .primary_key(
                Index::create().name("members_pkey").col("account_id").col("group_id").col("contact_id"),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("members_of_group")
                    .from("members", ("account_id", "group_id"))
                    .to("groups", ("account_id", "id")),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("members_are_contacts")
                    .from("members", ("account_id", "contact_id"))
                    .to("contacts", ("account_id", "id"))
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        if sqlite {
            groups.extra("WITHOUT ROWID");
            members.extra("WITHOUT ROWID");
        }
        manager.create_table(groups).await?;
        manager.create_table(members).await?;
        let by_name = Index::create()
            .name("groups_by_name")
            .table("groups")
            .col("account_id")
            .col("name")
            .unique()
            .to_owned();
        manager.create_index(by_name).await?;
        let by_contact = Index::create()
            .name("members_by_contact")
            .table("members")
            .col("account_id")
            .col("contact_id")
            .col("group_id")
            .to_owned();
        manager.create_index(by_contact).await?;
        // A partial index: finds deleted groups in time independent of the number of groups.
        let connection = manager.get_connection();
        connection
            .execute_unprepared(
                "CREATE INDEX groups_without_name ON groups (account_id, id) WHERE name IS NULL",
            )
            .await?;
        if sqlite {
            for (table, index, figures) in STATISTICS {
                let insert = format!("INSERT INTO sqlite_stat1 VALUES ('{table}', '{index}', '{figures}')");
                connection.execute_unprepared(&insert).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Dropping a table drops its statistics.
        manager.drop_table(Table::drop().table("members").to_owned()).await?;
        manager.drop_table(Table::drop().table("groups").to_owned()).await
    }
}
