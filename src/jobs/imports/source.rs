//! Reads the file of an import into batches of parsed rows. Blocking: it runs in a thread of its own.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::domain::contact::batch::MatchBy;
use crate::domain::file_format::FileFormat;
use crate::domain::import::{
    CellValue, ColumnIndex, FileReport, ImportFile, ImportOptions, PAGE_ROWS, ParsedRow, RowError, RowParser,
    SourceRow, Target,
};
use crate::formats::read::{self, Cell, FileError, ReadOptions, Reader, Record};

/// A row of the file, and its values or why they are rejected.
pub(super) struct BatchRow {
    pub(super) source: SourceRow,
    pub(super) parsed: Result<ParsedRow, RowError>,
}

/// Rows in the order of the file.
pub(super) struct Batch {
    pub(super) rows: Vec<BatchRow>,
    /// As far as they are known after these rows.
    pub(super) columns: Arc<ColumnIndex>,
    /// Of the file, as far as it has been read.
    pub(super) bytes: u64,
}

/// Why a file cannot be imported, and what is known about it.
pub(super) struct FileFailure {
    pub(super) report: FileReport,
    /// A sentence.
    pub(super) reason: String,
}

/// A file that arrives in pieces.
pub(super) struct Chunks {
    received: mpsc::Receiver<Vec<u8>>,
    chunk: io::Cursor<Vec<u8>>,
    bytes: Arc<AtomicU64>,
}

impl Chunks {
    pub(super) fn new(received: mpsc::Receiver<Vec<u8>>) -> Self {
        Self { received, chunk: io::Cursor::default(), bytes: Arc::default() }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.chunk.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                self.bytes.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
                return Ok(length);
            }
            match self.received.blocking_recv() {
                Some(chunk) => self.chunk = io::Cursor::new(chunk),
                None => return Ok(0),
            }
        }
    }
}

/// Reads the whole file, until nothing takes its batches any more.
pub(super) fn read(
    chunks: Chunks,
    options: &ImportOptions,
    file: Option<&ImportFile>,
    max_bytes: u64,
    batches: &mpsc::Sender<Batch>,
) -> Result<FileReport, FileFailure> {
    let bytes = Arc::clone(&chunks.bytes);
    let read_options = ReadOptions {
        format: options.format.or_else(|| file.and_then(|file| file.format)),
        delimiter: options.delimiter,
        formula_guard: options.formula_guard,
        max_bytes,
    };
    let mut reader = Reader::open(chunks, &read_options).map_err(|error| FileFailure {
        report: FileReport { format: read_options.format, ..FileReport::default() },
        reason: error.to_string(),
    })?;
    let mut columns = ColumnIndex::new(options);
    columns.extend(reader.columns());
    if reader.detected().format == FileFormat::Csv
        && let Err(reason) = require_columns(&columns, options.match_by)
    {
        return Err(FileFailure { report: report(&reader, &columns, false), reason });
    }
    let parser =
        RowParser { default_region: options.default_region, clear_token: options.clear_token.clone() };
    let mut columns = Arc::new(columns);
    loop {
        let mut rows = Vec::with_capacity(PAGE_ROWS);
        for record in reader.by_ref().take(PAGE_ROWS) {
            let record = record.map_err(|error: FileError| error.to_string());
            match record {
                Ok(record) => rows.push(record),
                Err(reason) => {
                    return Err(FileFailure { report: report(&reader, &columns, false), reason });
                }
            }
        }
        if rows.is_empty() {
            return Ok(report(&reader, &columns, true));
        }
        if columns.is_behind(reader.columns()) {
            Arc::make_mut(&mut columns).extend(reader.columns());
        }
        let rows = rows.into_iter().map(|record| {
            let source = source_row(record);
            let parsed = parser.parse(&source, &columns);
            BatchRow { source, parsed }
        });
        let batch = Batch {
            rows: rows.collect(),
            columns: Arc::clone(&columns),
            bytes: bytes.load(Ordering::Relaxed),
        };
        if batches.blocking_send(batch).is_err() {
            return Ok(report(&reader, &columns, true));
        }
    }
}

/// A file whose rows could not be matched is not read in vain.
fn require_columns(columns: &ColumnIndex, match_by: MatchBy) -> Result<(), String> {
    if let [first, ..] = columns.missing()[..] {
        return Err(format!("The file has no column {first:?}"));
    }
    let target = match match_by {
        MatchBy::Handle => Target::Handle,
        MatchBy::Id => Target::Id,
        MatchBy::Phone => Target::Phone,
    };
    if columns.mappings().iter().any(|mapping| mapping.to == target) {
        return Ok(());
    }
    Err(format!("No column of the file was recognised as {target}; name it in `columns`"))
}

fn report(reader: &Reader, columns: &ColumnIndex, is_complete: bool) -> FileReport {
    let mut notes: Vec<String> = reader.notes().iter().map(read::Note::to_string).collect();
    if is_complete {
        let missing = columns.missing();
        notes.extend(missing.into_iter().map(|column| format!("No row has a value for {column:?}")));
    }
    FileReport {
        format: Some(reader.detected().format),
        columns: reader.columns().iter().map(|name| name.as_ref().to_owned()).collect(),
        mappings: columns.mappings().to_vec(),
        notes,
    }
}

fn source_row(record: Record) -> SourceRow {
    let Record { number, cells, rejected } = record;
    let cells = cells.into_iter().map(|Cell { column, value }| {
        let value = match value {
            read::CellValue::Text(text) => CellValue::Text(text),
            read::CellValue::Json(value) => CellValue::Json(value),
        };
        (column, value)
    });
    let unreadable = rejected.map(|rejected| RowError::new(rejected.code(), None, rejected.to_string()));
    SourceRow { number, cells: cells.collect(), unreadable }
}
