//! The writer: the beginning, the contacts and the end of a file.

use std::fmt;

use super::csv::MetaColumns;
use super::exported::ExportedContact;
use super::{csv, jscontact, ndjson, vcard};
use crate::domain::file_format::FileFormat;
use crate::formats::format::Profile;

/// Writes one file: [`Self::begin`], any number of [`Self::write`], [`Self::finish`].
pub struct Writer {
    layout: Layout,
}

enum Layout {
    ExactCsv { with_groups: bool },
    SpreadsheetCsv { with_groups: bool, meta_columns: MetaColumns },
    VCard,
    NdJson,
    JsContact { is_first: bool },
}

impl Writer {
    /// The profile and the columns of meta are those of CSV.
    #[must_use]
    pub fn new(format: FileFormat, profile: Profile, meta_columns: MetaColumns, with_groups: bool) -> Self {
        let layout = match (format, profile) {
            (FileFormat::Csv, Profile::Exact) => Layout::ExactCsv { with_groups },
            (FileFormat::Csv, Profile::Spreadsheet) => Layout::SpreadsheetCsv { with_groups, meta_columns },
            (FileFormat::VCard, _) => Layout::VCard,
            (FileFormat::NdJson, _) => Layout::NdJson,
            (FileFormat::JsContact, _) => Layout::JsContact { is_first: true },
        };
        Self { layout }
    }

    /// What stands before the contacts.
    pub fn begin(&self, out: &mut Vec<u8>) {
        match &self.layout {
            Layout::ExactCsv { with_groups } => csv::write_exact_header(*with_groups, out),
            Layout::SpreadsheetCsv { with_groups, meta_columns } => {
                csv::write_spreadsheet_header(meta_columns, *with_groups, out);
            }
            Layout::VCard | Layout::NdJson => {}
            Layout::JsContact { .. } => out.push(b'['),
        }
    }

    /// Appends contacts.
    ///
    /// # Errors
    /// A value has no JSON, which the stored ones do.
    pub fn write(&mut self, contact: ExportedContact<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &mut self.layout {
            Layout::ExactCsv { .. } => csv::write_exact(contact, out),
            Layout::SpreadsheetCsv { meta_columns, .. } => csv::write_spreadsheet(contact, meta_columns, out),
            Layout::VCard => {
                vcard::write(contact, out);
                Ok(())
            }
            Layout::NdJson => ndjson::write(contact, out),
            Layout::JsContact { is_first } => {
                out.extend_from_slice(if std::mem::take(is_first) { b"\n" } else { b",\n" });
                jscontact::write(contact, out)
            }
        }
    }

    /// What stands behind the contacts. NDJSON has room for the position in the change log.
    ///
    /// # Errors
    /// See [`Self::write`].
    pub fn finish(&self, position: impl fmt::Display, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &self.layout {
            Layout::ExactCsv { .. } | Layout::SpreadsheetCsv { .. } | Layout::VCard => Ok(()),
            Layout::NdJson => ndjson::write_position(&position.to_string(), out),
            Layout::JsContact { .. } => {
                out.extend_from_slice(b"\n]\n");
                Ok(())
            }
        }
    }
}
