//! Links from responses about fields.

use super::spec::LinkSpec;

const IN_RESPONSE: &str = "Uses the id of the field in the response.";

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "declareField",
        status: "201",
        to: &["getField", "deleteField"],
        with: &[("id", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "declareField",
        status: "409",
        to: &["listFields"],
        with: &[("key", "$request.body#/key")],
        about: "The field that already has the key.",
    },
    LinkSpec {
        from: "listFields",
        status: "200",
        to: &["getField", "deleteField"],
        with: &[("id", "$response.body#/data/0/id")],
        about: "Uses the id of a field on the page, here the first one.",
    },
    LinkSpec {
        from: "getField",
        status: "200",
        to: &["deleteField"],
        with: &[("id", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "deleteField",
        status: "204",
        to: &["listFields"],
        with: &[],
        about: "The remaining fields.",
    },
];
