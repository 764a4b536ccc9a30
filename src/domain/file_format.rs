//! The formats of files with contacts, and how CSV varies.

use super::wire_names::wire_names;

wire_names! {
    FileFormat {
        Csv => "csv", "comma-separated values with a header line (RFC 4180)";
        VCard => "vcard", "vCard 4.0 (RFC 6350), and the older 3.0 and 2.1";
        NdJson => "ndjson", "one JSON object per line, with the members of a contact";
        JsContact => "jscontact", "JSContact cards (RFC 9553), in an array or one after the other";
    }
}

impl FileFormat {
    /// What a file of this format is served as.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::VCard => "text/vcard",
            Self::NdJson => "application/x-ndjson",
            Self::JsContact => "application/jscontact+json",
        }
    }

    /// Without the dot.
    #[must_use]
    pub const fn file_extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::VCard => "vcf",
            Self::NdJson => "ndjson",
            Self::JsContact => "json",
        }
    }
}

wire_names! {
    /// What separates the cells of a CSV file, in the order in which they are preferred.
    Delimiter {
        Comma => ",", "a comma";
        Semicolon => ";", "a semicolon";
        Tab => "tab", "a tab";
        Pipe => "|", "a vertical bar";
    }
}

impl Delimiter {
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}

wire_names! {
    /// Whether an apostrophe is removed that keeps a spreadsheet from evaluating a cell as a formula.
    FormulaGuard {
        Auto => "auto", "removed if the file begins with a byte order mark, as spreadsheets write it";
        Remove => "remove", "removed";
        Keep => "keep", "kept: the apostrophe is part of the value";
    }
}
