//! An entry of the link tables.

/// Links from one response of an operation.
pub(super) struct LinkSpec {
    pub(super) from: &'static str,
    pub(super) status: &'static str,
    /// The operations that the response leads to.
    pub(super) to: &'static [&'static str],
    /// Their parameters, and the runtime expressions of the values.
    pub(super) with: &'static [(&'static str, &'static str)],
    pub(super) about: &'static str,
}
