//! Links from responses about changes.

use super::spec::LinkSpec;

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "listChanges",
        status: "200",
        to: &["listChanges"],
        with: &[("since", "$response.body#/next")],
        about: "The changes after those on the page.",
    },
    LinkSpec {
        from: "exportContacts",
        status: "200",
        to: &["listChanges"],
        with: &[("since", "$response.header.X-Change-Position")],
        about: "What has changed since the export began.",
    },
];
