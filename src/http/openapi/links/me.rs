//! Links from the account and the key of a request: to what its numbers are about.

use super::spec::LinkSpec;

const LIST: LinkSpec = LinkSpec { from: "getMe", status: "200", to: &[], with: &[], about: "" };

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec { to: &["listContacts"], about: "The contacts that `usage.contacts` counts.", ..LIST },
    LinkSpec {
        to: &["listAudiences"],
        about: "The kept audiences that `usage.audience_entries` counts.",
        ..LIST
    },
    LinkSpec {
        to: &["listImports"],
        about: "The imports whose files and plans `usage.import_bytes` counts.",
        ..LIST
    },
];
