//! The formats and their names.

use crate::domain::file_format::FileFormat;

/// The format that a `Content-Type` names, in any of the spellings in use. `None` if it names none: the content of the
/// file decides then.
#[must_use]
pub fn of_media_type(content_type: &str) -> Option<FileFormat> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/csv" | "application/csv" | "text/tab-separated-values" => Some(FileFormat::Csv),
        "text/vcard" | "text/x-vcard" | "text/directory" => Some(FileFormat::VCard),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(FileFormat::NdJson),
        "application/jscontact+json" => Some(FileFormat::JsContact),
        _ => None,
    }
}

/// For whom a CSV file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// For programs: nothing is altered.
    Exact,
    /// For spreadsheet programs: with a byte order mark, a column for each key of meta, and a guard before whatever would
    /// run as a formula.
    Spreadsheet,
}

impl Profile {
    pub const ALL: [Self; 2] = [Self::Exact, Self::Spreadsheet];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Spreadsheet => "spreadsheet",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }
}
