//! A variable of a template: its leaf type, shared by checker, data and template.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The path as written: `NAME`, `ADDRESS.CITY`, `contact.alias`.
    pub name: String,
    /// Whether a recipient without it is excluded. `false` if the template has a default for it or tests for it.
    pub required: bool,
}
