//! Responses of `/v1/imports`.

use super::request::{ImportColumn, position};
use crate::domain;
use crate::domain::contact::ContactField;
use crate::domain::import::{
    self, FileReport, ImportFile, ImportId, ImportOptions, PlannedRow, Progress, RowError,
};
use crate::domain::{ContactId, Timestamp};
use crate::http::openapi::fields;
use crate::http::prelude::*;
use crate::http::v1::pagination::Listed;

/// An import: how a file is imported, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactImport {
    id: ImportId,
    #[schema(schema_with = fields::import::state)]
    state: &'static str,
    /// The path to which the file is sent.
    #[schema(example = "/v1/imports/019a6f5b-0f80-7a79-9ef8-7dc174836688/file")]
    file_path: String,
    #[schema(schema_with = fields::import::mode)]
    mode: &'static str,
    #[schema(schema_with = fields::import::match_by)]
    match_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::import::format, required = false)]
    format: Option<&'static str>,
    /// The columns that are used: those of the request, or those that were recognised.
    columns: Vec<ImportColumn>,
    /// The columns of the file that are not used.
    ignored_columns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::import::default_region, required = false)]
    default_region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::import::delimiter, required = false)]
    delimiter: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::import::clear_token, required = false)]
    clear_token: Option<String>,
    #[schema(schema_with = fields::import::formula_guard)]
    formula_guard: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::import::group, required = false)]
    group: Option<String>,
    #[schema(schema_with = fields::import::commit)]
    commit: &'static str,
    /// The size of the file in bytes, as it was sent; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, format = Int64, example = 4096)]
    file_bytes: Option<u64>,
    progress: ImportProgress,
    counts: ImportCounts,
    /// What is worth knowing about the file as a whole.
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::import::digest, required = false)]
    digest: Option<String>,
    /// Why the file cannot be imported; absent unless the state is `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "The file is empty")]
    failure: Option<String>,
    /// The time at which the import was created, in UTC with millisecond precision.
    created_at: Timestamp,
    /// The time of the last progress, in UTC with millisecond precision.
    updated_at: Timestamp,
    /// The time at which the import and its rows are deleted, in UTC with millisecond precision. Until then, it can be
    /// undone.
    expires_at: Timestamp,
}

/// How far the current step is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportProgress {
    /// Bytes of the file while it is planned, else rows.
    #[schema(example = 4096)]
    done: u64,
    /// The value of `done` at the end of the step.
    #[schema(example = 4096)]
    total: u64,
}

/// Numbers of rows.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportCounts {
    /// All rows. Each has one outcome: `create`, `update`, `unchanged`, `skip` or `reject`.
    #[schema(example = 3)]
    rows: u64,
    /// Rows that create a contact.
    #[schema(example = 1)]
    create: u64,
    /// Rows that change a contact.
    #[schema(example = 1)]
    update: u64,
    /// Rows whose contact has these values already.
    #[schema(example = 0)]
    unchanged: u64,
    /// Rows that the mode leaves out.
    #[schema(example = 0)]
    skip: u64,
    /// Rows that are invalid.
    #[schema(example = 1)]
    reject: u64,
    /// Rows that are carried out although there is something to look at.
    #[schema(example = 0)]
    warnings: u64,
    /// Rows whose number has opted out. An import never takes back an opt-out.
    #[schema(example = 0)]
    opted_out: u64,
    /// Rows that were carried out.
    #[schema(example = 0)]
    applied: u64,
    /// Rows that were not carried out, because their contact has changed since the plan was made.
    #[schema(example = 0)]
    changed_since: u64,
    /// Rows that were taken back.
    #[schema(example = 0)]
    undone: u64,
    /// Rows that were not taken back, because their contact has changed since the commit.
    #[schema(example = 0)]
    kept: u64,
    /// Rows that were not carried out, because the account had reached its limit of contacts.
    #[schema(example = 0)]
    over_quota: u64,
}

impl From<import::ImportCounts> for ImportCounts {
    fn from(counts: import::ImportCounts) -> Self {
        let import::ImportCounts {
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
        } = counts;
        Self {
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
        }
    }
}

impl ContactImport {
    pub(super) fn new(import: import::Import, prefix: &str) -> Self {
        let import::Import {
            id,
            state,
            options,
            file,
            report,
            counts,
            progress: Progress { done, total },
            digest,
            failure,
            created_at,
            updated_at,
            expires_at,
        } = import;
        let ImportOptions {
            mode,
            match_by,
            format,
            columns: requested,
            default_region,
            delimiter,
            clear_token,
            formula_guard,
            group,
            guess_groups: _,
            commit,
        } = options;
        let FileReport { format: found_format, columns, mappings, notes } = report;
        let is_used = |column: &String| mappings.iter().any(|mapping| mapping.column == *column);
        let ignored = columns.iter().filter(|column| !is_used(column)).cloned().collect();
        let used = if mappings.is_empty() { &requested } else { &mappings };
        Self {
            id,
            state: state.as_str(),
            file_path: format!("{prefix}/{id}/file"),
            mode: mode.as_str(),
            match_by: match_by.as_str(),
            format: found_format.or(format).map(domain::file_format::FileFormat::as_str),
            columns: used.iter().map(ImportColumn::from).collect(),
            ignored_columns: ignored,
            default_region: default_region.map(|region| region.as_str().to_owned()),
            delimiter: delimiter.map(domain::file_format::Delimiter::as_str),
            clear_token: clear_token.map(|token| token.as_str().to_owned()),
            formula_guard: formula_guard.as_str(),
            group: group.map(domain::group::GroupName::into_string),
            commit: commit.as_str(),
            file_bytes: file.map(|ImportFile { bytes, format: _ }| bytes),
            progress: ImportProgress { done, total },
            counts: counts.into(),
            notes,
            digest: digest.map(|digest| digest.to_string()),
            failure,
            created_at,
            updated_at,
            expires_at,
        }
    }
}

impl Listed for ContactImport {
    const PAGE: &'static str = "ImportList";
    const PLURAL: &'static str = "imports";
}

/// A row of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportRow {
    #[schema(schema_with = position)]
    position: u64,
    /// The line of the file on which the row begins; of a format without lines, its ordinal.
    #[schema(example = 2)]
    number: u64,
    #[schema(schema_with = fields::import::outcome)]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::import::status, required = false)]
    status: Option<&'static str>,
    /// The contact; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::id, required = false)]
    id: Option<ContactId>,
    /// The username that the row sets; absent if it sets none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_handle, required = false)]
    username: Option<String>,
    /// The changes, for people.
    changes: Vec<String>,
    /// The groups that the contact joins.
    groups: Vec<String>,
    /// What is worth a look: `opted_out` (the number has opted out, and stays so), `shared_phone_number` (another contact
    /// has the same number).
    warnings: Vec<&'static str>,
    /// Why the row is rejected, skipped or left alone, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "required")]
    code: Option<String>,
    /// The column with the value that is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "City")]
    column: Option<String>,
    /// Why the row is rejected, skipped or left alone, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "phone_number is required")]
    message: Option<String>,
}

impl ImportRow {
    /// `columns` are those of the file.
    pub(super) fn new(position: u64, row: PlannedRow, columns: &[String]) -> Self {
        let PlannedRow {
            number,
            outcome,
            status,
            contact,
            version: _, // for the commit
            changes,
            groups,
            joined: _, // for the undo
            warnings,
            reason,
            cells: _, // in the file of rejected rows
        } = row;
        let is_handle = |change: &&import::FieldChange| change.field == ContactField::Handle;
        let handle = changes.iter().find(is_handle).and_then(|change| change.after.as_ref()?.as_str());
        let (code, column, message) = match reason {
            None => (None, None, None),
            Some(RowError { code, column, message }) => (Some(code), column, Some(message)),
        };
        Self {
            position,
            number,
            outcome: outcome.as_str(),
            status: status.map(import::RowStatus::as_str),
            id: contact,
            username: handle.map(str::to_owned),
            changes: changes.iter().map(ToString::to_string).collect(),
            groups: groups.into_iter().map(domain::group::GroupName::into_string).collect(),
            warnings: warnings.into_iter().map(import::RowWarning::as_str).collect(),
            code,
            column: column.and_then(|column| columns.get(column).cloned()),
            message,
        }
    }
}

impl Listed for ImportRow {
    const PAGE: &'static str = "ImportRowPage";
    const PLURAL: &'static str = "rows";
    const ORDER: &'static str = "in the order of the file";
}
