//! One server an SQLite file: what is kept in memory is true only while nobody else writes contacts.
//! (The `keys` commands write keys, never contacts, and need no lock.)

use std::fs::File;
use std::path::Path;

use super::error::OpenError;

/// Held as long as the server runs; the operating system ends it with the process, however that ends.
#[derive(Debug)]
pub(super) struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock of a database file.
    pub(super) fn take(database: &Path) -> Result<Self, OpenError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let unreachable =
            |error: std::io::Error| OpenError::Unreachable { reason: format!("its lock file: {error}") };
        let file = File::create(path).map_err(unreachable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::ServedElsewhere),
            Err(std::fs::TryLockError::Error(error)) => Err(unreachable(error)),
        }
    }
}
