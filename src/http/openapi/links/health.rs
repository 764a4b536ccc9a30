//! Links from responses about health.

use super::spec::LinkSpec;

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "getHealth",
        status: "200",
        to: &["getReadiness"],
        with: &[],
        about: "Whether the database is available as well.",
    },
    LinkSpec {
        from: "getReadiness",
        status: "200",
        to: &["listContacts", "listAddressBookContacts"],
        with: &[],
        about: "Requests for contacts can be served.",
    },
];
