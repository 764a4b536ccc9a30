//! The file of an SQLite database: created for its owner alone, locked by the one server that may have it, and
//! recognised for as long as it is open.
//!
//! **The lock is on the file itself** (its inode, by `flock`), not on a path beside it: a symbolic link, another
//! hard link or a deleted lock file lead to the same lock. On Linux `flock` and SQLite's own locks (`fcntl`) do
//! not see each other. Elsewhere they may; there a file beside the canonical path is locked instead.
//!
//! **A descriptor of the database file that was opened here is never closed.** POSIX locks belong to a process and
//! an inode: closing any descriptor of the file drops all locks that SQLite holds on it in this process, and
//! another process would then take itself for the only one and delete the WAL on its way out. Therefore
//! [`Descriptor`] unlocks when it is dropped and leaves closing to the end of the process, and nothing else in
//! this program opens the file but SQLite. (Metadata and permissions are read and set by path.)
//!
//! **One name.** SQLite names the WAL after the path, so two names of one file have two WALs, and what the one
//! acknowledged the other does not see. Symbolic links are resolved; a file with further hard links is refused.

use std::fs::{self, DirBuilder, File, Metadata, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
};

use super::disk_reserve::DiskReserve;
use crate::storage::directory::directory_of;
use crate::storage::error::OpenError;

/// Mode of the file, its WAL and its shared memory: for the owner alone.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// How long a migration waits for another one.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A database file that exists.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseFile(Arc<Identity>);

#[derive(Debug)]
struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Whether the last write failed because of the file.
    failing: AtomicBool,
    /// In a server only.
    reserve: OnceLock<Option<DiskReserve>>,
}

/// The exclusive lock of a database file. The operating system releases it with the process, however that
/// ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    descriptor: Descriptor,
}

impl FileLock {
    /// Extends the lock to SQLite: fails if another process has the file open through it, and lets none open it until this
    /// process ends. To be called when this process has closed the database: closing it would end this lock.
    ///
    /// (SQLite's locks are of some bytes, and this one is of all.)
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn extend_to_sqlite(&self) -> Result<(), OpenError> {
        match fcntl_lock(&*self.descriptor.0, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(()),
            Err(Errno::AGAIN | Errno::ACCESS) => Err(OpenError::ServedElsewhere),
            Err(error) => Err(OpenError::unreachable_file(&error.into())),
        }
    }

    /// Elsewhere, only servers are locked out: the lock is of another file.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn extend_to_sqlite(&self) -> Result<(), OpenError> {
        Ok(())
    }
}

/// Unlocked when dropped, never closed; see above.
#[derive(Debug)]
struct Descriptor(ManuallyDrop<File>);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // If it fails, the lock is released with the process.
        drop(self.0.unlock());
    }
}

impl DatabaseFile {
    pub(crate) fn find(path: &Path) -> Result<Self, OpenError> {
        let path = path.canonicalize().map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => OpenError::NoDatabase,
            _ => OpenError::unreachable_file(&error),
        })?;
        let metadata = fs::symlink_metadata(&path).map_err(|error| OpenError::unreachable_file(&error))?;
        if !metadata.is_file() {
            return Err(OpenError::Unreachable { reason: "it is not a regular file".to_owned() });
        }
        if metadata.nlink() > 1 {
            return Err(OpenError::HardLinks { count: metadata.nlink() });
        }
        let (device, inode) = (metadata.dev(), metadata.ino());
        Ok(Self(Arc::new(Identity {
            path,
            device,
            inode,
            failing: AtomicBool::new(false),
            reserve: OnceLock::new(),
        })))
    }

    /// As [`Self::find`], but creates a missing folder and file. To SQLite an empty file is an empty
    /// database; its WAL and shared memory get the mode of the file.
    pub(crate) fn find_or_create(path: &Path) -> Result<Self, OpenError> {
        Self::create_folder(path)?;
        match File::options().write(true).create_new(true).mode(PRIVATE_FILE).open(path) {
            Ok(file) => {
                let file = Descriptor(ManuallyDrop::new(file));
                // The umask may have removed even the owner's bits.
                file.0
                    .set_permissions(Permissions::from_mode(PRIVATE_FILE))
                    .map_err(|error| OpenError::unreachable_file(&error))?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(OpenError::unreachable_file(&error)),
        }
        match Self::find(path) {
            Err(OpenError::NoDatabase) => {
                Err(OpenError::Unreachable { reason: "its symbolic link is broken".to_owned() })
            }
            found => found,
        }
    }

    /// Creates the folder of a path if it is missing. Returns its canonical path.
    pub(crate) fn create_folder(path: &Path) -> Result<PathBuf, OpenError> {
        let folder = directory_of(path);
        let created = DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder);
        created.and_then(|()| folder.canonicalize()).map_err(|error| OpenError::unreachable_file(&error))
    }

    /// The canonical path.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Takes the lock, or fails at once.
    pub(crate) fn lock(&self) -> Result<FileLock, OpenError> {
        let file = self.open_to_lock().map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                OpenError::ReadOnly { reason: error.to_string() }
            }
            _ => OpenError::unreachable_file(&error),
        })?;
        match file.0.try_lock() {
            Ok(()) => Ok(FileLock { descriptor: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::ServedElsewhere),
            Err(TryLockError::Error(error)) => Err(OpenError::unreachable_file(&error)),
        }
    }

    /// Takes the lock as soon as it is free, or fails after [`LOCK_TIMEOUT`].
    pub(crate) async fn lock_when_free(&self) -> Result<FileLock, OpenError> {
        let began = Instant::now();
        loop {
            match self.lock() {
                Err(OpenError::ServedElsewhere) if began.elapsed() < LOCK_TIMEOUT => {
                    tokio::time::sleep(LOCK_POLL_INTERVAL).await;
                }
                outcome => return outcome,
            }
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open_to_lock(&self) -> io::Result<Descriptor> {
        let file = File::options().read(true).write(true).open(&self.0.path)?;
        let file = Descriptor(ManuallyDrop::new(file));
        // The file may have been replaced since its path was resolved.
        if self.is_same_file(&file.0.metadata()?) {
            Ok(file)
        } else {
            Err(io::Error::other("it was replaced"))
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn open_to_lock(&self) -> io::Result<Descriptor> {
        let path = self.beside(".lock");
        let mut options = File::options();
        options.read(true).write(true).mode(PRIVATE_FILE);
        let file = match options.clone().create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(&path)?.is_file() {
                    return Err(io::Error::other("its lock file is not a regular file"));
                }
                options.open(&path)?
            }
            opened => opened?,
        };
        Ok(Descriptor(ManuallyDrop::new(file)))
    }

    /// Removes all permissions of group and others on the file, its WAL and its shared memory.
    pub(crate) fn restrict_access(&self) {
        for path in [self.0.path.clone(), self.beside("-wal"), self.beside("-shm")] {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let mode = metadata.mode() & 0o7777;
            if !metadata.is_file() || mode & !PRIVATE_FILE == 0 {
                continue;
            }
            match fs::set_permissions(&path, Permissions::from_mode(mode & PRIVATE_FILE)) {
                Ok(()) => {
                    tracing::info!(mode = format!("{mode:o}"), "other users could open a database file")
                }
                Err(error) => {
                    tracing::warn!(%error, mode = format!("{mode:o}"), "other users can open a database file");
                }
            }
        }
    }

    /// Reserves disk space for deletions on a full disk.
    pub(crate) fn reserve_space(&self) {
        self.0.reserve.get_or_init(|| DiskReserve::take(self.beside("-reserve")));
    }

    /// The disk space reserved for deletions; in a server only.
    pub(crate) fn reserve(&self) -> Option<&DiskReserve> {
        self.0.reserve.get()?.as_ref()
    }

    /// The sizes of the file and of its WAL, in bytes.
    pub(crate) fn sizes(&self) -> io::Result<(u64, u64)> {
        let file = fs::metadata(&self.0.path)?.len();
        match fs::metadata(self.beside("-wal")) {
            Ok(wal) => Ok((file, wal.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((file, 0)),
            Err(error) => Err(error),
        }
    }

    /// Whether its path still leads to the opened file: neither deleted, nor moved, nor replaced. Writes to a
    /// file without a name are lost when it is closed.
    pub(crate) fn is_in_place(&self) -> bool {
        fs::symlink_metadata(&self.0.path).is_ok_and(|metadata| self.is_same_file(&metadata))
    }

    /// Records the outcome of a write; `failed` if the file was the cause.
    pub(crate) fn record_write(&self, failed: bool) {
        // Read first: the cache line stays shared while all writes succeed.
        if self.is_failing() != failed {
            self.0.failing.store(failed, Ordering::Relaxed);
        }
    }

    /// Whether the last write failed because of the file.
    pub(crate) fn is_failing(&self) -> bool {
        self.0.failing.load(Ordering::Relaxed)
    }

    fn is_same_file(&self, metadata: &Metadata) -> bool {
        (metadata.dev(), metadata.ino()) == (self.0.device, self.0.inode)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.0.path.as_os_str().to_owned();
        path.push(suffix);
        path.into()
    }
}
