//! Records, their cells, and the columns that the cells belong to.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::error::{FileError, Note, Rejected};
use super::limits::{MAX_COLUMNS, MAX_RECORD_BYTES};
use super::source::Encoding;

/// The records of one format.
pub(super) trait Records {
    fn next(&mut self, columns: &mut Columns, tally: &mut Tally) -> Result<Option<Record>, FileError>;
}

/// One contact of a file, or what stands in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Of CSV and NDJSON the line on which the record begins, of cards their ordinal; both from 1.
    pub number: u64,
    /// At most one for each column. A column without a cell is absent from the record.
    pub cells: Vec<Cell>,
    /// Why the record cannot be read. What could be read of it is in the cells.
    pub rejected: Option<Rejected>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The index of the column in [`Reader::columns`](super::Reader::columns).
    pub column: usize,
    pub value: CellValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CellValue {
    Text(String),
    /// No string. `null` means that there is expressly no value.
    Json(Value),
}

impl From<Value> for CellValue {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            value => Self::Json(value),
        }
    }
}

impl Record {
    pub(super) fn rejected(number: u64, rejected: Rejected) -> Self {
        Self { number, cells: Vec::new(), rejected: Some(rejected) }
    }

    /// From cells by name, whose columns are added if they are new.
    pub(super) fn from_named(
        number: u64,
        named: impl IntoIterator<Item = (String, CellValue)>,
        columns: &mut Columns,
    ) -> Self {
        let mut record = Self { number, cells: Vec::new(), rejected: None };
        for (name, value) in named {
            match columns.index_or_insert(name) {
                Some(column) => record.cells.push(Cell { column, value }),
                None => record.rejected = Some(Rejected::TooManyColumns),
            }
        }
        record
    }
}

/// The columns of a file, by name and by index. Bounded in number and in bytes.
#[derive(Default)]
pub(super) struct Columns {
    names: Vec<Arc<str>>,
    indices: HashMap<Arc<str>, usize>,
    bytes: usize,
}

impl Columns {
    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.indices.get(name).copied()
    }

    /// `None` if there are too many already.
    pub(super) fn index_or_insert(&mut self, name: String) -> Option<usize> {
        if let Some(index) = self.index(&name) {
            return Some(index);
        }
        self.bytes += name.len();
        if self.names.len() == MAX_COLUMNS || self.bytes > MAX_RECORD_BYTES {
            self.bytes -= name.len();
            return None;
        }
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.indices.insert(name, self.names.len() - 1);
        Some(self.names.len() - 1)
    }
}

/// How many records something happened to, and to which first.
#[derive(Clone, Copy, Default)]
pub(super) struct Occurrences {
    count: u64,
    first: u64,
}

impl Occurrences {
    pub(super) fn add(&mut self, number: u64) {
        if self.count == 0 {
            self.first = number;
        }
        self.count += 1;
    }
}

/// What happened while reading and should be known.
#[derive(Default)]
pub(super) struct Tally {
    /// Records that are not UTF-8.
    pub(super) windows_1252: Occurrences,
    /// Pictures and sounds that are not web addresses, but mostly in the file itself.
    pub(super) media_without_url: Occurrences,
}

impl Tally {
    pub(super) fn notes(&self, encoding: Encoding) -> Vec<Note> {
        let Self { windows_1252, media_without_url } = *self;
        let mut notes = Vec::new();
        if encoding != Encoding::Windows1252 && windows_1252.count > 0 {
            let Occurrences { count, first } = windows_1252;
            notes.push(Note::NotUtf8 { count, first });
        }
        if media_without_url.count > 0 {
            let Occurrences { count, first } = media_without_url;
            notes.push(Note::MediaWithoutUrl { count, first });
        }
        notes
    }

    /// Decodes bytes of a record that may be Windows-1252 even in a file of UTF-8.
    pub(super) fn decode(&mut self, number: u64, bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap_or_else(|error| {
            self.windows_1252.add(number);
            windows_1252(error.as_bytes())
        })
    }
}

pub(super) fn windows_1252(bytes: &[u8]) -> String {
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}
