//! What a client decides about an import before its file arrives.

use super::mapping::ColumnMapping;
use crate::domain::contact::batch::MatchBy;
use crate::domain::file_format::{Delimiter, FileFormat, FormulaGuard};
use crate::domain::group::GroupName;
use crate::domain::violation::Violation;
use crate::domain::wire_names::wire_names;

wire_names! {
    /// Which rows of a file are carried out.
    ImportMode {
        Upsert => "upsert", "creates contacts that do not exist, and updates those that do";
        Create => "create", "creates contacts that do not exist, and skips the others";
        Update => "update", "updates contacts that exist, and skips the others";
    }
}

wire_names! {
    /// What happens when the plan is complete.
    CommitMode {
        Manual => "manual", "the import waits until it is committed";
        Automatic => "automatic", "the import is committed at once";
    }
}

/// The country in which a number without a country code is dialled: an ISO 3166-1 code of two letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(phonenumber::country::Id);

impl Region {
    pub fn parse(text: &str) -> Result<Self, Violation> {
        text.to_ascii_uppercase().parse().map(Self).map_err(|_| Violation::NotRegion)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    pub(in crate::domain) fn id(self) -> phonenumber::country::Id {
        self.0
    }
}

/// A cell with this text clears the value of the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearToken(String);

impl ClearToken {
    pub const MAX_CHARS: usize = 32;

    pub fn parse(text: &str) -> Result<Self, Violation> {
        crate::domain::text::clean(text, Self::MAX_CHARS, crate::domain::text::is_control).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    pub mode: ImportMode,
    pub match_by: MatchBy,
    /// `None`: recognised by the media type and the content of the file.
    pub format: Option<FileFormat>,
    /// Empty: guessed from the names of the columns.
    pub columns: Vec<ColumnMapping>,
    pub default_region: Option<Region>,
    /// `None`: recognised by the header line.
    pub delimiter: Option<Delimiter>,
    pub clear_token: Option<ClearToken>,
    pub formula_guard: FormulaGuard,
    /// A group that every contact of the file joins.
    pub group: Option<GroupName>,
    /// Whether columns whose name is guessed may change groups: an import that is committed automatically has only the
    /// permissions of the key that created it.
    pub guess_groups: bool,
    pub commit: CommitMode,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            mode: ImportMode::Upsert,
            match_by: MatchBy::Handle,
            format: None,
            columns: Vec::new(),
            default_region: None,
            delimiter: None,
            clear_token: None,
            formula_guard: FormulaGuard::Auto,
            group: None,
            guess_groups: true,
            commit: CommitMode::Manual,
        }
    }
}

impl ImportOptions {
    /// Maximum number of column mappings.
    pub const MAX_COLUMNS: usize = 200;
}
