//! Snapshots: weight against the account's quota, a lease while entries are added, and the contact of each entry.
//! Idempotency keys: the id of the created resource instead of a copy of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

const AUDIENCE_COLUMNS: [&str; 5] = [
    // The weight against the quota, reserved before entries are stored.
    "entries BIGINT NOT NULL DEFAULT 0",
    // While entries are added: the owning process, and the end of its lease.
    "owner UUID",
    "leased_until BIGINT",
    // The idempotency key to release if the snapshot is never finished.
    "attempt_operation TEXT",
    "attempt_key TEXT",
];

const INDEXES: [&str; 3] = [
    // Covering index for the sum of an account's weights.
    "CREATE INDEX audiences_by_account ON audiences (account_id, expires_at, entries)",
    "CREATE INDEX audiences_unfinished ON audiences (leased_until) WHERE leased_until IS NOT NULL",
    "CREATE INDEX audience_entries_by_contact ON audience_entries (account_id, contact_id) \
     WHERE contact_id IS NOT NULL",
];

fn backfill(backend: DbBackend) -> [&'static str; 6] {
    let unfinished = "UPDATE audiences SET leased_until = 0 WHERE report IS NULL";
    // Conflicts are no longer stored: their keys become available again.
    let conflicts = "DELETE FROM idempotency_keys WHERE contact IS NULL";
    if backend == DbBackend::Sqlite {
        [
            "UPDATE audiences SET entries = coalesce(report ->> '$.asked', 0)",
            unfinished,
            "UPDATE audience_entries SET contact_id = unhex(entry ->> '$.contact[0]', '-') \
             WHERE entry ->> '$.contact[0]' IS NOT NULL",
            conflicts,
            "DELETE FROM idempotency_keys WHERE operation = 'createAudience' \
             AND unhex(contact ->> '$.id', '-') IN (SELECT id FROM audiences WHERE report IS NULL)",
            "UPDATE idempotency_keys SET contact = json_object( \
             'id', coalesce(contact ->> '$.id', contact ->> '$.row.id'), \
             'is_new', json(iif(coalesce(contact ->> '$.is_new', 1), 'true', 'false')))",
        ]
    } else {
        [
            "UPDATE audiences SET entries = coalesce((report::json ->> 'asked')::bigint, 0)",
            unfinished,
            "UPDATE audience_entries SET contact_id = (entry::json #>> '{contact,0}')::uuid \
             WHERE entry::json #>> '{contact,0}' IS NOT NULL",
            conflicts,
            "DELETE FROM idempotency_keys WHERE operation = 'createAudience' \
             AND (contact::json ->> 'id')::uuid IN (SELECT id FROM audiences WHERE report IS NULL)",
            "UPDATE idempotency_keys SET contact = json_build_object( \
             'id', coalesce(contact::json ->> 'id', contact::json #>> '{row,id}'), \
             'is_new', coalesce((contact::json ->> 'is_new')::boolean, true))::text",
        ]
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        // On SQLite, UUIDs are blobs in every table.
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let uuid = |column: &str| if sqlite { column.replace("UUID", "BLOB") } else { column.to_owned() };
        for column in AUDIENCE_COLUMNS {
            let sql = format!("ALTER TABLE audiences ADD COLUMN {}", uuid(column));
            connection.execute_unprepared(&sql).await?;
        }
        let sql = format!("ALTER TABLE audience_entries ADD COLUMN {}", uuid("contact_id UUID"));
        connection.execute_unprepared(&sql).await?;
        for sql in backfill(manager.get_database_backend()).into_iter().chain(INDEXES) {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in INDEXES {
            let name = sql.split(' ').nth(2).unwrap_or_default();
            connection.execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        for column in AUDIENCE_COLUMNS {
            let name = column.split(' ').next().unwrap_or_default();
            connection.execute_unprepared(&format!("ALTER TABLE audiences DROP COLUMN {name}")).await?;
        }
        connection.execute_unprepared("ALTER TABLE audience_entries DROP COLUMN contact_id").await?;
        // The copies that earlier programs need no longer exist: delete the keys.
        connection.execute_unprepared("DELETE FROM idempotency_keys").await?;
        Ok(())
    }
}
