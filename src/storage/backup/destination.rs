//! Where a backup goes: a file, or a directory in which backups are named by their time and only the newest are kept.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::error::BackupError;
use super::partial_file::{self, delete_abandoned};
use crate::domain::Timestamp;
use crate::storage::directory::sync_directory;

#[derive(Clone, Debug)]
pub struct Destination {
    /// A file, or a directory that exists.
    pub path: PathBuf,
    /// How many backups stay in the directory, the new one included.
    pub keep: Option<NonZeroUsize>,
    /// Whether the file may exist.
    pub replace: bool,
}

const EXTENSION: &str = ".tar";

/// `20261128T003000123Z`: the order of names is that of times.
const TIME_LENGTH: usize = 19;

/// The backups of one database in a directory.
#[derive(Debug)]
pub(super) struct Family {
    directory: PathBuf,
    /// Of their names, up to the time.
    prefix: String,
    /// `None`: all.
    keep: Option<NonZeroUsize>,
}

impl Destination {
    /// The file to be written. In a directory, what killed processes have left there is deleted.
    ///
    /// # Errors
    /// It exists, or is no place for a file.
    pub(super) fn choose(
        &self,
        database_name: &str,
        time: Timestamp,
    ) -> Result<(PathBuf, Family), BackupError> {
        let Self { path, keep, replace } = self;
        if !path.is_dir() {
            if keep.is_some() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                return Err(BackupError::NotADirectory { path: path.clone() });
            }
            if !replace && path.symlink_metadata().is_ok() {
                return Err(BackupError::Exists { path: path.clone() });
            }
            let family = Family { directory: PathBuf::new(), prefix: String::new(), keep: None };
            return Ok((path.clone(), family));
        }
        let family = Family { directory: path.clone(), prefix: prefix(database_name), keep: *keep };
        let time: String = time.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let file = path.join(format!("{}{time}{EXTENSION}", family.prefix));
        if file.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { path: file });
        }
        for name in family.names()? {
            let suffix = name.get(family.prefix.len() + TIME_LENGTH..).unwrap_or_default();
            if suffix.starts_with(EXTENSION) && suffix.ends_with(partial_file::SUFFIX) {
                delete_abandoned(&path.join(name));
            }
        }
        Ok((file, family))
    }
}

/// `DATABASE-`, without characters that would have to be quoted in a shell.
fn prefix(database_name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let name = database_name.chars().map(|character| if is_plain(character) { character } else { '_' });
    name.chain(['-']).collect()
}

impl Family {
    /// What is in the directory under names with the prefix and a time.
    fn names(&self) -> Result<Vec<String>, BackupError> {
        let fail = BackupError::file("read", &self.directory);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(&fail)? {
            let name = entry.map_err(&fail)?.file_name();
            let Some(name) = name.to_str() else { continue };
            let time = name.strip_prefix(&self.prefix).and_then(|rest| rest.get(..TIME_LENGTH));
            if time.is_some_and(is_time) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Deletes the oldest backups, but for as many as are kept; never the `newest`. Returns what was deleted.
    pub(super) fn delete_old(&self, newest: &Path) -> Result<Vec<PathBuf>, BackupError> {
        let Some(keep) = self.keep else { return Ok(Vec::new()) };
        let mut names = self.names()?;
        names.retain(|name| name.len() == self.prefix.len() + TIME_LENGTH + EXTENSION.len());
        names.retain(|name| name.ends_with(EXTENSION) && self.directory.join(name) != newest);
        names.sort();
        let mut deleted = Vec::new();
        for name in &names[..names.len().saturating_sub(keep.get() - 1)] {
            let path = self.directory.join(name);
            fs::remove_file(&path).map_err(BackupError::file("delete", &path))?;
            deleted.push(path);
        }
        if !deleted.is_empty() {
            sync_directory(newest).map_err(BackupError::file("write", &self.directory))?;
        }
        Ok(deleted)
    }
}

fn is_time(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'T',
        18 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    })
}
