//! A file that has its name only when it is whole: until then, it has another one beside it.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::BackupError;
use crate::storage::directory::sync_directory;

/// What is added to the name.
pub(super) const SUFFIX: &str = ".partial";

/// For its owner alone: personal data, and hashes of keys.
const MODE: u32 = 0o600;

/// Deleted when dropped, unless it was [completed](Self::complete). One that a killed process has left is taken over by the next
/// one that writes the same file.
#[derive(Debug)]
pub(super) struct PartialFile {
    /// Locked.
    file: File,
    path: PathBuf,
    target: PathBuf,
    is_complete: bool,
}

impl PartialFile {
    pub(super) fn create(target: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(target, SUFFIX);
        let fail = BackupError::file("create", &path);
        let file = loop {
            let mut options = File::options();
            // In a directory of another user, whose symbolic link could lead anywhere.
            options.read(true).write(true).create(true).truncate(false).mode(MODE);
            let no_link = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
            let file = options.custom_flags(no_link).open(&path).map_err(&fail)?;
            if !try_lock(&file).map_err(&fail)? {
                return Err(BackupError::BeingWritten { path: target.to_owned() });
            }
            // Whoever had it before may have renamed or deleted it between the two calls.
            if is_at(&file, &path).map_err(&fail)? {
                break file;
            }
        };
        let this = Self { file, path, target: target.to_owned(), is_complete: false };
        this.file.set_len(0).map_err(&fail)?;
        this.file.set_permissions(Permissions::from_mode(MODE)).map_err(&fail)?;
        Ok(this)
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Its temporary name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it durable, and gives it its name.
    pub(super) fn complete(mut self) -> Result<(), BackupError> {
        self.file.sync_all().map_err(BackupError::file("write", &self.path))?;
        fs::rename(&self.path, &self.target).map_err(BackupError::file("create", &self.target))?;
        self.is_complete = true;
        sync_directory(&self.target).map_err(BackupError::file("write", &self.target))
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_complete {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Deletes what a killed process has left of a file, and SQLite's journal of it.
pub(super) fn delete_abandoned(path: &Path) {
    let abandoned = || -> io::Result<()> {
        let file = File::options().read(true).write(true).open(path)?;
        if try_lock(&file)? && is_at(&file, path)? {
            drop(fs::remove_file(with_suffix(path, "-journal")));
            return fs::remove_file(path);
        }
        Ok(())
    };
    // What cannot be deleted does no harm.
    drop(abandoned());
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    let found = fs::symlink_metadata(path);
    Ok(found.is_ok_and(|found| (found.dev(), found.ino()) == (opened.dev(), opened.ino())))
}
