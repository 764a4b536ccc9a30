//! CSV (RFC 4180), with whatever separates cells and lines.
//!
//! `csv-core` is the parser of the crate `csv` without its buffers, which grow with the record: a quotation mark without
//! counterpart would read the rest of the file into memory.

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::error::{FileError, Rejected};
use super::limits::{MAX_COLUMNS, MAX_RECORD_BYTES};
use super::record::{Cell, CellValue, Columns, Record, Records, Tally, windows_1252};
use super::source::Source;
use crate::domain::file_format::Delimiter;
use crate::formats::formula;

pub(super) struct CsvRecords {
    source: Source,
    parser: csv_core::Reader,
    delimiter: Delimiter,
    removes_formula_guard: bool,
    /// The cells of the current record, one after the other, unquoted.
    text: Vec<u8>,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    /// For what is read of a record that is not kept.
    discarded: (Vec<u8>, Vec<usize>),
    width: usize,
}

/// A record in the buffers.
struct RawRecord {
    line: u64,
    cells: usize,
    end: RecordEnd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RecordEnd {
    Complete,
    TooLong,
    /// The file ends within quotes.
    UnclosedQuote,
}

const DISCARDED_BYTES: usize = 1024;

impl CsvRecords {
    /// Reads the header.
    pub(super) fn open(
        mut source: Source,
        delimiter: Delimiter,
        removes_formula_guard: bool,
        columns: &mut Columns,
    ) -> Result<Self, FileError> {
        source.skip_declared_delimiter()?;
        let mut records = Self {
            source,
            parser: ReaderBuilder::new().delimiter(delimiter.as_byte()).build(),
            delimiter,
            removes_formula_guard,
            text: vec![0; MAX_RECORD_BYTES],
            // One cell more than allowed tells that there are too many.
            ends: vec![0; MAX_COLUMNS + 1],
            discarded: (vec![0; DISCARDED_BYTES], vec![0; DISCARDED_BYTES]),
            width: 0,
        };
        let header = records.read()?.ok_or(FileError::Empty)?;
        match header.end {
            RecordEnd::Complete => {}
            RecordEnd::TooLong => return Err(FileError::HeaderTooLong),
            RecordEnd::UnclosedQuote => return Err(FileError::HeaderUnclosedQuote),
        }
        if header.cells > MAX_COLUMNS {
            return Err(FileError::TooManyColumns);
        }
        for (index, name) in records.decode(&header, &mut Tally::default()).into_iter().enumerate() {
            let name = match name.trim() {
                "" => format!("column {}", index + 1),
                name => name.to_owned(),
            };
            if columns.index(&name).is_some() {
                return Err(FileError::DuplicateColumn { name });
            }
            columns.index_or_insert(name).ok_or(FileError::HeaderTooLong)?;
        }
        records.width = header.cells;
        Ok(records)
    }

    /// The next record that is not a blank line, into the buffers.
    fn read(&mut self) -> Result<Option<RawRecord>, FileError> {
        self.skip_line_ends()?;
        let line = self.source.line;
        let (mut length, mut cells, mut is_started, mut is_too_long) = (0, 0, false, false);
        loop {
            // At the end of the file, a line end completes the record unless it is within quotes.
            let input = self.source.fill()?;
            let is_end = input.is_empty();
            if is_end && !is_started {
                return Ok(None);
            }
            let input = if is_end { b"\n" } else { input };
            let kept_cells = cells.min(self.ends.len());
            let (text, ends) = if is_too_long || kept_cells == self.ends.len() {
                (&mut self.discarded.0[..], &mut self.discarded.1[..])
            } else {
                (&mut self.text[length..], &mut self.ends[kept_cells..])
            };
            let (result, consumed, written, new_cells) = self.parser.read_record(input, text, ends);
            is_started = true;
            length += written;
            cells += new_cells;
            if !is_end {
                self.source.consume(consumed);
            }
            let end = match result {
                ReadRecordResult::Record if is_too_long => RecordEnd::TooLong,
                ReadRecordResult::Record => RecordEnd::Complete,
                ReadRecordResult::OutputFull => {
                    // Of too many cells, the contents are not kept either.
                    is_too_long |= length >= MAX_RECORD_BYTES;
                    continue;
                }
                ReadRecordResult::OutputEndsFull => continue,
                ReadRecordResult::InputEmpty if !is_end => continue,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {
                    self.parser.reset();
                    RecordEnd::UnclosedQuote
                }
            };
            return Ok(Some(RawRecord { line, cells, end }));
        }
    }

    fn skip_line_ends(&mut self) -> Result<(), FileError> {
        loop {
            let input = self.source.fill()?;
            let length = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if length == 0 {
                return Ok(());
            }
            self.source.consume(length);
        }
    }

    /// What is in surplus cells becomes part of the last one, as if its delimiters were text: nothing of a rejected record is
    /// lost.
    fn join_surplus(&self, texts: &mut Vec<String>) {
        while texts.len() > self.width && texts.last().is_some_and(String::is_empty) {
            texts.pop();
        }
        if texts.len() > self.width {
            let last = texts.split_off(self.width.saturating_sub(1));
            texts.push(last.join(&char::from(self.delimiter.as_byte()).to_string()));
        }
    }

    /// The cells of a record in the buffers. Its encoding is decided for all of them together.
    fn decode(&self, record: &RawRecord, tally: &mut Tally) -> Vec<String> {
        let ends = &self.ends[..record.cells.min(self.ends.len())];
        let ranges = || {
            let starts = [0].into_iter().chain(ends.iter().copied());
            starts.zip(ends.iter().copied()).map(|(start, end)| start..end.min(self.text.len()))
        };
        let text = &self.text[..ends.last().map_or(0, |end| (*end).min(self.text.len()))];
        let utf8 = std::str::from_utf8(text).ok().and_then(|text| {
            ranges().map(|range| text.get(range).map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        utf8.unwrap_or_else(|| {
            tally.windows_1252.add(record.line);
            ranges().map(|range| windows_1252(self.text.get(range).unwrap_or_default())).collect()
        })
    }
}

impl Records for CsvRecords {
    fn next(&mut self, _: &mut Columns, tally: &mut Tally) -> Result<Option<Record>, FileError> {
        while let Some(raw) = self.read()? {
            let line = raw.line;
            match raw.end {
                RecordEnd::Complete => {}
                RecordEnd::TooLong => return Ok(Some(Record::rejected(line, Rejected::TooLong))),
                RecordEnd::UnclosedQuote => {
                    let rejected = Rejected::UnclosedQuote { from: line, to: self.source.line };
                    return Ok(Some(Record::rejected(line, rejected)));
                }
            }
            let mut texts = self.decode(&raw, tally);
            // Spreadsheet programs write empty lines as empty cells.
            if texts.iter().all(|text| text.trim().is_empty()) {
                continue;
            }
            let has_too_many = raw.cells > self.ends.len()
                || texts.get(self.width..).is_some_and(|extra| extra.iter().any(|text| !text.is_empty()));
            let rejected =
                has_too_many.then_some(Rejected::TooManyCells { actual: raw.cells, expected: self.width });
            self.join_surplus(&mut texts);
            let cells = texts.into_iter().enumerate().map(|(column, text)| {
                let text = match formula::remove(&text) {
                    value if self.removes_formula_guard && value.len() < text.len() => value.to_owned(),
                    _ => text,
                };
                Cell { column, value: CellValue::Text(text) }
            });
            return Ok(Some(Record { number: line, cells: cells.collect(), rejected }));
        }
        Ok(None)
    }
}
