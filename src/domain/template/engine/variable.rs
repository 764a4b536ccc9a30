//! What a template reads of a recipient.

/// A variable of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// As the template writes it: `NAME`, `ADDRESS.CITY`, `contact.alias`.
    pub name: String,
    /// Whether a recipient without it gets no message. Else the template has a fallback for it, or asks
    /// whether it is there.
    pub required: bool,
}
