//! The reader: which format a file has, and its records.

use std::io::Read;
use std::sync::Arc;

use super::error::{FileError, Note};
use super::record::{Columns, Record, Records, Tally};
use super::source::{Encoding, Source};
use super::{csv, jscontact, ndjson, vcard};
use crate::domain::file_format::FormulaGuard;
use crate::domain::file_format::{Delimiter, FileFormat};

/// What is known about a file beforehand.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// `None`: as its content says.
    pub format: Option<FileFormat>,
    /// `None`: as its header says.
    pub delimiter: Option<Delimiter>,
    pub formula_guard: FormulaGuard,
    /// Of the decompressed file.
    pub max_bytes: u64,
}

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    pub format: FileFormat,
    pub is_gzip: bool,
    pub encoding: Encoding,
    /// Of CSV.
    pub delimiter: Option<Delimiter>,
    /// Whether the guard against formulas is taken off.
    pub removes_formula_guard: bool,
}

/// The records of a file, in their order. After a [`FileError`] there are no more.
pub struct Reader {
    records: Box<dyn Records + Send>,
    columns: Columns,
    tally: Tally,
    detected: Detected,
    is_finished: bool,
}

impl Reader {
    /// Reads the beginning of a file: as much as it takes to know what it is, and the header of CSV.
    ///
    /// # Errors
    /// The file cannot be read at all.
    pub fn open(file: impl Read + Send + 'static, options: &ReadOptions) -> Result<Self, FileError> {
        let ReadOptions { format, delimiter, formula_guard, max_bytes } = *options;
        let source = Source::open(Box::new(file), max_bytes)?;
        let format = format.unwrap_or_else(|| source.guess_format());
        let removes_formula_guard = format == FileFormat::Csv
            && match formula_guard {
                FormulaGuard::Auto => source.has_bom,
                FormulaGuard::Remove => true,
                FormulaGuard::Keep => false,
            };
        let delimiter =
            (format == FileFormat::Csv).then(|| delimiter.unwrap_or_else(|| source.guess_delimiter()));
        let detected = Detected {
            format,
            is_gzip: source.is_gzip,
            encoding: source.encoding,
            delimiter,
            removes_formula_guard,
        };
        let mut columns = Columns::default();
        let records: Box<dyn Records + Send> = match format {
            FileFormat::Csv => {
                let delimiter = delimiter.unwrap_or(Delimiter::Comma);
                Box::new(csv::CsvRecords::open(source, delimiter, removes_formula_guard, &mut columns)?)
            }
            FileFormat::VCard => Box::new(vcard::Cards::new(source)),
            FileFormat::NdJson => Box::new(ndjson::Lines::new(source)),
            FileFormat::JsContact => Box::new(jscontact::Cards::new(source)),
        };
        Ok(Self { records, columns, tally: Tally::default(), detected, is_finished: false })
    }

    /// The names of the columns so far. Those of CSV are complete from the start; in other formats, records add theirs.
    #[must_use]
    pub fn columns(&self) -> &[Arc<str>] {
        self.columns.names()
    }

    #[must_use]
    pub fn detected(&self) -> Detected {
        self.detected
    }

    /// What should be known about the records so far.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.tally.notes(self.detected.encoding)
    }
}

impl Iterator for Reader {
    type Item = Result<Record, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_finished {
            return None;
        }
        let next = self.records.next(&mut self.columns, &mut self.tally).transpose();
        self.is_finished = !matches!(next, Some(Ok(_)));
        next
    }
}
