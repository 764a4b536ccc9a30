//! Contacts and keys in a database, through sea-orm: an embedded SQLite file, or PostgreSQL.

mod accounts;
mod attempts;
mod audiences;
mod cache;
mod connect;
mod contact_changes;
mod contact_lists;
mod contacts;
mod database;
mod entity;
mod error;
mod group_commit;
mod group_read;
mod groups;
mod json;
mod kept_audiences;
mod keys;
mod lock;
mod migrate;
mod named;
mod opt_outs;
mod packed;
mod pages;
mod paging;
mod people;
mod rows;
mod tallies;
mod templates;
mod trust;
mod writer;

pub use connect::{Options, safe_url};
pub use database::{Database, Statements};
pub use error::OpenError;
