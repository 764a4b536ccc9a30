//! What the rest of the server needs to know of a dialect.

use serde_json::Value;

use super::{addressbook, v1};
use crate::domain::{Error, Field};

/// A dialect: its addresses and how it writes an error.
pub struct Dialect {
    /// The first segments of its paths.
    pub prefixes: &'static [&'static str],
    /// The tag of its operations in the OpenAPI document.
    pub tag: &'static str,
    /// What the summaries of its operations begin with, so that they can be told from the other dialect's
    /// where tags are not shown; `None` for the dialect that is the default.
    pub summary_prefix: Option<&'static str>,
    /// What it calls a member of a contact.
    pub field: fn(Field) -> &'static str,
    /// How it begins a sentence about a member.
    pub label: fn(&str) -> String,
    /// An error in its envelope.
    pub envelope: fn(&Error) -> Value,
    /// The name of the schema of its envelope.
    pub error_schema: &'static str,
}

impl Dialect {
    /// The summary of an operation of this dialect.
    #[must_use]
    pub fn summary(&self, summary: &str) -> String {
        let Some(prefix) = self.summary_prefix else { return summary.to_owned() };
        let mut letters = summary.chars();
        let first = letters.next().map(char::to_lowercase).into_iter().flatten();
        format!("{prefix}: {}{}", first.collect::<String>(), letters.as_str())
    }

    /// The dialect that is spoken at a path; v1 where none is.
    #[must_use]
    pub fn of(path: &str) -> &'static Self {
        Self::at(path).unwrap_or(&v1::DIALECT)
    }

    /// The dialect that is spoken at a path, if one is.
    #[must_use]
    pub fn at(path: &str) -> Option<&'static Self> {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        [&v1::DIALECT, &addressbook::DIALECT].into_iter().find(|dialect| dialect.prefixes.contains(&first))
    }
}
