//! The import: a file of contacts on its way into the account.
//!
//! `awaiting_file` → `planning` → `planned` → `committing` → `committed` → `undoing` → `undone`. An import whose file cannot be
//! read is `failed`, one that is deleted while it is carried out is `cancelled`.

use std::fmt;

use super::mapping::{ColumnMapping, Target};
use super::options::{ImportMode, ImportOptions};
use super::plan::{PlannedRow, RowOutcome, RowStatus, RowWarning};
use crate::domain::error::{Error, ErrorCode};
use crate::domain::file_format::FileFormat;
use crate::domain::id::id_type;
use crate::domain::idempotency::Resource;
use crate::domain::permission::Permission;
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::Violation;
use crate::domain::wire_names::wire_names;

id_type! {
    ImportId
}

wire_names! {
    ImportState {
        AwaitingFile => "awaiting_file", "its file has not been sent yet";
        Planning => "planning", "the file is being read";
        Planned => "planned", "the plan is complete and waits to be committed";
        Committing => "committing", "the plan is being carried out";
        Committed => "committed", "the plan was carried out";
        Undoing => "undoing", "it is being taken back";
        Undone => "undone", "it was taken back";
        Failed => "failed", "the file cannot be read";
        Cancelled => "cancelled", "it was deleted while it was being carried out or taken back";
    }
}

impl ImportState {
    /// Whether a worker has something to do.
    #[must_use]
    pub fn is_in_progress(self) -> bool {
        matches!(self, Self::Planning | Self::Committing | Self::Undoing)
    }

    /// Whether a file is accepted; a further one replaces the first.
    #[must_use]
    pub fn accepts_file(self) -> bool {
        matches!(self, Self::AwaitingFile | Self::Planned | Self::Failed)
    }

    /// The state after a deletion. `None`: there is no import any more.
    #[must_use]
    pub fn after_deletion(self) -> Option<Self> {
        // What has been done by half is to be seen.
        matches!(self, Self::Committing | Self::Undoing).then_some(Self::Cancelled)
    }
}

/// Identifies a plan, so that nothing is committed but what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanDigest([u8; 32]);

impl PlanDigest {
    pub const CHARS: usize = 64;

    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn parse(text: &str) -> Result<Self, Violation> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(Violation::NotDigest)
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// The file as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportFile {
    pub bytes: u64,
    /// By its media type, if that says so.
    pub format: Option<FileFormat>,
}

/// What was found out about the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileReport {
    pub format: Option<FileFormat>,
    /// All columns, in the order of the file.
    pub columns: Vec<String>,
    /// Those that are used.
    pub mappings: Vec<ColumnMapping>,
    /// What is worth knowing about the file as a whole: one sentence each.
    pub notes: Vec<String>,
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportCounts {
    pub rows: u64,
    pub create: u64,
    pub update: u64,
    pub unchanged: u64,
    pub skip: u64,
    pub reject: u64,
    /// Rows that are carried out although there is something to look at.
    pub warnings: u64,
    /// Rows whose number has opted out.
    pub opted_out: u64,
    pub applied: u64,
    pub changed_since: u64,
    pub undone: u64,
    pub kept: u64,
    /// Absent from what earlier versions have stored.
    #[serde(default)]
    pub over_quota: u64,
}

impl ImportCounts {
    #[must_use]
    pub fn of(rows: &[PlannedRow]) -> Self {
        let mut counts = Self::default();
        for row in rows {
            counts.rows += 1;
            *match row.outcome {
                RowOutcome::Create => &mut counts.create,
                RowOutcome::Update => &mut counts.update,
                RowOutcome::Unchanged => &mut counts.unchanged,
                RowOutcome::Skip => &mut counts.skip,
                RowOutcome::Reject => &mut counts.reject,
            } += 1;
            match row.status {
                None => {}
                Some(RowStatus::Applied) => counts.applied += 1,
                Some(RowStatus::ChangedSince) => counts.changed_since += 1,
                Some(RowStatus::Undone) => counts.undone += 1,
                Some(RowStatus::Kept) => counts.kept += 1,
                Some(RowStatus::OverQuota) => counts.over_quota += 1,
            }
            counts.warnings += u64::from(!row.warnings.is_empty());
            counts.opted_out += u64::from(row.warnings.contains(&RowWarning::OptedOut));
        }
        counts
    }

    /// How many rows a filter selects.
    #[must_use]
    pub fn selected(&self, filter: RowFilter) -> u64 {
        match filter {
            RowFilter::All => self.rows,
            RowFilter::Outcome(RowOutcome::Create) => self.create,
            RowFilter::Outcome(RowOutcome::Update) => self.update,
            RowFilter::Outcome(RowOutcome::Unchanged) => self.unchanged,
            RowFilter::Outcome(RowOutcome::Skip) => self.skip,
            RowFilter::Outcome(RowOutcome::Reject) => self.reject,
            RowFilter::Status(RowStatus::Applied) => self.applied,
            RowFilter::Status(RowStatus::ChangedSince) => self.changed_since,
            RowFilter::Status(RowStatus::Undone) => self.undone,
            RowFilter::Status(RowStatus::Kept) => self.kept,
            RowFilter::Status(RowStatus::OverQuota) => self.over_quota,
        }
    }

    /// The sum, after some rows that counted as `before` have come to count as `after`.
    #[must_use]
    pub fn replace(self, before: &Self, after: &Self) -> Self {
        let with = |sum: u64, before: u64, after: u64| (sum + after).saturating_sub(before);
        let Self {
            rows,
            create,
            update,
            unchanged,
            skip,
            reject,
            warnings,
            opted_out,
            applied,
            changed_since,
            undone,
            kept,
            over_quota,
        } = self;
        Self {
            rows: with(rows, before.rows, after.rows),
            create: with(create, before.create, after.create),
            update: with(update, before.update, after.update),
            unchanged: with(unchanged, before.unchanged, after.unchanged),
            skip: with(skip, before.skip, after.skip),
            reject: with(reject, before.reject, after.reject),
            warnings: with(warnings, before.warnings, after.warnings),
            opted_out: with(opted_out, before.opted_out, after.opted_out),
            applied: with(applied, before.applied, after.applied),
            changed_since: with(changed_since, before.changed_since, after.changed_since),
            undone: with(undone, before.undone, after.undone),
            kept: with(kept, before.kept, after.kept),
            over_quota: with(over_quota, before.over_quota, after.over_quota),
        }
    }
}

/// Which rows of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFilter {
    All,
    Outcome(RowOutcome),
    Status(RowStatus),
}

impl RowFilter {
    #[must_use]
    pub fn selects(self, row: &PlannedRow) -> bool {
        match self {
            Self::All => true,
            Self::Outcome(outcome) => row.outcome == outcome,
            Self::Status(status) => row.status == Some(status),
        }
    }
}

/// How far the current step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file while it is read, else rows.
    pub done: u64,
    pub total: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub id: ImportId,
    pub state: ImportState,
    pub options: ImportOptions,
    pub file: Option<ImportFile>,
    pub report: FileReport,
    pub counts: ImportCounts,
    pub progress: Progress,
    /// Of a complete plan.
    pub digest: Option<PlanDigest>,
    /// Why it failed: a sentence.
    pub failure: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When it is deleted; until then it can be undone.
    pub expires_at: Timestamp,
}

impl Import {
    /// The permissions that carrying it out takes.
    #[must_use]
    pub fn required_permissions(&self) -> Vec<Permission> {
        required_permissions(&self.options, &self.report.mappings)
    }

    /// The permissions that taking it back takes.
    #[must_use]
    pub fn undo_permissions(&self) -> Vec<Permission> {
        let mut permissions = self.required_permissions();
        permissions.retain(|permission| {
            !matches!(permission, Permission::CreateContacts | Permission::CreateGroups)
        });
        if self.options.mode != ImportMode::Update {
            permissions.push(Permission::DeleteContacts);
        }
        permissions
    }

    /// # Errors
    /// [`ErrorCode::ImportState`].
    pub fn wrong_state(&self, wanted: &str) -> Error {
        let message = format!("The import is {}; {wanted}", self.state.as_str());
        Error::with_message(ErrorCode::ImportState, message)
    }
}

/// The permissions that an import with these options takes when it is committed.
#[must_use]
pub fn required_permissions(options: &ImportOptions, mappings: &[ColumnMapping]) -> Vec<Permission> {
    let mut permissions = match options.mode {
        ImportMode::Upsert => vec![Permission::CreateContacts, Permission::UpdateContacts],
        ImportMode::Create => vec![Permission::CreateContacts],
        ImportMode::Update => vec![Permission::UpdateContacts],
    };
    let is_group = |mapping: &ColumnMapping| mapping.to == Target::Groups;
    if options.group.is_some() || mappings.iter().any(is_group) {
        permissions.extend([Permission::CreateGroups, Permission::UpdateGroups]);
    }
    permissions
}

impl Resource for Import {
    fn first_created(self, stored: &Self) -> Self {
        let Self { id, created_at, expires_at, .. } = stored;
        Self { id: *id, created_at: *created_at, updated_at: *created_at, expires_at: *expires_at, ..self }
    }
}
