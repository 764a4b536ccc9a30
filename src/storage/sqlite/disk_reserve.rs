//! Disk space that is reserved for deletions.
//!
//! A deletion is a write, too: on a full disk SQLite can neither append it to the WAL nor checkpoint, which
//! would let it reuse the WAL from the beginning. So a file beside the database reserves some space. A
//! deletion that finds the disk full releases it, and checkpoints. From then on, writes that store something
//! are rejected unless the database has enough free pages, until the space can be reserved again: nothing
//! else uses it up.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::storage::directory::directory_of;

/// The usual size of the WAL: a checkpoint may have to append all of it to the database.
const MAX_SIZE: u64 = 48 << 20;

/// One part in so many of the available space.
const SHARE: u64 = 8;

/// Less is useless.
const MIN_SIZE: u64 = 64 << 10;

#[derive(Debug)]
pub(crate) struct DiskReserve {
    path: PathBuf,
    size: u64,
    held: AtomicBool,
}

impl DiskReserve {
    /// Takes the reserve, or one left by an earlier process; `None` if that is impossible.
    pub(crate) fn take(path: PathBuf) -> Option<Self> {
        let size = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() >= MIN_SIZE => {
                return Some(Self { path, size: metadata.len(), held: AtomicBool::new(true) });
            }
            Ok(metadata) if metadata.is_file() => remove(&path).and_then(|()| available_space(&path)),
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => available_space(&path),
        };
        let size = size.map(|available_space| (available_space / SHARE).min(MAX_SIZE));
        match size.and_then(|size| {
            if size < MIN_SIZE {
                Err(ErrorKind::StorageFull.into())
            } else {
                allocate(&path, size).map(|()| size)
            }
        }) {
            Ok(size) => Some(Self { path, size, held: AtomicBool::new(true) }),
            Err(error) => {
                tracing::warn!(%error, "disk space for deletions on a full disk could not be reserved");
                None
            }
        }
    }

    /// Whether it is held, and not released.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Releases the space to a deletion.
    pub(crate) fn release(&self) {
        if self.held.swap(false, Ordering::Relaxed) {
            match remove(&self.path) {
                Ok(()) => {
                    tracing::warn!("the disk is full: deletions use the reserved disk space")
                }
                Err(error) => {
                    tracing::error!(%error, "the disk space reserved for deletions could not be released")
                }
            }
        }
    }

    /// Takes it again if there is enough space; returns whether it is held.
    pub(crate) fn retake(&self) -> bool {
        if self.is_held() {
            return true;
        }
        // Leaves space for the write that asks.
        let enough =
            available_space(&self.path).is_ok_and(|available_space| available_space / 2 >= self.size);
        if enough && allocate(&self.path, self.size).is_ok() {
            self.held.store(true, Ordering::Relaxed);
        }
        self.is_held()
    }
}

/// Space available on a file's disk, in bytes.
fn available_space(path: &Path) -> io::Result<u64> {
    let disk = statvfs(directory_of(path))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn allocate(path: &Path, size: u64) -> io::Result<()> {
    let allocated = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|file| Ok(fallocate(&file, FallocateFlags::empty(), 0, size)?));
    if allocated.is_err() {
        drop(remove(path));
    }
    allocated
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
