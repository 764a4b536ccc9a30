//! What can be wrong with a file, with a record, and what is worth knowing about the rest.
//!
//! Invariant: the sentences name columns and lines, but repeat no value.

use std::io;

use thiserror::Error;

use super::limits::{MAX_COLUMNS, MAX_RECORD_BYTES};

const MAX_RECORD_KIB: usize = MAX_RECORD_BYTES / 1024;

/// Why a file, or the rest of it, cannot be read at all.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("The file could not be read")]
    Io(#[source] io::Error),
    #[error("The file is empty")]
    Empty,
    #[error("The file is larger than {max} bytes when decompressed")]
    TooLarge { max: u64 },
    #[error("The compressed file is damaged or incomplete")]
    Gzip,
    #[error("The file is {actual}, and not text; save it as CSV (UTF-8), and send that")]
    NotText {
        /// With its article.
        actual: &'static str,
    },
    #[error("The column `{name}` occurs twice in the header")]
    DuplicateColumn { name: String },
    #[error("The file has more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    #[error("The header is longer than {MAX_RECORD_KIB} KiB")]
    HeaderTooLong,
    #[error("A quotation mark in the header has no counterpart")]
    HeaderUnclosedQuote,
}

impl FileError {
    /// Stable, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "unreadable_file",
            Self::Empty => "empty_file",
            Self::TooLarge { .. } => "file_too_large",
            Self::Gzip => "damaged_gzip",
            Self::NotText { .. } => "not_text",
            Self::DuplicateColumn { .. } => "duplicate_column",
            Self::TooManyColumns => "too_many_columns",
            Self::HeaderTooLong => "header_too_long",
            Self::HeaderUnclosedQuote => "unclosed_quote",
        }
    }
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    #[error("The record is longer than {MAX_RECORD_KIB} KiB")]
    TooLong,
    #[error("The record has {actual} cells, but the header has {expected} columns")]
    TooManyCells { actual: usize, expected: usize },
    #[error(
        "A quotation mark has no counterpart: everything from line {from} to line {to} belongs to this record"
    )]
    UnclosedQuote { from: u64, to: u64 },
    #[error("The file has more than {MAX_COLUMNS} columns with this record, or their names are too long")]
    TooManyColumns,
    #[error("The line is not valid JSON")]
    NotJson,
    #[error("The line is not a JSON object")]
    NotObject,
    #[error("A name occurs twice in a JSON object")]
    DuplicateMember,
    #[error("A number has more digits than programs can store; send it as a string")]
    InexactNumber,
    #[error("This is not a JSContact Card: `@type` must be \"Card\"")]
    NotCard,
    #[error("The card has no end")]
    UnterminatedCard,
    #[error("Line {line} belongs to no card")]
    OutsideCard { line: u64 },
    #[error("Line {line} is not a property: it has no colon")]
    MalformedLine { line: u64 },
    #[error("This version of vCard is not supported; 2.1, 3.0 and 4.0 are")]
    UnsupportedVersion,
}

impl Rejected {
    /// Stable, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "record_too_long",
            Self::TooManyCells { .. } => "too_many_cells",
            Self::UnclosedQuote { .. } => "unclosed_quote",
            Self::TooManyColumns => "too_many_columns",
            Self::NotJson => "not_json",
            Self::NotObject => "not_object",
            Self::DuplicateMember => "duplicate_member",
            Self::InexactNumber => "inexact_number",
            Self::NotCard => "not_card",
            Self::UnterminatedCard => "unterminated_card",
            Self::OutsideCard { .. } => "outside_card",
            Self::MalformedLine { .. } => "malformed_line",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }
}

impl From<crate::domain::json::JsonError> for Rejected {
    fn from(error: crate::domain::json::JsonError) -> Self {
        use crate::domain::json::JsonError;
        match error {
            JsonError::Syntax => Self::NotJson,
            JsonError::NotObject => Self::NotObject,
            JsonError::DuplicateKey => Self::DuplicateMember,
            JsonError::InexactNumber => Self::InexactNumber,
        }
    }
}

/// What was read in a way that the author of the file may not have meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Note {
    #[error(
        "{count} records are not UTF-8, the first of them number {first}; they were read as Windows-1252"
    )]
    NotUtf8 { count: u64, first: u64 },
    #[error(
        "{count} cards, the first of them number {first}, have pictures or sounds that are not web addresses; these were \
         left out"
    )]
    MediaWithoutUrl { count: u64, first: u64 },
}

impl Note {
    /// Stable, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "not_utf8",
            Self::MediaWithoutUrl { .. } => "media_without_url",
        }
    }
}
