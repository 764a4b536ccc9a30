//! The formats and their names.

/// A file format of contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// RFC 6350, and the older 3.0 and 2.1.
    VCard,
    /// A JSON object per line, with the members of v1's contacts.
    NdJson,
    /// RFC 9553: an array of Cards, or Cards one after the other.
    JsContact,
}

impl Format {
    pub const ALL: [Self; 4] = [Self::Csv, Self::VCard, Self::NdJson, Self::JsContact];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::VCard => "vcard",
            Self::NdJson => "ndjson",
            Self::JsContact => "jscontact",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

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

    /// The format that a `Content-Type` names, in any of the spellings in use. `None` if it names none: the content of
    /// the file decides then.
    #[must_use]
    pub fn of_media_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/csv" | "application/csv" | "text/tab-separated-values" => Some(Self::Csv),
            "text/vcard" | "text/x-vcard" | "text/directory" => Some(Self::VCard),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::NdJson),
            "application/jscontact+json" => Some(Self::JsContact),
            _ => None,
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

/// What separates the cells of a CSV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delimiter {
    Comma,
    Semicolon,
    Tab,
    Pipe,
}

impl Delimiter {
    /// In the order in which they are preferred.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    #[must_use]
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// The name on the wire: the character itself, or `tab`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Semicolon => ";",
            Self::Tab => "tab",
            Self::Pipe => "|",
        }
    }

    /// Accepts the tab as a character, too.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|delimiter| delimiter.as_str() == name || name.as_bytes() == [delimiter.as_byte()])
    }
}
