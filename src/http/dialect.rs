//! A wire dialect as plain data. `server.rs` hands the [`Dialects`] down; nothing below it names one of them.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::domain::{Error, Field};

/// The paths of a dialect, its error envelope, and its part of the OpenAPI document.
#[derive(Debug)]
pub struct Dialect {
    /// The first path segments of its operations.
    pub prefixes: &'static [&'static str],
    /// The path of the OpenAPI document with its operations only.
    pub document_path: &'static str,
    /// The tags of its operations. The first one is the default.
    pub tags: &'static [Tag],
    /// Begins the summaries of its operations, for tools that do not show tags; `None` for the default dialect.
    pub summary_prefix: Option<&'static str>,
    pub names: &'static FieldNames,
    /// Renders an error in its envelope.
    pub envelope: fn(&Error) -> Value,
    /// The name of the schema of its envelope.
    pub error_schema: &'static str,
    /// The schema of its envelope and those that it refers to.
    pub error_schemas: fn() -> Vec<NamedSchema>,
}

/// A component of the OpenAPI document.
pub type NamedSchema = (String, RefOr<Schema>);

/// A tag of the OpenAPI document.
#[derive(Debug)]
pub struct Tag {
    pub name: &'static str,
    pub description: &'static str,
}

/// What a dialect calls the members of a contact.
#[derive(Debug)]
pub struct FieldNames {
    pub name: fn(Field) -> &'static str,
    /// The name as the subject of a sentence.
    pub label: fn(&str) -> String,
}

impl Dialect {
    /// The summary of an operation, with the dialect's prefix.
    #[must_use]
    pub fn summary(&self, summary: &str) -> String {
        let Some(prefix) = self.summary_prefix else { return summary.to_owned() };
        let mut letters = summary.chars();
        let first = letters.next().map(char::to_lowercase).into_iter().flatten();
        format!("{prefix}: {}{}", first.collect::<String>(), letters.as_str())
    }

    #[must_use]
    pub fn default_tag(&self) -> &'static str {
        self.tags.first().map_or("", |tag| tag.name)
    }

    /// Whether a path belongs to the dialect.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        self.prefixes.contains(&first)
    }
}

/// Every dialect that the server speaks.
#[derive(Clone, Copy, Debug)]
pub struct Dialects {
    /// Renders errors on paths of no dialect.
    pub default: &'static Dialect,
    pub others: &'static [&'static Dialect],
}

impl Dialects {
    pub fn iter(self) -> impl Iterator<Item = &'static Dialect> {
        std::iter::once(self.default).chain(self.others.iter().copied())
    }

    /// The dialect of a path, if it has one.
    #[must_use]
    pub fn at(self, path: &str) -> Option<&'static Dialect> {
        self.iter().find(|dialect| dialect.serves(path))
    }
}

/// The schema of a type, and those that it refers to.
#[must_use]
pub fn schemas_of<T: ToSchema>() -> Vec<NamedSchema> {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    schemas
}
