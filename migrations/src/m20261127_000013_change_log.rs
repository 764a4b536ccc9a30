//! The change log, and one table of counters in place of two.
//!
//! From here on every write of contacts, groups, opt-outs and templates is logged in the transaction that makes it. A
//! program that does not log would leave gaps, so older ones are locked out.
//!
//! The counters of contacts (`contact_counts`) and of everything else (`tallies`) become `counters`. They were split into
//! shards, so that instances seldom waited for each other; the number of the last change, which each write advances,
//! serialises the writes of an account anyway. On SQLite, the triggers that counted contacts are dropped: the write path
//! counts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null, uuid, uuid_null};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::compatibility::require_programs_that_know;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Planner statistics, as for the other tables: total rows, rows per account, rows per value of each further column.
const STATISTICS: [(&str, &str); 3] =
    [("changes", "10000000 1000000 1"), ("change_heads", "1000 1"), ("counters", "100000 1000 1")];

/// The triggers of migration 10.
const TRIGGERS: [&str; 2] = ["contacts_created", "contacts_deleted"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let connection = manager.get_connection();
        let changes = Table::create()
            .table("changes")
            .col(big_integer("account_id"))
            .col(big_integer("sequence"))
            .col(big_integer("at"))
            .col(string("event").text())
            .col(uuid("resource_id"))
            .col(uuid_null("group_id"))
            .col(big_integer_null("version"))
            .col(string_null("fields").text())
            .col(string("key_id").text())
            .col(string("request_id").text())
            .primary_key(Index::create().name("changes_pkey").col("account_id").col("sequence"))
            .to_owned();
        let change_heads = Table::create()
            .table("change_heads")
            .col(big_integer("account_id"))
            .col(big_integer("sequence"))
            .primary_key(Index::create().name("change_heads_pkey").col("account_id"))
            .to_owned();
        let counters = Table::create()
            .table("counters")
            .col(big_integer("account_id"))
            .col(uuid("counted"))
            .col(big_integer("amount"))
            .primary_key(Index::create().name("counters_pkey").col("account_id").col("counted"))
            .to_owned();
        for mut table in [changes, change_heads, counters] {
            if sqlite {
                // Clustered by primary key: the log is appended to one B-tree.
                table.extra("WITHOUT ROWID");
            }
            manager.create_table(table).await?;
        }
        if sqlite {
            for (table, figures) in STATISTICS {
                let insert = format!("INSERT INTO sqlite_stat1 VALUES ('{table}', '{table}', '{figures}')");
                connection.execute_unprepared(&insert).await?;
            }
            for trigger in TRIGGERS {
                connection.execute_unprepared(&format!("DROP TRIGGER {trigger}")).await?;
            }
        }
        let contacts = if sqlite {
            "x'00000000000000000000000000000002'"
        } else {
            "'00000000-0000-0000-0000-000000000002'::uuid"
        };
        for (table, columns) in
            [("tallies", "of_id, sum(amount)"), ("contact_counts", "CONTACTS, sum(contacts)")]
        {
            let columns = columns.replace("CONTACTS", contacts);
            let fold = format!(
                "INSERT INTO counters (account_id, counted, amount) SELECT account_id, {columns} FROM {table} \
                 GROUP BY 1, 2"
            );
            connection.execute_unprepared(&fold).await?;
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        require_programs_that_know(manager, self.name()).await
    }

    /// # Errors
    /// Always: older programs would write without logging.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the change log cannot be removed; restore a backup instead".to_owned()))
    }
}
