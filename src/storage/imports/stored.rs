//! Imports as they are stored: the mapping between rows of the tables and values of the domain.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::contact::ContactId;
use crate::domain::contact::batch::MatchBy;
use crate::domain::file_format::{Delimiter, FileFormat, FormulaGuard};
use crate::domain::group::{GroupId, GroupName};
use crate::domain::import::{
    ClearToken, ColumnMapping, CommitMode, FieldChange, Import, ImportId, ImportMode, ImportOptions,
    ImportState, PlanDigest, PlannedRow, Progress, Region, RowError, RowOutcome, RowStatus, RowWarning,
};
use crate::domain::{Error, ErrorCode, RequestContext, Result, Timestamp};
use crate::storage::entity::import::Model;

pub(super) use crate::storage::db::json_sql::{from_json, to_json};

#[derive(Serialize, Deserialize)]
struct StoredOptions {
    mode: ImportMode,
    match_by: MatchBy,
    format: Option<FileFormat>,
    columns: Vec<ColumnMapping>,
    default_region: Option<String>,
    delimiter: Option<Delimiter>,
    clear_token: Option<String>,
    formula_guard: FormulaGuard,
    group: Option<String>,
    guess_groups: bool,
    commit: CommitMode,
}

#[derive(Serialize, Deserialize)]
struct StoredRow {
    #[serde(rename = "n")]
    number: u64,
    #[serde(rename = "o")]
    outcome: RowOutcome,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    status: Option<RowStatus>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    contact: Option<Uuid>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<StoredChange>,
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(rename = "j", default, skip_serializing_if = "Vec::is_empty")]
    joined: Vec<Uuid>,
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<RowWarning>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    reason: Option<StoredReason>,
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    cells: Vec<(usize, String)>,
}

/// Field, value before, value after; no value and null are told apart.
#[derive(Serialize, Deserialize)]
struct StoredChange(String, Optional, Optional);

/// A value as an array that is empty if there is none.
type Optional = Vec<Value>;

#[derive(Serialize, Deserialize)]
struct StoredReason {
    code: String,
    column: Option<usize>,
    message: String,
}

fn unreadable() -> Error {
    Error::caused_by(ErrorCode::Internal, "a stored import cannot be read")
}

pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn write_options(options: &ImportOptions) -> Result<String> {
    let ImportOptions {
        mode,
        match_by,
        format,
        columns,
        default_region,
        delimiter,
        clear_token,
        formula_guard,
        group,
        guess_groups,
        commit,
    } = options;
    to_json(&StoredOptions {
        mode: *mode,
        match_by: *match_by,
        format: *format,
        columns: columns.clone(),
        default_region: default_region.map(|region| region.as_str().to_owned()),
        delimiter: *delimiter,
        clear_token: clear_token.as_ref().map(|token| token.as_str().to_owned()),
        formula_guard: *formula_guard,
        group: group.as_ref().map(|group| group.as_str().to_owned()),
        guess_groups: *guess_groups,
        commit: *commit,
    })
}

fn read_options(json: &str) -> Result<ImportOptions> {
    let StoredOptions {
        mode,
        match_by,
        format,
        columns,
        default_region,
        delimiter,
        clear_token,
        formula_guard,
        group,
        guess_groups,
        commit,
    } = from_json(json)?;
    let region = default_region.map(|region| Region::parse(&region)).transpose();
    let token = clear_token.map(|token| ClearToken::parse(&token)).transpose();
    Ok(ImportOptions {
        mode,
        match_by,
        format,
        columns,
        default_region: region.map_err(|_| unreadable())?,
        delimiter,
        clear_token: token.map_err(|_| unreadable())?,
        formula_guard,
        group: group.map(GroupName::from_stored),
        guess_groups,
        commit,
    })
}

/// The row of a new import.
pub(super) fn new_row(context: &RequestContext, import: &Import) -> Result<Model> {
    let Import {
        id,
        state,
        options,
        file: _,
        report,
        counts,
        progress: _,
        digest: _,
        failure: _,
        created_at,
        updated_at,
        expires_at,
    } = import;
    Ok(Model {
        account_id: context.account().get(),
        id: id.as_uuid(),
        state: state.as_str().to_owned(),
        options: write_options(options)?,
        file: None,
        report: to_json(report)?,
        counts: to_json(counts)?,
        done: 0,
        total: 0,
        digest: None,
        failure: None,
        key_id: context.key().as_str().to_owned(),
        request_id: context.request_id().to_owned(),
        upload: None,
        uploading: None,
        owner: None,
        lease: None,
        leased_until: None,
        stored_bytes: 0,
        created_at: created_at.millis(),
        updated_at: updated_at.millis(),
        expires_at: expires_at.millis(),
    })
}

pub(super) fn read(row: &Model) -> Result<Import> {
    let Model {
        account_id: _,
        id,
        state,
        options,
        file,
        report,
        counts,
        done,
        total,
        digest,
        failure,
        key_id: _,
        request_id: _,
        upload: _,
        uploading: _,
        owner: _,
        lease: _,
        leased_until: _,
        stored_bytes: _,
        created_at,
        updated_at,
        expires_at,
    } = row;
    let digest = digest.as_deref().map(<[u8; 32]>::try_from).transpose().map_err(|_| unreadable())?;
    Ok(Import {
        id: ImportId::from_uuid(*id),
        state: ImportState::parse(state).ok_or_else(unreadable)?,
        options: read_options(options)?,
        file: file.as_deref().map(from_json).transpose()?,
        report: from_json(report)?,
        counts: from_json(counts)?,
        progress: Progress { done: to_u64(*done), total: to_u64(*total) },
        digest: digest.map(PlanDigest::new),
        failure: failure.clone(),
        created_at: Timestamp::from_millis(*created_at),
        updated_at: Timestamp::from_millis(*updated_at),
        expires_at: Timestamp::from_millis(*expires_at),
    })
}

/// The rows of a page as JSON.
pub(super) fn write_rows(rows: &[PlannedRow]) -> Result<Vec<u8>> {
    let rows: Vec<StoredRow> = rows.iter().map(StoredRow::from).collect();
    serde_json::to_vec(&rows).map_err(|error| Error::caused_by(ErrorCode::Internal, error))
}

pub(super) fn compress(json: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let compressed = encoder.write_all(json).and_then(|()| encoder.finish());
    compressed.map_err(|error| Error::caused_by(ErrorCode::Internal, error))
}

pub(super) fn read_rows(compressed: &[u8]) -> Result<Vec<PlannedRow>> {
    let mut json = Vec::new();
    ZlibDecoder::new(compressed).read_to_end(&mut json).map_err(|_| unreadable())?;
    let rows: Vec<StoredRow> = serde_json::from_slice(&json).map_err(|_| unreadable())?;
    rows.into_iter().map(PlannedRow::try_from).collect()
}

impl From<&PlannedRow> for StoredRow {
    fn from(row: &PlannedRow) -> Self {
        let PlannedRow {
            number,
            outcome,
            status,
            contact,
            version,
            changes,
            groups,
            joined,
            warnings,
            reason,
            cells,
        } = row;
        let optional = |value: &Option<Value>| value.iter().cloned().collect();
        let change = |FieldChange { field, before, after }: &FieldChange| {
            StoredChange(field.to_string(), optional(before), optional(after))
        };
        let stored_reason = |RowError { code, column, message }: &RowError| StoredReason {
            code: code.clone(),
            column: *column,
            message: message.clone(),
        };
        Self {
            number: *number,
            outcome: *outcome,
            status: *status,
            contact: contact.map(ContactId::as_uuid),
            version: *version,
            changes: changes.iter().map(change).collect(),
            groups: groups.iter().map(|group| group.as_str().to_owned()).collect(),
            joined: joined.iter().map(|group| group.as_uuid()).collect(),
            warnings: warnings.clone(),
            reason: reason.as_ref().map(stored_reason),
            cells: cells.clone(),
        }
    }
}

impl TryFrom<StoredRow> for PlannedRow {
    type Error = Error;

    fn try_from(row: StoredRow) -> Result<Self> {
        let StoredRow {
            number,
            outcome,
            status,
            contact,
            version,
            changes,
            groups,
            joined,
            warnings,
            reason,
            cells,
        } = row;
        let change = |StoredChange(field, mut before, mut after): StoredChange| {
            let field = field.parse().map_err(|_| unreadable())?;
            Ok(FieldChange { field, before: before.pop(), after: after.pop() })
        };
        Ok(Self {
            number,
            outcome,
            status,
            contact: contact.map(ContactId::from_uuid),
            version,
            changes: changes.into_iter().map(change).collect::<Result<_>>()?,
            groups: groups.into_iter().map(GroupName::from_stored).collect(),
            joined: joined.into_iter().map(GroupId::from_uuid).collect(),
            warnings,
            reason: reason.map(|StoredReason { code, column, message }| RowError { code, column, message }),
            cells,
        })
    }
}
