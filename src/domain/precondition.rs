//! What must hold for a change to be made (RFC 9110, section 13): so that no update is lost.

/// A condition on the version of a contact that is about to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// None: the change is made whatever the contact looks like.
    #[default]
    None,
    /// `If-Match: *`: the contact exists, which a change needs anyway.
    Exists,
    /// `If-Match` with entity tags: the contact has one of these versions.
    OneOf(Vec<i64>),
}

impl Precondition {
    /// Whether a contact of a version may be changed.
    #[must_use]
    pub fn allows(&self, version: i64) -> bool {
        match self {
            Self::None | Self::Exists => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
