//! Preconditions of updates and deletes (RFC 9110, section 13): optimistic concurrency control against lost updates.

/// A condition on the version of the stored resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    #[default]
    None,
    /// `If-Match: *`; always true of a resource that was found.
    Exists,
    /// `If-Match` with entity tags: one of these versions.
    OneOf(Vec<i64>),
}

impl Precondition {
    #[must_use]
    pub fn allows(&self, version: i64) -> bool {
        match self {
            Self::None | Self::Exists => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
