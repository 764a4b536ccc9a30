//! Links from responses about erasures.

use super::spec::LinkSpec;

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "eraseContacts",
        status: "201",
        to: &["getErasure"],
        with: &[("id", "$response.body#/id")],
        about: "The receipt, whose `state` may have changed since.",
    },
    LinkSpec {
        from: "listErasures",
        status: "200",
        to: &["getErasure"],
        with: &[("id", "$response.body#/data/0/id")],
        about: "Uses the id of an erasure on the page, here the first one.",
    },
    LinkSpec {
        from: "getErasure",
        status: "200",
        to: &["listErasures"],
        with: &[("starting_after", "$response.body#/id")],
        about: "The erasures before this one.",
    },
];
