//! The directory that a file is in.

use std::fs::File;
use std::io;
use std::path::Path;

/// That of a bare name is the current one.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes what was created, renamed or deleted in the directory of a path durable.
///
/// # Errors
/// The directory cannot be opened or synced.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}
