//! Reading a file from memory into records by name of column.

use addressbook::formats::read::{CellValue, Detected, FileError, FormulaGuard, Note, ReadOptions, Reader};
use serde_json::{Map, Value};

pub const OPTIONS: ReadOptions =
    ReadOptions { format: None, delimiter: None, formula_guard: FormulaGuard::Auto, max_bytes: 1 << 30 };

/// A file, read to its end.
#[derive(Debug)]
pub struct File {
    pub detected: Detected,
    pub columns: Vec<String>,
    pub records: Vec<Named>,
    pub notes: Vec<Note>,
}

/// A record with its cells by name of column, in the order of the record.
#[derive(Debug, PartialEq)]
pub struct Named {
    pub number: u64,
    pub cells: Map<String, Value>,
    pub rejected: Option<&'static str>,
}

impl Named {
    pub fn text(&self, column: &str) -> &str {
        self.cells.get(column).and_then(Value::as_str).unwrap_or_else(|| panic!("no {column}: {self:?}"))
    }
}

pub fn read_with(file: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<File, FileError> {
    // One byte at a time must do as well.
    let file = Trickle { bytes: file.into(), position: 0 };
    let mut reader = Reader::open(file, options)?;
    let records: Vec<_> = reader.by_ref().collect::<Result<_, _>>()?;
    let columns: Vec<String> = reader.columns().iter().map(|name| name.to_string()).collect();
    let named = records.into_iter().map(|record| {
        let mut cells = Map::new();
        for cell in record.cells {
            let value = match cell.value {
                CellValue::Text(text) => Value::String(text),
                CellValue::Json(value) => {
                    assert!(!value.is_string());
                    value
                }
            };
            assert!(cells.insert(columns[cell.column].clone(), value).is_none(), "two cells of one column");
        }
        Named { number: record.number, cells, rejected: record.rejected.map(|rejected| rejected.code()) }
    });
    Ok(File {
        detected: reader.detected(),
        records: named.collect(),
        columns: columns.clone(),
        notes: reader.notes(),
    })
}

pub fn read(file: impl Into<Vec<u8>>) -> File {
    read_with(file, &OPTIONS).unwrap()
}

/// The code of the error of a file that cannot be read.
pub fn error_code(file: impl Into<Vec<u8>>) -> &'static str {
    read_with(file, &OPTIONS).unwrap_err().code()
}

/// Gives what is asked for in pieces of changing, mostly small size.
struct Trickle {
    bytes: Vec<u8>,
    position: usize,
}

impl std::io::Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.bytes[self.position..];
        let piece = if self.position < 1_000 { 1 + self.position % 7 } else { 4_099 };
        let length = rest.len().min(buffer.len()).min(piece);
        buffer[..length].copy_from_slice(&rest[..length]);
        self.position += length;
        Ok(length)
    }
}

pub fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
