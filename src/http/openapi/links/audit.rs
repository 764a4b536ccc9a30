//! Links from the audit log.

use super::spec::LinkSpec;

pub(super) const LINKS: &[LinkSpec] = &[LinkSpec {
    from: "listAuditEntries",
    status: "200",
    to: &["listAuditEntries"],
    with: &[("id", "$response.body#/data/0/id")],
    about: "All changes of the resource that was changed last.",
}];
