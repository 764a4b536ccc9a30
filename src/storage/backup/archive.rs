//! The file: a tar archive, which any machine can read and verify.
//!
//! | member | content |
//! |---|---|
//! | `manifest.json` | what the backup is of; first, so that the beginning of the file shows it |
//! | `database.sqlite3` or `database.pgdump` | the data: an SQLite database, or an archive of `pg_dump` |
//! | `SHA256SUMS` | the hashes of the two, as `sha256sum --check` reads them; last: a file that was cut lacks it |

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tar::{Entries, Entry, EntryType, Header};

use super::error::BackupError;
use super::manifest::{Kind, Manifest};

const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";

/// Headers are one, and contents are padded to whole ones.
const BLOCK: u64 = 512;

/// Two empty blocks.
const END: [u8; 1024] = [0; 1024];

const BUFFER: usize = 1 << 20;

/// A manifest has a line for each account.
const MAX_MANIFEST: u64 = 256 << 20;
const MAX_SUMS: u64 = 4 << 10;

fn data_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => "database.sqlite3",
        Kind::Postgresql => "database.pgdump",
    }
}

/// Writes an archive. `data` may be a stream of unknown length.
pub(super) fn write(file: &mut File, manifest: &Manifest, data: impl Read) -> io::Result<()> {
    let mut json = serde_json::to_vec_pretty(manifest)?;
    json.push(b'\n');
    let time = manifest.time();
    let manifest_sum = add(file, MANIFEST, time, json.as_slice())?;
    let data_name = data_name(manifest.database);
    let data_sum = add(file, data_name, time, data)?;
    let sums = sums(&[(MANIFEST, &manifest_sum), (data_name, &data_sum)]);
    add(file, SUMS, time, sums.as_bytes())?;
    file.write_all(&END)
}

/// As `sha256sum` writes it.
fn sums(members: &[(&str, &str)]) -> String {
    members.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

/// Adds a member; returns its hash. The header is written last, when the length is known.
fn add(file: &mut File, name: &str, seconds: u64, content: impl Read) -> io::Result<String> {
    let start = file.stream_position()?;
    file.seek(SeekFrom::Start(start + BLOCK))?;
    let mut hashed = Hashed::new(content);
    let length = io::copy(&mut io::BufReader::with_capacity(BUFFER, &mut hashed), file)?;
    let padding = length.next_multiple_of(BLOCK) - length;
    file.write_all(&vec![0; usize::try_from(padding).map_err(io::Error::other)?])?;
    let end = file.stream_position()?;
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(seconds);
    header.set_cksum();
    file.seek(SeekFrom::Start(start))?;
    file.write_all(header.as_bytes())?;
    file.seek(SeekFrom::Start(end))?;
    Ok(hashed.sum())
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hasher: Sha256::new() }
    }

    fn sum(self) -> String {
        HEXLOWER.encode(&self.hasher.finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// A backup to be read.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: File,
    /// Not verified before [`Self::copy_data`].
    manifest: Manifest,
}

impl Archive {
    /// Opens a backup and reads its manifest.
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(BackupError::file("read", path))?;
        let manifest = {
            let no_backup = |reason| BackupError::NotABackup { path: path.to_owned(), reason };
            let mut archive = tar::Archive::new(BufReader::new(&file));
            let json = archive.entries().map_err(|error| error.to_string()).and_then(|mut members| {
                let member = next(&mut members, MANIFEST)?;
                read_all(member, MAX_MANIFEST).map(|(json, _)| json)
            });
            Manifest::parse(&json.map_err(no_backup)?).map_err(no_backup)?
        };
        Ok(Self { path: path.to_owned(), file, manifest })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn into_manifest(self) -> Manifest {
        self.manifest
    }

    pub(super) fn damaged(&self, reason: String) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), reason }
    }

    /// Copies the data, and verifies all hashes. Only if it succeeds, what was copied can be trusted.
    ///
    /// # Errors
    /// The file is damaged, or cannot be read; `failed_to_write` makes the error if `sink` cannot be written to.
    pub(super) fn copy_data(
        &self,
        sink: &mut impl Write,
        failed_to_write: impl Fn(io::Error) -> BackupError,
    ) -> Result<(), BackupError> {
        let damaged = |reason: String| self.damaged(reason);
        let mut file = &self.file;
        file.rewind().map_err(BackupError::file("read", &self.path))?;
        let mut archive = tar::Archive::new(BufReader::with_capacity(BUFFER, file));
        let mut members = archive.entries().map_err(|error| damaged(error.to_string()))?;

        let member = next(&mut members, MANIFEST).map_err(damaged)?;
        let (json, manifest_sum) = read_all(member, MAX_MANIFEST).map_err(damaged)?;
        if Manifest::parse(&json).map_err(damaged)? != self.manifest {
            return Err(damaged("it was changed while it was read".to_owned()));
        }
        let data_name = data_name(self.manifest.database);
        let member = next(&mut members, data_name).map_err(damaged)?;
        let mut hashed = Hashed::new(member);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = hashed.read(&mut buffer).map_err(|error| damaged(error.to_string()))?;
            if read == 0 {
                break;
            }
            sink.write_all(&buffer[..read]).map_err(&failed_to_write)?;
        }
        sink.flush().map_err(&failed_to_write)?;
        let data_sum = hashed.sum();

        let member = next(&mut members, SUMS).map_err(damaged)?;
        let (said, _) = read_all(member, MAX_SUMS).map_err(damaged)?;
        if said != sums(&[(MANIFEST, &manifest_sum), (data_name, &data_sum)]).into_bytes() {
            return Err(damaged("its content is not what its hashes were made of".to_owned()));
        }
        match members.next() {
            None => Ok(()),
            Some(_) => Err(damaged("something follows the hashes".to_owned())),
        }
    }
}

/// The next member, which has to be this one.
///
/// # Errors
/// The reason, as a part of a sentence.
fn next<'m, R: Read>(members: &mut Entries<'m, R>, name: &str) -> Result<Entry<'m, R>, String> {
    match members.next() {
        None => Err(format!("it ends before {name}")),
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(member)) => {
            let is_expected = *member.path_bytes() == *name.as_bytes()
                && member.header().entry_type() == EntryType::Regular;
            if is_expected { Ok(member) } else { Err(format!("{name} is not where it should be")) }
        }
    }
}

/// A small member, and its hash.
fn read_all(member: impl Read, limit: u64) -> Result<(Vec<u8>, String), String> {
    let mut hashed = Hashed::new(member);
    let mut content = Vec::new();
    let read = (&mut hashed).take(limit).read_to_end(&mut content);
    read.map_err(|error| error.to_string())?;
    Ok((content, hashed.sum()))
}
