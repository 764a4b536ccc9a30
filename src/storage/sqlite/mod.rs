//! SQLite alone: its connection pool, the database file with its lock, and the disk reserve.

pub(super) mod database_file;
pub(super) mod disk_reserve;
pub(super) mod pool;
