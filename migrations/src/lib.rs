//! Schema migrations of addressbook, oldest first.
//!
//! Tables are named by strings and nothing of the service is imported: a migration must go on
//! meaning the same when the entities have changed. Each runs in a transaction of its own, on both
//! databases.
//!
//! **Old programs on a new schema.** While instances are replaced one after the other, those of the last release
//! run on the schema of the next one. They do so if they know the migration that the table
//! `schema_compatibility` names. A migration that they cannot live with (it drops or renames what they use, or adds a
//! column that has no default) must name itself there; the others leave the table alone.

#![forbid(unsafe_code)]

use sea_orm_migration::prelude::*;

mod compatibility;
mod m20261121_000001_accounts_and_keys;
mod m20261121_000002_contacts;
mod m20261121_000003_idempotency_keys;
mod m20261121_000004_planner_statistics;
mod m20261122_000005_order_of_creation;
mod m20261122_000006_opt_outs;
mod m20261122_000007_groups;
mod m20261122_000008_templates;
mod m20261122_000009_audiences;
mod m20261122_000010_counted_by_triggers;
mod m20261126_000011_audience_lifecycle;
mod m20261126_000012_compatibility;

/// All migrations.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_accounts_and_keys::Migration),
            Box::new(m20261121_000002_contacts::Migration),
            Box::new(m20261121_000003_idempotency_keys::Migration),
            Box::new(m20261121_000004_planner_statistics::Migration),
            Box::new(m20261122_000005_order_of_creation::Migration),
            Box::new(m20261122_000006_opt_outs::Migration),
            Box::new(m20261122_000007_groups::Migration),
            Box::new(m20261122_000008_templates::Migration),
            Box::new(m20261122_000009_audiences::Migration),
            Box::new(m20261122_000010_counted_by_triggers::Migration),
            Box::new(m20261126_000011_audience_lifecycle::Migration),
            Box::new(m20261126_000012_compatibility::Migration),
        ]
    }
}
