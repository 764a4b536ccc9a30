//! The example import: a file with one contact to create, and one number without a country code.

use serde_json::Value;

use super::{CREATED_AT, ID};
use crate::domain::Timestamp;
use crate::domain::contact::ContactField;
use crate::domain::file_format::FileFormat;
use crate::domain::import::{
    ColumnMapping, FieldChange, FileReport, Import, ImportCounts, ImportFile, ImportId, ImportOptions,
    ImportState, PlanDigest, PlannedRow, Planner, Progress, RowError, RowOutcome, Rule, SourceRow, Target,
};
use crate::http::openapi::fields::import::EXAMPLE_DIGEST;

pub const FILE: &str = "alias,tel\nanna,+4479000000021\nben,020 7946 0000\n";

pub const REJECTS: &str = "alias,tel,code,column,message\r\n\
    ben,020 7946 0000,national_phone_number,tel,\"phone_number looks like a national number; write it with + and the country \
    code, such as +447900000001 for 07900 000001\"\r\n";

/// The columns of the file, and what they are recognised as.
fn mappings() -> Vec<ColumnMapping> {
    [("alias", Target::Handle), ("tel", Target::Phone)]
        .map(|(column, to)| ColumnMapping { column: column.to_owned(), to, rule: Rule::Overwrite })
        .to_vec()
}

#[must_use]
pub fn columns() -> Vec<String> {
    mappings().into_iter().map(|mapping| mapping.column).collect()
}

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn created() -> Import {
    let created_at = Timestamp::parse(CREATED_AT).expect("a timestamp");
    Import {
        id: ImportId::parse(ID).expect("an id"),
        state: ImportState::AwaitingFile,
        options: ImportOptions::default(),
        file: None,
        report: FileReport::default(),
        counts: ImportCounts::default(),
        progress: Progress::default(),
        digest: None,
        failure: None,
        created_at,
        updated_at: created_at,
        expires_at: created_at.after(std::time::Duration::from_secs(30 * 24 * 60 * 60)),
    }
}

/// # Panics
/// As [`created`].
#[must_use]
pub fn planned() -> Import {
    let bytes = u64::try_from(FILE.len()).unwrap_or_default();
    Import {
        state: ImportState::Planned,
        file: Some(ImportFile { bytes, format: Some(FileFormat::Csv) }),
        report: FileReport {
            format: Some(FileFormat::Csv),
            columns: columns(),
            mappings: mappings(),
            notes: Vec::new(),
        },
        counts: ImportCounts { rows: 2, create: 1, reject: 1, ..ImportCounts::default() },
        progress: Progress { done: bytes, total: bytes },
        digest: Some(PlanDigest::parse(EXAMPLE_DIGEST).expect("a digest")),
        ..created()
    }
}

/// The first row of the file.
#[must_use]
pub fn row() -> PlannedRow {
    let source = SourceRow { number: 2, cells: Vec::new(), unreadable: None };
    let change = |field, after: &str| FieldChange { field, before: None, after: Some(Value::from(after)) };
    PlannedRow {
        outcome: RowOutcome::Create,
        changes: vec![change(ContactField::Handle, "anna"), change(ContactField::Phone, "+4479000000021")],
        reason: None,
        ..Planner::reject(&source, RowError::new("", None, ""))
    }
}
