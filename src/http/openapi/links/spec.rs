//! Links, and the entries of the link tables.

/// A link from one response of an operation.
pub(super) struct Link {
    pub(super) status: &'static str,
    /// The operation that the response leads to.
    pub(super) to: String,
    /// Its parameters, and the runtime expressions of the values.
    pub(super) with: &'static [(&'static str, &'static str)],
    pub(super) about: String,
}

/// Links from one response of an operation to several others.
pub(super) struct LinkSpec {
    pub(super) from: &'static str,
    pub(super) status: &'static str,
    pub(super) to: &'static [&'static str],
    pub(super) with: &'static [(&'static str, &'static str)],
    pub(super) about: &'static str,
}

impl LinkSpec {
    pub(super) fn links(&self) -> impl Iterator<Item = Link> {
        self.to.iter().map(|to| Link {
            status: self.status,
            to: (*to).to_owned(),
            with: self.with,
            about: self.about.to_owned(),
        })
    }
}
