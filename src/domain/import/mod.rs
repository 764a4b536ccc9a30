//! Imports: files of contacts. A file is planned, the plan is shown and committed, and what was committed can be undone.

mod columns;
mod mapping;
mod model;
mod options;
mod plan;
mod repository;
mod row;
mod service;

pub use columns::ColumnIndex;
pub use mapping::{ColumnMapping, Rule, Target};
pub use model::{
    FileReport, Import, ImportCounts, ImportFile, ImportId, ImportState, PlanDigest, Progress, RowFilter,
    required_permissions,
};
pub use options::{ClearToken, CommitMode, ImportMode, ImportOptions, Region};
pub use plan::{
    FieldChange, Matched, PlannedRow, Planner, RowOutcome, RowStatus, RowWarning, Stored, match_key,
};
pub use repository::{CHUNK_BYTES, ImportJob, ImportQueue, ImportRepository, PAGE_ROWS, RowPage, Upload};
pub use row::{CellValue, Imported, ParsedRow, RowError, RowParser, SourceRow};
pub use service::{ImportService, ImportSettings, UploadInProgress};
